import Logging
import Models
import NIOCore
import NIOHTTP1
import Wire

/// `POST /v1/decisions` on one event loop: JSON in, a `Submit` to the gateway, decisions out as JSON.
///
/// For `POST /v1/labels` the same, with `label` and `label_version` in each transaction, answered as applied.
///
/// The body is one transaction or an array of up to 10,000. One: 200 with the decision, 422 (409 for a conflicting
/// duplicate) when it is rejected, 429, 503 or 504 when it was not decided and may be sent again. An array: 200 with an
/// array in the same order, each element a decision or an error; 429, 503 or 504 when all failed alike.
final class DecisionService {
  private let gateway: any DecisionGateway
  private let metrics: WorkerMetrics
  private let logger: Logger
  private let deadlines: HTTPDeadlines
  /// Milliseconds since the epoch.
  private let now: () -> Int64
  private var extraFields: [ExtraFieldSpec] = []
  private let isOfLabels: Bool
  private var parser: TransactionJSON

  init(
    _ gateway: any DecisionGateway, _ metrics: WorkerMetrics, logger: Logger, deadlines: HTTPDeadlines,
    isOfLabels: Bool = false, now: @escaping () -> Int64
  ) {
    self.isOfLabels = isOfLabels
    parser = Self.parser([], isOfLabels)
    self.gateway = gateway
    self.metrics = metrics
    self.logger = logger
    self.deadlines = deadlines
    self.now = now
  }

  func respond(to request: HTTPRequest, _ reply: HTTPReply) {
    let asked: DecisionRequest
    let now = now()
    do throws(HTTPProblem) { asked = try DecisionRequest(request, deadlines, now: now) } catch { return reply(error.response) }
    refreshParser()
    let batch: TransactionBatch
    do throws(TransactionBatch.Defect) {
      batch = try TransactionBatch(request.body, &parser, labelField: isOfLabels ? extraFields.count : nil)
    } catch {
      return refuse(error, request, reply)
    }
    for case .rejected(let rejection, _) in batch.rows { metrics.rejected(rejection.reason) }
    let call = DecisionCall(batch, reply, requestID: request.id, logger)
    call.begin(gateway, asked, now: now)
  }

  /// The schema changes with the bundle; comparing an array with itself costs nothing.
  private func refreshParser() {
    let current = gateway.extraFields
    guard current != extraFields else { return }
    extraFields = current
    parser = Self.parser(current, isOfLabels)
  }

  private static func parser(_ extraFields: [ExtraFieldSpec], _ isOfLabels: Bool) -> TransactionJSON {
    TransactionJSON(extraFields: extraFields + (isOfLabels ? LabelFields.specs : []), refuseUnknownFields: true)
  }

  private func refuse(_ defect: TransactionBatch.Defect, _ request: HTTPRequest, _ reply: HTTPReply) {
    let problem: HTTPProblem
    switch defect {
    case .kind:
      problem = HTTPProblem(.badRequest, "malformed_json", "a transaction is a JSON object; an array of them is taken too")
    case .empty:
      problem = HTTPProblem(
        .badRequest, "empty_array", "the array is empty; it takes 1 to \(TransactionBatch.rowsMax) transactions")
    case .tooMany:
      problem = HTTPProblem(
        .payloadTooLarge, "too_many_transactions", "an array takes at most \(TransactionBatch.rowsMax) transactions; send several")
    case .json(let error):
      let reason: RejectReason = if case .invalidUTF8 = error { .invalidUTF8 } else { .malformed }
      problem = HTTPProblem(.badRequest, reason == .invalidUTF8 ? "invalid_utf8" : "malformed_json", "the body is not JSON: \(error)")
      // Somebody's payment may be in it: it leaves a trace.
      metrics.rejected(reason)
      let record = Quarantine.Record(
        rejection: Rejection(reason, problem.message), source: TransactionBatch.source,
        excerpt: TransactionBatch.excerpt(request.body))
      let call = DecisionCall(problem, reply, requestID: request.id, logger)
      return call.begin(gateway, quarantine: [record], deadlineMilliseconds: deadlines.standard)
    }
    reply(problem.response)
  }
}
