import Logging
import NIOCore
import Wire

/// One request on its way through the gateway. It is answered once: when its rows have outcomes and what was rejected
/// is in the quarantine, or soon after its deadline.
final class DecisionCall {
  private enum Outcome {
    case batch(TransactionBatch, Result<Decisions, Failure>?)
    case refused(HTTPProblem)
  }

  /// A gateway tells at the deadline what it knows until then; this much later it is taken for silent.
  private static let grace = TimeAmount.milliseconds(20)

  private let reply: HTTPReply
  private let requestID: String
  private let logger: Logger
  private var outcome: Outcome
  /// Answers of the gateway that are still to come.
  private var waiting = 0
  private var isAnswered = false
  private var alarm: Scheduled<Void>?

  init(_ batch: TransactionBatch, _ reply: HTTPReply, requestID: String, _ logger: Logger) {
    outcome = .batch(batch, nil)
    self.reply = reply
    self.requestID = requestID
    self.logger = logger
  }

  /// For a body that could not be read at all.
  init(_ problem: HTTPProblem, _ reply: HTTPReply, requestID: String, _ logger: Logger) {
    outcome = .refused(problem)
    self.reply = reply
    self.requestID = requestID
    self.logger = logger
  }

  func begin(_ gateway: any DecisionGateway, _ asked: DecisionRequest, now: Int64) {
    guard case .batch(var batch, _) = outcome else { preconditionFailure("there is a batch to submit") }
    // A gateway may answer at once: what it is counted against must stand first.
    waiting += 1
    if batch.submittedCount > 0 {
      var flags: Submit.Flags = .interactive
      if asked.withFeatures { flags.insert(.withFeatures) }
      if batch.isOfLabels { flags = .labels }
      batch.seal(
        Submit(
          firstSent: asked.firstSent ?? now, deadlineMilliseconds: UInt32(asked.deadlineMilliseconds), flags: flags,
          rowCount: batch.submittedCount))
      outcome = .batch(batch, nil)
      waiting += 1
      let bound = NIOLoopBound(self, eventLoop: reply.eventLoop)
      gateway.submit(batch.payload, on: reply.eventLoop) { bound.value.decided($0) }
    } else {
      outcome = .batch(batch, .success(Decisions()))
    }
    begin(gateway, quarantine: batch.quarantine, deadlineMilliseconds: asked.deadlineMilliseconds)
    arrived()
  }

  func begin(_ gateway: any DecisionGateway, quarantine records: [Quarantine.Record], deadlineMilliseconds: Int) {
    let bound = NIOLoopBound(self, eventLoop: reply.eventLoop)
    waiting += 1
    var rest = records[...]
    while !rest.isEmpty {
      waiting += 1
      gateway.quarantine(Array(rest.prefix(Quarantine.recordsMax)), on: reply.eventLoop) { bound.value.quarantined($0) }
      rest = rest.dropFirst(Quarantine.recordsMax)
    }
    arrived()
    guard !isAnswered else { return }
    let patience = TimeAmount.milliseconds(Int64(deadlineMilliseconds)) + Self.grace
    alarm = reply.eventLoop.assumeIsolated().scheduleTask(in: patience) { self.late() }
  }

  private func decided(_ result: Result<Decisions, Failure>) {
    guard case .batch(let batch, nil) = outcome else { return }
    outcome = .batch(batch, result)
    arrived()
  }

  /// The caller is told of the rejection in any case; that the quarantine has no copy is for the operator to know.
  private func quarantined(_ failure: Failure?) {
    if let failure {
      logger.warning(
        "rejected transactions could not be put into the quarantine",
        metadata: ["request_id": "\(requestID)", "reason": "\(failure)"])
    }
    arrived()
  }

  private func arrived() {
    waiting -= 1
    guard waiting == 0 else { return }
    answer(response())
  }

  private func late() {
    switch outcome {
    case .refused, .batch(_, .some): answer(response())  // only the quarantine is late
    case .batch(let batch, nil): answer(DecisionAnswer.late(batch))
    }
  }

  private func response() -> HTTPResponse {
    switch outcome {
    case .refused(let problem): return problem.response
    case .batch(_, nil): preconditionFailure("the gateway has answered")
    case .batch(_, .failure(let failure)): return DecisionAnswer.problem(failure).response
    case .batch(let batch, .success(let decisions)):
      guard decisions.outcomes.count == batch.submittedCount else {
        logger.error(
          "the gateway's answer has another number of rows than its request: this is a bug",
          metadata: ["request_id": "\(requestID)", "rows": "\(batch.submittedCount)", "outcomes": "\(decisions.outcomes.count)"])
        return DecisionAnswer.problem(.internal).response
      }
      return DecisionAnswer.response(batch, decisions)
    }
  }

  private func answer(_ response: HTTPResponse) {
    guard !isAnswered else { return }
    isAnswered = true
    alarm?.cancel()
    alarm = nil
    reply(response)
  }
}
