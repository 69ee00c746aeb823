import Wire

/// Takes rows, gathers them into frames for the workers that the newest map names, and sees each through to one report,
/// however often it has to be sent. No I/O, clock or randomness of its own: the shell sends what `pump` hands out, and
/// tells what happened.
///
/// Rows of one card leave in the order in which they came, unless some have to be sent again. No row may be added from
/// within a report.
final class SubmitCore {
  let options: SubmitOptions
  /// One for each worker that was ever a primary, in order of appearance.
  private(set) var pipes: [SubmitPipe] = []
  private var pipeOfNode: [NodeID: Int] = [:]
  private var routes = RouteTable()
  private(set) var mapVersion = MapVersion.none
  /// When a map last moved a partition, nanoseconds.
  private(set) var routesSince: Int64 = 0
  /// Rows whose partition has no primary, oldest first; they wait for a map.
  private var parked: [SubmitBatch] = []
  /// Batches to be sent again at their `due`.
  var waiting: [SubmitBatch] = []
  var generator: JitterGenerator
  private var pool: [SubmitBatch] = []
  private var correlation: UInt64 = 0
  /// Rows taken and not reported yet.
  private(set) var rowsOutstanding = 0
  private(set) var bytesOutstanding = 0
  var retries = SubmitRetries()
  var budget: RetryBudget

  init(_ options: SubmitOptions, seed: UInt64) {
    precondition((1...Submit.rowsMax).contains(options.rowsPerFrame), "a frame has 1 to \(Submit.rowsMax) rows")
    precondition(options.framesInFlight >= 1 && options.attemptsMax >= 1, "at least one frame, sent at least once")
    self.options = options
    budget = RetryBudget(share: options.retryShare, floor: options.retryFloor, burst: options.retryBurst)
    generator = JitterGenerator(seed: seed)
  }

  var canAccept: Bool { rowsOutstanding < options.rowsMax && bytesOutstanding < options.bytesMax }

  // MARK: - Rows

  /// Takes a row. `start` (nanoseconds) is when it was due; `firstSent` (ms) is set for a row that an earlier process may
  /// have sent.
  func enqueue(_ record: RawSpan, tag: UInt64, start: Int64, firstSent: Int64?, now: ClientTime) {
    precondition(
      (TransactionView.fixedSize...TransactionView.sizeMax).contains(record.byteCount - (options.isOfLabels ? Label.encodedSize : 0)),
      "a row is a transaction record of its stated length, and its label in a submission of labels")
    let row = SubmitBatch.Row(
      tag: tag, key: TransactionView(trusted: record).keyHash, start: start,
      giveUpAt: start.addingReportingOverflow(options.rowDeadline).partialValue,
      firstSent: firstSent ?? SubmitBatch.Row.neverSent, offset: 0, length: UInt16(record.byteCount),
      isResumed: firstSent != nil)
    rowsOutstanding += 1
    bytesOutstanding += record.byteCount
    record.withUnsafeBytes { place(row, $0, now) }
  }

  /// Puts a row where the newest map says.
  func place(_ row: SubmitBatch.Row, _ record: UnsafeRawBufferPointer, _ now: ClientTime) {
    let route = routes.pipe(of: row.key)
    guard route != RouteTable.none else {
      if let last = parked.last, last.takes(row, now.wall, rowsMax: options.rowsPerFrame) {
        last.append(row, record, now.wall)
      } else {
        let batch = newBatch()
        batch.append(row, record, now.wall)
        parked.append(batch)
      }
      return
    }
    let pipe = pipes[route]
    if let filling = pipe.filling, !filling.takes(row, now.wall, rowsMax: options.rowsPerFrame) {
      pipe.full.append(filling)
      pipe.filling = nil
    }
    let batch: SubmitBatch
    if let filling = pipe.filling {
      batch = filling
    } else {
      batch = newBatch()
      batch.due = now.nanoseconds + options.flushInterval
      pipe.filling = batch
    }
    batch.append(row, record, now.wall)
    if batch.rows.count == options.rowsPerFrame {
      pipe.full.append(batch)
      pipe.filling = nil
    }
  }

