import Client
import Models
import NIOCore
import Wire

/// Makes transactions, has the cluster decide them, and keeps what it said next to what is true. All on one event loop.
///
/// Kept for a transaction: 14 bytes (id, score, label, outcome).
final class DemoStream: SubmitterDelegate, @unchecked Sendable {
  static let alertsShown = 5
  /// Rows under way: enough to keep every worker busy, and few enough that the latency shown is the cluster's, not that of
  /// a queue here.
  static let rowsMax = 8_192

  let eventLoop: any EventLoop
  private let options: DemoOptions
  private var generator: TransactionGenerator
  private var builder = TransactionBuilder()
  private var record: [UInt8] = []
  private var submitter: Submitter?
  private var pacer: Pacer?
  private var paceTimer: Scheduled<Void>?
  private var done: EventLoopPromise<DemoResult>?
  private var isExhausted = false
  private var isStopped = false

  private var result: DemoResult
  private var answered = 0
  private var latencies = LatencyRecorder()
  private var alerts: [DemoAlert] = []
  private var startedAt: Int64 = 0

  init(_ options: DemoOptions, on eventLoop: any EventLoop) {
    self.options = options
    self.eventLoop = eventLoop
    // The span ends today, for what lies in the future is refused.
    let day: Int64 = 86_400_000
    let start = (ClientClock.wall() / day - Int64(DemoOptions.days)) * day
    generator = TransactionGenerator(
      GeneratorOptions(
        seed: options.seed, transactions: options.transactions, fraudRate: DemoOptions.fraudRate, start: start,
        days: DemoOptions.days))
    result = DemoResult(capacity: options.transactions)
  }

  /// Streams everything, once. `stop` ends it early.
  func run(_ client: ClusterClient) async throws -> DemoResult {
    let promise = eventLoop.makePromise(of: DemoResult.self)
    eventLoop.execute {
      self.done = promise
      self.startedAt = ClientClock.nanoseconds()
      if let rate = self.options.rate { self.pacer = Pacer(rate: rate, start: self.startedAt) }
      var options = SubmitOptions()
      options.rowsMax = Self.rowsMax
      let submitter = Submitter(client, on: self.eventLoop, options: options, delegate: self)
      self.submitter = submitter
      self.submitterIsReady(submitter)
    }
    return try await withTaskCancellationHandler {
      try await promise.futureResult.get()
    } onCancel: {
      self.stop()
    }
  }

  /// Sends no more; what is under way is given up.
  func stop() {
    eventLoop.execute {
      guard !self.isStopped else { return }
      self.isStopped = true
      self.finish()
    }
  }

  func snapshot() async throws -> DemoSnapshot {
    try await eventLoop.submit {
      DemoSnapshot(
        submitted: self.result.count, answered: self.answered, seconds: self.seconds,
        latency: self.latencies.summary(.decided), alertCount: self.result.alerts, alerts: self.alerts,
        problem: self.submitter?.lastProblem)
    }.get()
  }

  private var seconds: Double { startedAt == 0 ? 0 : Double(ClientClock.nanoseconds() - startedAt) / 1e9 }

  // MARK: - Sending

  func submitterIsReady(_ submitter: Submitter) { feed(submitter) }

  private func feed(_ submitter: Submitter) {
    var pattern: FraudPattern?
    let now = ClientClock.nanoseconds()
    while !isExhausted, !isStopped, submitter.canAccept {
      var due: Int64?
      if pacer != nil {
        guard let next = pacer!.take(now) else { return wait(until: pacer!.nextDue, now, submitter) }
        due = next
      }
      guard generator.next(into: &builder, label: &pattern) else {
        isExhausted = true
        return settle()
      }
      record.removeAll(keepingCapacity: true)
      builder.append(to: &record)
      let tag = result.append(id: builder.id, pattern: pattern)
      submitter.enqueue(record.span.bytes, tag: UInt64(tag), due: due)
    }
  }

  private func wait(until due: Int64, _ now: Int64, _ submitter: Submitter) {
    guard paceTimer == nil else { return }
    paceTimer = eventLoop.scheduleTask(in: .nanoseconds(max(due - now, 50_000))) {
      self.paceTimer = nil
      self.feed(submitter)
    }
  }

  // MARK: - Answers

  func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer) {
    answered += 1
    latencies.record(row.kind, nanoseconds: row.latency)
    let index = Int(row.tag)
    switch row.kind {
    case .decided, .alreadyDecided:
      result.decide(index, row.decision)
      if row.decision.verdict == .potentialFraud { note(row, index) }
    case .rejected: result.reject(index, row.rejection)
    case .failed: result.fail(index)
    }
    if isExhausted, answered == result.count { eventLoop.execute { self.settle() } }
  }

  func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?) {}

  private func note(_ row: borrowing RowAnswer, _ index: Int) {
    let view = TransactionView(trusted: row.record)
    var reasons: [String] = []
    if let names = row.names {
      for i in 0..<4 where Int(row.decision.reasons[i]) < names.reasons.count {
        reasons.append(names.reasons[Int(row.decision.reasons[i])])
      }
    }
    alerts.append(
      DemoAlert(
        action: row.decision.action, score: row.decision.score, amount: view.amount, currency: view.currency,
        eventTime: view.eventTime, reasons: reasons, pattern: result.pattern(index)))
    if alerts.count > Self.alertsShown { alerts.removeFirst() }
  }

  private func settle() {
    if isExhausted, answered == result.count { finish() }
  }

  private func finish() {
    guard let done else { return }
    self.done = nil
    result.seconds = seconds
    result.isInterrupted = isStopped
    result.latency = latencies.summary(.decided) ?? latencies.summary(.alreadyDecided)
    result.resent = submitter?.resent ?? 0
    result.problem = submitter?.lastProblem
    let result = result
    paceTimer?.cancel()
    // In a turn of its own: a submitter is not closed from within a report.
    eventLoop.execute {
      self.submitter?.close()
      self.submitter = nil
      done.succeed(result)
    }
  }
}

/// One flagged transaction, for the screen.
struct DemoAlert: Sendable {
  var action: Decision.Action
  var score: Float
  var amount: Int64
  var currency: Currency
  var eventTime: Int64
  var reasons: [String]
  var pattern: FraudPattern?
}

/// The stream at one moment.
struct DemoSnapshot: Sendable {
  var submitted: Int
  var answered: Int
  var seconds: Double
  var latency: LatencyRecorder.Summary?
  var alertCount: Int
  var alerts: [DemoAlert]
  var problem: String?
}
