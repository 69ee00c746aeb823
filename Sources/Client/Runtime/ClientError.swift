import Wire

/// Why a client can't do its work. The text says what happened, to what, and what to do.
public enum ClientError: Error, Sendable, CustomStringConvertible {
  /// No coordinator gave a usable map in time.
  case noMap(coordinators: [Endpoint], reason: String)
  /// A coordinator refuses this client for good.
  case refused(coordinator: Endpoint, Failure)
  case closed
  /// A file can't be read or written.
  case file(path: String, String)
  /// A configuration or mapping file says something wrong.
  case configuration(String)
  /// What is asked for can't be done with these files.
  case usage(String)

  public var description: String {
    switch self {
    case .noMap(let coordinators, let reason):
      "no cluster map from \(coordinators.map { "\($0)" }.joined(separator: ", ")): \(reason)"
    case .refused(let coordinator, let failure): "the coordinator at \(coordinator) refuses this client: \(failure.message)"
    case .closed: "the client is closed"
    case .file(let path, let what): "\(path): \(what)"
    case .configuration(let what), .usage(let what): what
    }
  }

  /// Whether the person who called it has to change the call, not the cluster.
  public var isUsage: Bool {
    switch self {
    case .configuration, .usage, .file: true
    case .noMap, .refused, .closed: false
    }
  }
}
