import NIOCore
import Wire

/// A bulk batch that waits for its turn.
struct WaitingBatch {
  var payload: [UInt8]
  var submit: Submit
  var link: Link
  var correlation: UInt64
  /// Monotonic nanoseconds.
  var received: UInt64
}

/// Where batches come in. Interactive ones, for which a payment waits, are decided as they come. Bulk ones get what is left
/// of a turn, and at least one batch of it; what is more waits, and is refused first when there is too much.
extension WorkerLoop {
  /// How much of one turn bulk batches may take, nanoseconds.
  private static let bulkTurn: UInt64 = 1_000_000
  /// Between two turns with bulk waiting: links are read meanwhile.
  private static let bulkPause = TimeAmount.microseconds(20)

  /// Why nothing of this class can be taken in at the moment, if so.
  func refusal(isInteractive: Bool) -> Failure? {
    if table.isEmpty { return Failure(.unavailable, "this worker has no cluster map yet", retryAfterMilliseconds: 100) }
    if node.isStopping { return Failure(.shuttingDown, "this worker is shutting down; send to another") }
    if !node.journal.hasRoom {
      return Failure(
        .storageFull, "the log's disk is nearly full: free space on \(node.directory.path)", retryAfterMilliseconds: 1_000)
    }
    // A part of every bound is for interactive batches alone.
    let isFull =
      isInteractive
      ? node.journal.isOverfull || node.sinks.isOverfull || shard.requestsUnderWay >= node.config.requestsMax
      : node.journal.isFull || node.sinks.isFull || shard.requestsUnderWay >= node.config.requestsMax - node.config.requestsMax / 4
    return isFull ? busy : nil
  }

  /// For who is sent away now, by what has been done of late.
  var busy: Failure {
    Failure(
      .busy, "this worker has more requests under way than it keeps up with: send the same again after a while",
      retryAfterMilliseconds: requestMeter.milliseconds(for: shard.requestsUnderWay))
  }

  /// A `Submit` frame.
  func submitted(_ payload: RawSpan, correlation: UInt64, on link: Link) {
    let submit: Submit
    do throws(WireError) { submit = try Submit(reading: payload) } catch {
      return link.send(Failure(.malformed, "the batch can't be read: \(error)"), correlation: correlation)
    }
    let isInteractive = submit.flags.contains(.interactive)
    if let refusal = refusal(isInteractive: isInteractive) {
      metrics.refused(isInteractive: isInteractive)
      return link.send(refusal, correlation: correlation)
    }
    let received = monotonicNanoseconds()
    if isInteractive { return take(submit, payload, correlation, on: link, received: received) }
    if bulk.isEmpty, bulkSpent < Self.bulkTurn, gate.admits(submit.rowCount) {
      take(submit, payload, correlation, on: link, received: received)
      bulkSpent += monotonicNanoseconds() - received
      return
    }
    wait(submit, payload, correlation, on: link, received: received)
  }

  private func wait(_ submit: Submit, _ payload: RawSpan, _ correlation: UInt64, on link: Link, received: UInt64) {
    let batch = WaitingBatch(
      payload: payload.withUnsafeBytes { Array($0) }, submit: submit, link: link, correlation: correlation, received: received)
    guard bulk.add(batch, rows: submit.rowCount, bytes: payload.byteCount) else {
      metrics.refused(isInteractive: false)
      let failure = Failure(
        .busy, "more rows wait for this worker than it takes: send the same again after a while, and fewer at a time",
        retryAfterMilliseconds: rowMeter.milliseconds(for: bulk.rows))
      return link.send(failure, correlation: correlation)
    }
    metrics.bulkWaiting.add(submit.rowCount)
    scheduleBulk()
  }

  /// A turn for what waits. To be called when rows have been answered, too.
  func scheduleBulk() {
    guard !bulk.isEmpty, !isBulkScheduled else { return }
    isBulkScheduled = true
    eventLoop.scheduleTask(in: Self.bulkPause) {
      self.isBulkScheduled = false
      self.serveBulk()
    }
  }

  private func serveBulk() {
    let start = monotonicNanoseconds()
    while let next = bulk.first, gate.admits(next.rows) {
      let batch = bulk.removeFirst()
      metrics.bulkWaiting.add(-next.rows)
      serve(batch)
      if monotonicNanoseconds() - start >= Self.bulkTurn { break }
    }
    // Otherwise the next answer calls for a turn.
    if let next = bulk.first, gate.admits(next.rows) { scheduleBulk() }
  }

  private func serve(_ batch: WaitingBatch) {
    guard batch.link.isReady else { return }
    let waited = (monotonicNanoseconds() - batch.received) / 1_000_000
    guard waited < UInt64(batch.submit.deadlineMilliseconds) else {
      // Its sender has given it up, and has sent it again or will.
      return batch.link.send(Failure(.deadline, "the batch waited for longer than its deadline"), correlation: batch.correlation)
    }
    take(batch.submit, batch.payload.span.bytes, batch.correlation, on: batch.link, received: batch.received)
  }

