import Models
import Wire

/// What becomes of a file's rows.
extension SubmitJob: SubmitterDelegate {
  public func submitterIsReady(_ submitter: Submitter) {
    advance()
    feed()
    settle()
  }

  public func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer) {
    let (chunk, index) = window.locate(row.tag)
    latencies.record(row.kind, nanoseconds: row.latency)
    rows += 1
    let keeps = options.outputPath != nil
    switch row.kind {
    case .decided, .alreadyDecided:
      let outcome: SubmitChunk.Outcome = row.kind == .decided ? .decided : .alreadyDecided
      chunk.answer(index) { answer in
        answer.outcome = outcome
        answer.decision = row.decision
        answer.listVersion = row.listVersion
        guard keeps else { return }
        answer.partition = row.partition
        answer.offset = row.offset
        answer.bundle = UInt8(row.bundle)
        answer.tables = row.tables
        answer.time = row.answeredAt
      }
      if keeps { chunk.keepFeatures(row.features, of: index) }
    case .rejected:
      let rejection = row.rejection ?? Rejection(.malformed, "refused")
      chunk.answer(index) { answer in
        answer.outcome = .rejected
        answer.reason = rejection.reason
      }
      note(rejection, chunk.items[index].line)
    case .failed:
      failed += 1
      chunk.answer(index) { $0.outcome = .failed }
      note("line \(chunk.items[index].line): not decided (\((row.failure ?? .unavailable).name), sent \(row.attempts) times)")
      isEnding = true
    }
  }

  public func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?) {
    let (chunk, index) = window.locate(tag)
    rows += 1
    guard let failure else { return chunk.answer(index) { $0.outcome = .quarantined } }
    failed += 1
    chunk.answer(index) { $0.outcome = .failed }
    note("line \(chunk.items[index].line): not put into the quarantine (\(failure.name))")
    isEnding = true
  }

  /// Counts and writes the rows whose turn it is: those with an outcome before which every row has one.
  func advance() {
    let dropped = window.advance { chunk, index in
      let item = chunk.items[index]
      let answer = chunk.answers[index]
      checkpoint.offset = item.end
      checkpoint.line = item.line + 1
      switch answer.outcome {
      case .decided, .alreadyDecided:
        if answer.outcome == .decided { checkpoint.counters.decided += 1 } else { checkpoint.counters.alreadyDecided += 1 }
        if answer.decision.verdict == .potentialFraud { checkpoint.counters.alerts += 1 }
        if options.outputPath != nil { lines.append(chunk, index, to: &pendingOutput) }
      case .quarantined:
        checkpoint.counters.quarantined += 1
        checkpoint.counters.unreadable[chunk.unreadable[Int(item.start)].rejection.reason.code, default: 0] += 1
      case .rejected: checkpoint.counters.rejected[answer.reason.code, default: 0] += 1
      case .open, .failed: preconditionFailure("only outcomes are told")
      }
    }
    if dropped > feedChunk {
      // The one that was being fed is through, too.
      feedChunk = 0
      feedItem = 0
    } else {
      feedChunk -= dropped
    }
    if pendingOutput.count >= Self.outputPiece { writeOutput() }
  }

  func note(_ rejection: Rejection, _ line: Int) { note("line \(line): \(rejection)") }

  private func note(_ text: String) {
    if examples.count < SubmitSummary.examplesMax { examples.append(text) }
  }
}
