import NIOHTTP1
import Wire

/// The response to a batch whose every row has an outcome.
enum DecisionAnswer {
  /// `decisions` holds one outcome for each submitted row of `batch`.
  static func response(_ batch: TransactionBatch, _ decisions: Decisions) -> HTTPResponse {
    precondition(decisions.outcomes.count == batch.submittedCount, "an outcome for each row")
    return batch.isArray ? many(batch, decisions) : one(batch, decisions)
  }

  /// The deadline has passed and nothing was decided. The answer names the transactions: each may be sent again, by its id.
  static func late(_ batch: TransactionBatch) -> HTTPResponse {
    var problem = problem(.deadline)
    problem.unanswered = batch.rows.compactMap { row in
      guard case .submitted(let range) = row else { return nil }
      return batch.payload.withUnsafeBytes { bytes in
        let record = TransactionView(trusted: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[range])))
        return record.id.withUnsafeBytes { Array($0) }
      }
    }
    return problem.response
  }

  private static func one(_ batch: TransactionBatch, _ decisions: Decisions) -> HTTPResponse {
    if case .rejected(let rejection, _) = batch.rows[0] { return problem(rejection).response }
    let outcome = decisions.outcomes[0]
    if outcome.failure == .deadline { return late(batch) }
    if let problem = problem(outcome) { return problem.response }
    var json = JSONWriter(capacity: 512)
    write(batch, row: 0, outcome, decisions, to: &json)
    json.put("\n")
    return HTTPResponse(.ok, body: json.buffer)
  }

  private static func many(_ batch: TransactionBatch, _ decisions: Decisions) -> HTTPResponse {
    if let failure = commonFailure(batch, decisions) {
      return failure.status == .gatewayTimeout ? late(batch) : failure.response
    }
    var json = JSONWriter(capacity: 64 + 320 * batch.rows.count)
    json.put("[")
    var next = 0
    for (index, row) in batch.rows.enumerated() {
      if index > 0 { json.put(",\n") }
      switch row {
      case .rejected(let rejection, let id): id.withUnsafeBytes { write(problem(rejection), id: $0, to: &json) }
      case .submitted:
        write(batch, row: index, decisions.outcomes[next], decisions, to: &json)
        next += 1
      }
    }
    json.put("]\n")
    return HTTPResponse(.ok, body: json.buffer)
  }

  /// The failure of all rows, where all failed alike: then the whole request did, and its status says so.
  private static func commonFailure(_ batch: TransactionBatch, _ decisions: Decisions) -> HTTPProblem? {
    guard let first = decisions.outcomes.first?.failure, batch.submittedCount == batch.rows.count,
      decisions.outcomes.allSatisfy({ $0.status == .retry && $0.failure == first })
    else { return nil }
    return problem(first)
  }

  // MARK: - One row

  private static func write(
    _ batch: TransactionBatch, row: Int, _ outcome: Decisions.Outcome, _ decisions: Decisions, to json: inout JSONWriter
  ) {
    guard case .submitted(let range) = batch.rows[row] else { preconditionFailure("an outcome of a row that was rejected") }
    batch.payload.withUnsafeBytes { bytes in
      let record = TransactionView(trusted: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[range])))
      record.id.withUnsafeBytes { id in
        if let problem = problem(outcome) {
          write(problem, id: id, to: &json)
        } else if outcome.status == .applied || outcome.status == .alreadyApplied {
          writeLabelled(outcome, id: id, to: &json)
        } else {
          write(outcome, decisions.bundles[Int(outcome.bundle)], id: id, to: &json)
        }
      }
    }
  }

  private static func write(_ problem: HTTPProblem, id: UnsafeRawBufferPointer, to json: inout JSONWriter) {
    json.put("{")
    if !id.isEmpty {
      json.put("\"transaction_id\":")
      json.put(quoted: id)
      json.put(",")
    }
    problem.write(to: &json)
    json.put("}")
  }

  private static func writeLabelled(_ outcome: Decisions.Outcome, id: UnsafeRawBufferPointer, to json: inout JSONWriter) {
    json.put("{\"transaction_id\":")
    json.put(quoted: id)
    json.put(outcome.status == .applied ? ",\"status\":\"applied\"}" : ",\"status\":\"already_applied\"}")
  }

  /// The decision by the names that it has in decision files.
  private static func write(
    _ outcome: Decisions.Outcome, _ bundle: Decisions.BundleNames, id: UnsafeRawBufferPointer, to json: inout JSONWriter
  ) {
    let decision = outcome.decision
    json.put("{\"transaction_id\":")
    json.put(quoted: id)
    json.put(",\"partition\":")
    json.put(UInt64(outcome.partition.rawValue))
    json.put(",\"offset\":")
    json.put(outcome.offset.rawValue)
    json.put(decision.verdict == .clear ? ",\"verdict\":\"clear\"" : ",\"verdict\":\"potential_fraud\"")
    switch decision.action {
    case .approve: json.put(",\"action\":\"approve\"")
    case .review: json.put(",\"action\":\"review\"")
    case .decline: json.put(",\"action\":\"decline\"")
    }
    json.put(",\"score\":")
    json.put(sixPlaces: Double(decision.score))
    json.put(",\"reasons\":[")
    var isFirst = true
    for i in 0..<4 where decision.reasons[i] != Decision.noReason {
      if !isFirst { json.put(",") }
      isFirst = false
      json.put(quoted: bundle.reasons[Int(decision.reasons[i])])
    }
    json.put("],\"flags\":[")
    isFirst = true
    for (flag, name) in Decision.Flags.names where decision.flags.contains(flag) {
      if !isFirst { json.put(",") }
      isFirst = false
      json.put(quoted: name)
    }
    json.put("],\"bundle\":")
    json.put(quoted: bundle.id.description)
    if outcome.listVersion > 0 {
      json.put(",\"list_version\":")
      json.put(outcome.listVersion)
    }
    if outcome.status == .duplicate { json.put(",\"duplicate\":true") }
    if !outcome.features.isEmpty, outcome.features.count == bundle.features.count {
      json.put(",\"features\":{")
      for (index, value) in outcome.features.enumerated() {
        if index > 0 { json.put(",") }
        json.put(quoted: bundle.features[index])
        json.put(":")
        json.put(shortest: value)
      }
      json.put("}")
    }
    json.put("}")
  }

  // MARK: - Problems

  private static func problem(_ outcome: Decisions.Outcome) -> HTTPProblem? {
    switch outcome.status {
    case .decided, .duplicate, .applied, .alreadyApplied: nil
    case .rejected: problem(outcome.rejection ?? Rejection(.malformed, "the transaction was rejected"))
    case .retry: problem(outcome.failure ?? .unavailable)
    }
  }

  static func problem(_ rejection: Rejection) -> HTTPProblem {
    let status: HTTPResponseStatus =
      switch rejection.reason {
      case .conflictingDuplicate, .contradictsTransaction, .contradictsLabel, .outdatedLabel, .labelsNotKept: .conflict
      case .unknownTransaction: .notFound
      default: .unprocessableEntity
      }
    var problem = HTTPProblem(status, rejection.reason.code, rejection.detail)
    problem.field = rejection.field
    return problem
  }

  static func problem(_ code: FailureCode) -> HTTPProblem { problem(Failure(code, message(code))) }

  static func problem(_ failure: Failure) -> HTTPProblem {
    let status: HTTPResponseStatus =
      switch failure.code {
      case .busy: .tooManyRequests
      case .deadline: .gatewayTimeout
      case .tooLarge: .payloadTooLarge
      case .notAuthorized: .forbidden
      case .conflict: .conflict
      default: failure.isRetriable ? .serviceUnavailable : .internalServerError
      }
    var problem = HTTPProblem(status, failure.code.name, failure.message)
    problem.isRetriable = failure.isRetriable
    if status == .tooManyRequests || status == .serviceUnavailable {
      problem.retryAfterSeconds = max(1, Int((failure.retryAfterMilliseconds + 999) / 1000))
      if failure.retryAfterMilliseconds > 0 { problem.retryAfterMilliseconds = failure.retryAfterMilliseconds }
    }
    return problem
  }

  private static func message(_ code: FailureCode) -> String {
    switch code {
    case .busy: "the worker has as much to do as it takes; send the transaction again after a while"
    case .deadline: "there was no decision in time; send the transaction again, with the same id: it is decided once"
    case .notPrimary, .fenced: "the transaction's partition is moving to another worker; send it again"
    case .unavailable: "the transaction's partition has no worker that can decide now; send it again"
    case .shuttingDown: "the worker is shutting down; send the transaction again, to another one"
    case .storageFull: "the worker's disk is nearly full; free space on it, or send the transaction to another worker"
    default: "the transaction was not decided (\(code.name))"
    }
  }
}
