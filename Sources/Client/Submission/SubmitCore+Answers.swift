import Wire

/// What comes back, or doesn't.
extension SubmitCore {
  typealias Report = (borrowing RowAnswer) -> Void

  /// A `Decisions` frame. One whose batch is not in flight any more is passed over: its rows were sent again, and get the
  /// same decisions. Throws for an answer that can't be read, after seeing to the rows; the link must end.
  func answered(
    _ pipe: SubmitPipe, correlation: UInt64, _ payload: RawSpan, _ now: ClientTime, _ report: Report
  ) throws(WireError) {
    guard let batch = pipe.take(correlation) else { return }
    let count = batch.rows.count
    var done = 0
    var isBusy = false
    var problem: WireError?
    do throws(WireError) {
      var reader = try DecisionsReader(payload, reusing: pipe.tables)
      guard reader.rowCount == count else { throw .invalid(at: 0, "\(reader.rowCount) rows answer \(count)") }
      pipe.tables = reader.tables
      let bytes = batch.bytes
      while done < count {
        let answer = try reader.next()
        let row = batch.rows[done]
        if answer.status == .retry {
          batch.fail(at: done, answer.failure ?? .unavailable)
          isBusy = isBusy || answer.failure == .busy
          done += 1
          continue
        }
        batch.settle(at: done)
        done += 1
        settled(row)
        report(
          RowAnswer(
            row, Self.kind(answer.status, row), answer, reader.tables, record: bytes.span.bytes.extracting(row.range), now: now))
      }
      try reader.finish()
    } catch {
      problem = error
      batch.fail(from: done, .malformed)
    }
    if isBusy { slowDown(pipe, batch, for: 0, now) } else { pipe.speedUp(options) }
    batch.filter { !$0.isSettled }
    sendAgain(batch, after: 0, now, report)
    if let problem { throw problem }
  }

  /// A `Failure` frame that answers a whole batch.
  func refused(
    _ pipe: SubmitPipe, correlation: UInt64, _ failure: Failure, _ now: ClientTime, _ report: Report
  ) {
    guard let batch = pipe.take(correlation) else { return }
    batch.fail(failure.code)
    guard failure.isRetriable else { return giveUp(batch, now, report) { _ in true } }
    let pause = Int64(failure.retryAfterMilliseconds) * 1_000_000
    if failure.code == .busy { slowDown(pipe, batch, for: pause, now) }
    sendAgain(batch, after: pause, now, report)
  }

  /// The link is gone, and with it the answers that were under way.
  func closed(_ pipe: SubmitPipe, _ now: ClientTime, _ report: Report) {
    pipe.isOpen = false
    for batch in pipe.takeInFlight() {
      batch.fail(.unavailable)
      sendAgain(batch, after: 0, now, report)
    }
  }

  func opened(_ pipe: SubmitPipe) {
    pipe.isOpen = true
    pipe.isWritable = true
  }

  /// Does what is due by now: frames without an answer, rows to be sent again, rows past their deadline.
  func tick(_ now: ClientTime, _ report: Report) {
    for pipe in pipes {
      while let batch = pipe.takeExpired(now.nanoseconds) {
        batch.fail(.deadline)
        sendAgain(batch, after: 0, now, report)
      }
    }
    var due: [SubmitBatch] = []
    waiting.removeAll { batch in
      guard batch.due <= now.nanoseconds else { return false }
      due.append(batch)
      return true
    }
    due.sort { $0.due < $1.due }
    for batch in due {
      if budget.take(batch.rows.count, now.nanoseconds) { place(batch, now) } else { hold(batch, now, report) }
    }
    sweepQueued { batch in
      guard batch.giveUpAt <= now.nanoseconds else { return }
      failRows(of: batch, now, report) { $0.giveUpAt <= now.nanoseconds }
    }
  }

  /// Reports every row that is left as failed: the submission ends.
  func abandon(_ now: ClientTime, _ report: Report) {
    for pipe in pipes {
      for batch in pipe.takeInFlight() { giveUp(batch, now, report) { _ in true } }
    }
    let waiting = waiting
    self.waiting.removeAll()
    for batch in waiting { giveUp(batch, now, report) { _ in true } }
    sweepQueued { failRows(of: $0, now, report) { _ in true } }
  }

  // MARK: -

  private func slowDown(_ pipe: SubmitPipe, _ batch: SubmitBatch, for pause: Int64, _ now: ClientTime) {
    if pipe.slowDown(batch, for: pause, options, now.nanoseconds) { retries.slowdowns += 1 }
  }

  /// The retry budget is used up: the rows wait until it has grown again, or their time is over.
  private func hold(_ batch: SubmitBatch, _ now: ClientTime, _ report: Report) {
    retries.held += batch.rows.count
    let due = budget.ready(for: batch.rows.count, now.nanoseconds)
    batch.due = due
    giveUp(batch, now, report) { $0.giveUpAt <= due }
  }

  /// A duplicate is the cluster's word that the row was decided before (or the label applied); if this submission may have sent it
  /// before, it is its own.
  private static func kind(_ status: Decisions.Outcome.Status, _ row: SubmitBatch.Row) -> RowAnswer.Kind {
    switch status {
    case .duplicate, .alreadyApplied: row.attempts > 1 || row.isResumed ? .decided : .alreadyDecided
    case .rejected: .rejected
    case .decided, .applied, .retry: .decided
    }
  }

  private func sendAgain(_ batch: SubmitBatch, after floor: Int64, _ now: ClientTime, _ report: Report) {
    guard !batch.rows.isEmpty else { return recycle(batch) }
    let attempts = batch.rows.reduce(0) { max($0, Int($1.attempts)) }
    var delay = options.backoff.delay(after: attempts, using: &generator)
    // Whoever leads since then serves any moment now. How often the one before was asked in vain says nothing of it.
    let young = max(options.backoff.base, now.nanoseconds - routesSince)
    if delay > young { delay = young - Int64.random(in: 0...young / 2, using: &generator) }
    var due = now.nanoseconds + max(floor, delay)
    // Sealed for a split or a merge, and those that take its place are known by now.
    if batch.map < mapVersion, batch.rows.contains(where: { $0.failure == .sealed }) {
      due = min(due, now.nanoseconds + options.backoff.base)
    }
    batch.due = due
    giveUp(batch, now, report) { $0.giveUpAt <= due || Int($0.attempts) >= options.attemptsMax }
  }

  /// Reports the rows that `isOver` names as failed; the others go on waiting.
  private func giveUp(_ batch: SubmitBatch, _ now: ClientTime, _ report: Report, _ isOver: (SubmitBatch.Row) -> Bool) {
    failRows(of: batch, now, report, isOver)
    if batch.rows.isEmpty { recycle(batch) } else { waiting.append(batch) }
  }

  private func failRows(of batch: SubmitBatch, _ now: ClientTime, _ report: Report, _ isOver: (SubmitBatch.Row) -> Bool) {
    let bytes = batch.bytes
    batch.filter { row in
      guard isOver(row) else { return true }
      settled(row)
      report(RowAnswer(failed: row, record: bytes.span.bytes.extracting(row.range), now: now))
      return false
    }
  }
}