  /// Decides a batch, or has it decided where its rows belong.
  private func take(_ submit: Submit, _ payload: RawSpan, _ correlation: UInt64, on link: Link, received: UInt64) {
    do throws(WireError) {
      try intake.prepare(submit, payload, schema: schema, table: table, now: node.clock.now())
    } catch {
      return link.send(Failure(.malformed, "the batch can't be read: \(error)"), correlation: correlation)
    }
    if isTooWide(submit, payload) { return link.send(Self.tooWide, correlation: correlation) }
    let rows = submit.flags.contains(.interactive) ? 0 : submit.rowCount
    let began = monotonicNanoseconds()
    if rows > 0 { gate.began(rows, now: Int64(began)) }
    if takesAll(submit) {
      let reply = Reply.link(link, correlation: correlation, received: received, began: began, bulkRows: rows)
      decide(submit, payload, reply, source: .wire)
    } else {
      let gathering = Gathering(self, submit, source: .wire) { answer in
        self.ended(bulkRows: rows, began: began)
        self.count(answer, of: submit, since: received)
        link.send(.decisions, correlation: correlation) { answer.write(withListVersions: link.readsListVersions, to: &$0) }
      }
      scatter(payload, submit, gathering, .wire)
    }
  }

  /// Bulk rows have been answered: others may go.
  func ended(bulkRows rows: Int, began: UInt64) {
    guard rows > 0 else { return }
    gate.ended(rows, began: Int64(began), now: Int64(monotonicNanoseconds()))
    rowMeter.count(rows)
    scheduleBulk()
  }

  /// Rows whose parts were put together here.
  func count(_ answer: Decisions, of submit: Submit, since received: UInt64) {
    guard !submit.flags.contains(.labels) else { return }
    metrics.decisionLatency.observe(monotonicNanoseconds() - received, times: answer.outcomes.count)
  }

  // MARK: HTTP

  /// Rows that came by HTTP, as a `Submit` payload. They are seen through until their deadline.
  func submitted(_ payload: [UInt8], answer: @escaping (Result<Decisions, Failure>) -> Void) {
    guard calls.count < node.config.requestsMax else {
      metrics.refused(isInteractive: true)
      return answer(.failure(busy))
    }
    let submit: Submit
    var ranges: [Range<Int>] = []
    do throws(WireError) {
      submit = try Submit(reading: payload.span.bytes)
      try submit.locateRows(in: payload.span.bytes, into: &ranges)
    } catch {
      return answer(.failure(Failure(.malformed, "the batch can't be read: \(error)")))
    }
    let call = PatientCall(self, submit, payload, ranges, answer: answer)
    calls[ObjectIdentifier(call)] = call
    call.begin()
  }

  func ended(_ call: PatientCall) { calls[ObjectIdentifier(call)] = nil }

  /// Tries rows that came by HTTP, as a `Submit` payload, once; `gathering` hears of each. Returns why none is taken in, if
  /// so.
  func gather(_ submit: Submit, _ payload: [UInt8], _ gathering: Gathering) -> Failure? {
    if let refusal = refusal(isInteractive: true) {
      metrics.refused(isInteractive: true)
      return refusal
    }
    let span = payload.span.bytes
    do throws(WireError) {
      try intake.prepare(submit, span, schema: schema, table: table, now: node.clock.now())
    } catch {
      return Failure(.malformed, "the batch can't be read: \(error)")
    }
    if isTooWide(submit, span) { return Self.tooWide }
    scatter(span, submit, gathering, .http)
    return nil
  }

  private func isTooWide(_ submit: Submit, _ payload: RawSpan) -> Bool {
    payload.byteCount + submit.rowCount * (Decision.size + 8 * shard.widestFeatures) > Self.batchBytesMax
  }

  private static let tooWide = Failure(.tooLarge, "with this bundle's features the batch is too large: send fewer rows at a time")

  /// Whether every row is to be decided on this very loop.
  private func takesAll(_ submit: Submit) -> Bool {
    if submit.flags.contains(.forwarded), node.loops.count == 1 { return true }
    return intake.rows.allSatisfy { row in node.loopIndex(of: row.partition) == index && shard.isPrimary(of: row.partition) }
  }

  private func scatter(_ payload: RawSpan, _ submit: Submit, _ gathering: Gathering, _ source: Source) {
    gathering.reject(intake.rejected)
    if submit.flags.contains(.labels) {
      for (_, rejection) in intake.rejected { metrics.rejected(rejection.reason) }
    } else if !intake.rejected.isEmpty {
      quarantine(intake.rejected, intake.ranges, payload, source)
    }
    gathering.scatter(intake.rows, payload)
    scheduleDrain()
  }
}
