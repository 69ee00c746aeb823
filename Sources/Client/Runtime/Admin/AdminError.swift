import Wire

/// Why a coordinator did not do what an operator asked. The text says what happened, to what, and what to do.
public enum AdminError: Error, Sendable, CustomStringConvertible {
  /// Each coordinator was tried once; why the last one was not reached.
  case unreachable(coordinators: [Endpoint], reason: String)
  /// A coordinator refused this one request.
  case refused(coordinator: Endpoint, Failure)
  /// No answer in time. The request may have been carried out all the same.
  case noAnswer(coordinator: Endpoint, seconds: Double)
  /// The certificate files of the configuration can't be used.
  case certificate(String)
  case bundleTooLarge(bytes: Int)
  /// A bundle did not become the deciding one.
  case notActivated(BundleID, reason: String)
  /// A worker refused a request, was not reached, or gave no answer in time.
  case workerRefused(worker: Endpoint, Failure)
  case workerUnreachable(worker: Endpoint, reason: String)
  case noWorkerAnswer(worker: Endpoint, seconds: Double)
  /// There is nothing to go back to.
  case notRolledBack(reason: String)
  /// What became of an operation, in words.
  case operation(String)
  case closed

  public var description: String {
    switch self {
    case .unreachable(let coordinators, let reason):
      coordinators.count == 1
        ? "the coordinator at \(coordinators[0]) was not reached: \(reason)"
        : "none of the coordinators \(coordinators.map { "\($0)" }.joined(separator: ", ")) was reached: \(reason)"
    case .refused(let coordinator, let failure): "the coordinator at \(coordinator) refuses: \(failure.message)"
    case .noAnswer(let coordinator, let seconds):
      "the coordinator at \(coordinator) gave no answer within \(seconds) s: ask for the status, and try again"
    case .certificate(let what): what
    case .bundleTooLarge(let bytes):
      "the bundle has \(bytes) bytes, and at most \(ClusterLimit.bundleSize) are taken: use fewer or smaller trees"
    case .notActivated(let bundle, let reason): "the bundle \(bundle) is stored and does not decide: \(reason)"
    case .workerRefused(let worker, let failure): "the worker at \(worker) refuses: \(failure.message)"
    case .workerUnreachable(let worker, let reason): "the worker at \(worker) was not reached: \(reason)"
    case .noWorkerAnswer(let worker, let seconds): "the worker at \(worker) gave no answer within \(seconds) s: try again"
    case .notRolledBack(let reason): "nothing is rolled back: \(reason)"
    case .operation(let what): what
    case .closed: "the connection was closed here"
    }
  }

  /// Whether the same request may succeed later, unchanged.
  public var isRetriable: Bool {
    switch self {
    case .unreachable, .noAnswer, .workerUnreachable, .noWorkerAnswer: true
    case .refused(_, let failure), .workerRefused(_, let failure): failure.isRetriable
    case .certificate, .bundleTooLarge, .notActivated, .notRolledBack, .operation, .closed: false
    }
  }
}