  /// Puts all rows of a batch where the newest map says, in their order.
  func place(_ batch: SubmitBatch, _ now: ClientTime) {
    batch.bytes.withUnsafeBytes { bytes in
      for row in batch.rows {
        place(row, UnsafeRawBufferPointer(rebasing: bytes[row.range]), now)
      }
    }
    recycle(batch)
  }

  /// Hands out every frame that may leave now. Call at the end of each burst.
  func pump(_ now: ClientTime, _ send: (SubmitPipe, UInt64, Submit, SubmitBatch) -> Void) {
    for pipe in pipes {
      while let batch = pipe.next(options, now.nanoseconds) {
        correlation += 1
        batch.map = mapVersion
        let before = retries.rows
        let submit = batch.send(options, correlation: correlation, now, retries: &retries)
        budget.earn(batch.rows.count - (retries.rows - before))
        send(pipe, correlation, submit, batch)
      }
    }
  }

  /// An id for a frame of the shell's own on the same links.
  func nextCorrelation() -> UInt64 {
    correlation += 1
    return correlation
  }

  // MARK: - Map and links

  /// The pipe of a worker, made if it is new.
  func pipe(of node: NodeID) -> Int {
    if let known = pipeOfNode[node] { return known }
    pipeOfNode[node] = pipes.count
    pipes.append(SubmitPipe(node: node))
    return pipes.count - 1
  }

  /// A newer map: what was not sent yet goes where it says, and what waits to be sent again does so soon.
  func learned(_ map: ClusterMap, _ now: ClientTime) {
    guard map.version > mapVersion else { return }
    mapVersion = map.version
    let table = RouteTable(map) { pipe(of: $0) }
    guard table != routes else { return }
    routes = table
    routesSince = now.nanoseconds
    let queued = pipes.flatMap { $0.takeQueued() } + parked
    parked.removeAll()
    for batch in queued { place(batch, now) }
    // Whoever leads these keys no more may be stopped, cut off or stuck: its answer is not waited for as long as others'.
    for (index, pipe) in pipes.enumerated() {
      pipe.hurry(now.nanoseconds + options.deposedTimeout) { routes.pipe(of: $0.key) != index }
    }
    for batch in waiting {
      let soon = now.nanoseconds + Int64.random(in: 0...options.backoff.base, using: &generator)
      batch.due = min(batch.due, soon)
    }
  }

  // MARK: - Batches

  func newBatch() -> SubmitBatch { pool.popLast() ?? SubmitBatch() }

  func recycle(_ batch: SubmitBatch) {
    batch.reset()
    if pool.count < 64 { pool.append(batch) }
  }

  /// A row was reported: it is no longer the core's.
  func settled(_ row: SubmitBatch.Row) {
    rowsOutstanding -= 1
    bytesOutstanding -= Int(row.length)
  }

  /// When `tick` is needed next, nanoseconds; `.max` for never.
  var nextDue: Int64 {
    var due = Int64.max
    for pipe in pipes { due = min(due, pipe.nextDue(options)) }
    for batch in waiting { due = min(due, batch.due) }
    for batch in parked { due = min(due, batch.giveUpAt) }
    return due
  }

  /// Visits every batch that is neither in flight nor waiting; those left empty by `body` go.
  func sweepQueued(_ body: (SubmitBatch) -> Void) {
    func keep(_ batch: SubmitBatch) -> Bool {
      body(batch)
      if batch.rows.isEmpty { recycle(batch) }
      return !batch.rows.isEmpty
    }
    for pipe in pipes {
      pipe.full.removeAll { !keep($0) }
      if let filling = pipe.filling, !keep(filling) { pipe.filling = nil }
    }
    parked.removeAll { !keep($0) }
  }
}
