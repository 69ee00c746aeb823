import Models
import NIOCore
import NIOPosix
import Synchronization
import Wire

@testable import Worker

/// Decides by the first word of a transaction's id, and keeps what it was given.
final class HTTPGateway: DecisionGateway {
  struct Seen {
    var submits: [(Submit, rows: Int)] = []
    var quarantined: [Quarantine.Record] = []
  }

  static let bundle = Decisions.BundleNames(
    id: BundleID(high: 1, low: 2), reasons: ["CARD_VELOCITY", "ODD \"HOUR\""], features: ["count_1h", "sum_24h"])

  let seen = Mutex(Seen())
  /// Answers that wait for `release`, and those who wait for one to do so.
  private let held: Mutex<[@Sendable () -> Void]> = Mutex([])
  private let holding = AsyncStream.makeStream(of: Void.self)
  /// Answers for the whole batch instead of deciding; nil for no answer at all.
  let failure: Mutex<Failure?> = Mutex(nil)
  let readiness = Mutex(Readiness.ready)
  let fields: Mutex<[ExtraFieldSpec]> = Mutex([])

  var isReady: Readiness { readiness.withLock { $0 } }
  var extraFields: [ExtraFieldSpec] { fields.withLock { $0 } }

  func submit(_ payload: [UInt8], on loop: any EventLoop, answer: @escaping @Sendable (Result<Decisions, Failure>) -> Void) {
    loop.preconditionInEventLoop()
    if let failure = failure.withLock({ $0 }) { return answer(.failure(failure)) }
    do {
      let submit = try Submit(reading: payload.span.bytes)
      var rows: [Range<Int>] = []
      try submit.locateRows(in: payload.span.bytes, into: &rows)
      seen.withLock { $0.submits.append((submit, rows: rows.count)) }
      var decisions = Decisions()
      decisions.bundles = [Self.bundle]
      var isHeld = false
      for (index, range) in rows.enumerated() {
        let id = TransactionView(trusted: payload.span.bytes.extracting(range)).id.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        isHeld = isHeld || id.hasPrefix("hold")
        decisions.outcomes.append(outcome(id, index, withFeatures: submit.flags.contains(.withFeatures)))
      }
      let made = decisions
      if isHeld {
        held.withLock { $0.append { loop.execute { answer(.success(made)) } } }
        holding.continuation.yield()
        return
      }
      // Not at once: as from a log that has to be synced first.
      loop.execute { answer(.success(made)) }
    } catch {
      answer(.failure(Failure(.malformed, "\(error)")))
    }
  }

  /// Returns when a transaction `hold-...` has come.
  func holds() async {
    for await _ in holding.stream { return }
  }

  func release() {
    let answers = held.withLock { held in
      defer { held = [] }
      return held
    }
    for answer in answers { answer() }
  }

  private func outcome(_ id: String, _ index: Int, withFeatures: Bool) -> Decisions.Outcome {
    func retry(_ code: FailureCode) -> Decisions.Outcome {
      var outcome = Decisions.Outcome(status: .retry)
      outcome.failure = code
      return outcome
    }
    switch id.prefix(while: { $0 != "-" }) {
    case "busy": return retry(.busy)
    case "gone": return retry(.unavailable)
    case "late": return retry(.deadline)
    case "conflict", "future":
      var outcome = Decisions.Outcome(status: .rejected)
      outcome.rejection =
        id.hasPrefix("conflict")
        ? Rejection(.conflictingDuplicate, field: "transaction_id", "decided before with other content")
        : Rejection(.timeInFuture, field: "event_time", "the time lies ahead")
      return outcome
    case "unknown":
      var outcome = Decisions.Outcome(status: .rejected)
      outcome.rejection = Rejection(.unknownTransaction, field: "transaction_id", "it is not there")
      return outcome
    case "label": return Decisions.Outcome(status: .applied)
    case "labelled": return Decisions.Outcome(status: .alreadyApplied)
    case let word:
      var outcome = Decisions.Outcome(status: word == "dup" ? .duplicate : .decided)
      outcome.partition = PartitionID(3)
      outcome.offset = Offset(UInt64(17 + index))
      if id.hasSuffix("listed") { outcome.listVersion = 12 }
      outcome.decision =
        word == "fraud"
        ? Decision(
          score: 0.9125, action: .decline, verdict: .potentialFraud, flags: [.degraded, .late],
          reasons: SIMD4(1, 0, Decision.noReason, Decision.noReason))
        : Decision(score: 0.25, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons)
      if withFeatures { outcome.features = [3, .nan] }
      return outcome
    }
  }

  func quarantine(_ records: [Quarantine.Record], on loop: any EventLoop, done: @escaping @Sendable (Failure?) -> Void) {
    loop.preconditionInEventLoop()
    seen.withLock { $0.quarantined += records }
    loop.execute { done(nil) }
  }
}

/// A server on a free port of this host, with a gateway of its own.
struct HTTPFixture {
  let gateway = HTTPGateway()
  let registry = MetricsRegistry()
  let server: HTTPServer

  init(tls: TLSServerContext? = nil, _ adjust: (inout HTTPOptions) -> Void = { _ in }) async throws {
    var options = HTTPOptions()
    adjust(&options)
    let gateway = gateway
    let registry = registry
    server = try await HTTPServer.bind(
      group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: 0, tls: tls, options: options, metrics: registry
    ) { _ in WorkerRoutes.make(gateway, WorkerMetrics(registry), registry, now: { 1_790_000_000_000 }) }
  }

  func connect(tls: TLSClientContext? = nil) async throws -> HTTPClient {
    try await HTTPClient.connect(port: server.port, tls: tls)
  }

  static func transaction(_ id: String, more: String = "") -> String {
    "{\"transaction_id\":\"\(id)\",\"event_time\":\"2026-11-21T07:00:00Z\",\"amount\":\"12.34\",\"currency\":\"EUR\","
      + "\"card\":\"c_9\"\(more)}"
  }
}
