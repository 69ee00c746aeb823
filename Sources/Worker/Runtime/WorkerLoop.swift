import Logging
import Models
import NIOCore
import Wire

/// One event loop's shell around a `Shard`: takes batches from links and HTTP, carries the shard's actions out, and
/// answers. Everything but `journalDurable` is called on the loop.
final class WorkerLoop: @unchecked Sendable {
  let eventLoop: any EventLoop
  let index: Int
  let node: WorkerNode
  let shard: Shard
  var table = RoutingTable.empty
  var map: ClusterMap?
  var schema = Schema.standard
  let peers: PeerLinks
  let metrics: WorkerMetrics
  private let ruleMetrics: RuleMetrics
  private let exchangeMetrics: ExchangeMetrics
  var intake = IntakeBatch()
  private var replies: [Reply] = []
  private var freeReplies: [Int] = []
  private var quarantineText: [UInt8] = []
  /// Outputs and records that wait for facts to be on disk, oldest first. Also the journal's: what had committed when a record was written
  /// may rest on them.
  private var held: [(ShardOutput, RecordChunk?)] = []
  /// What has been done of late by a record of the partition has not left this machine: as if it had not been.
  func isHoldingBack(_ id: PartitionID) -> Bool { held.contains { $0.0.persists.contains { $0.partition == id } } }
  private var isPersisting = false
  var isRotating = false
  /// Whether this worker follows others still.
  var takesLog = true
  private var isDrainScheduled = false
  var isExchangeScheduled = false
  private var appendedBytes = 0
  private var ticks = 0
  /// One warning in ten seconds.
  private static let clockWarningTicks = 200
  private var nextClockWarning = 0
  /// Batches that came by HTTP and wait for rows to be decided.
  var calls: [ObjectIdentifier: PatientCall] = [:]
  /// Bulk batches that wait, and what they wait for.
  var bulk = BulkQueue<WaitingBatch>()
  var gate = BulkGate()
  var isBulkScheduled = false
  /// Of this turn, on bulk batches; nanoseconds.
  var bulkSpent: UInt64 = 0
  private(set) var requestMeter = DrainMeter()
  var rowMeter = DrainMeter()
  private(set) lazy var checkpoints = CheckpointRunner(self, node)
  private(set) lazy var transfers = TransferRunner(self, node)
  /// Bounds what a batch makes of records, features and decisions together, so that it fits into a frame to a follower.
  static let batchBytesMax = 12 << 20

  static let tickSeconds = 0.05

  enum Reply {
    case none
    /// Of a bulk batch the rows, and when it went (monotonic nanoseconds); 0 rows of an interactive one.
    case link(Link, correlation: UInt64, received: UInt64, began: UInt64, bulkRows: Int)
    case closure((borrowing Request) -> Void)
  }

  init(_ eventLoop: any EventLoop, index: Int, node: WorkerNode, shard: Shard) {
    self.eventLoop = eventLoop
    self.index = index
    self.node = node
    self.shard = shard
    metrics = WorkerMetrics(node.registry)
    ruleMetrics = RuleMetrics(node.registry)
    exchangeMetrics = ExchangeMetrics(node.registry)
    peers = PeerLinks(eventLoop: eventLoop, node: node)
  }

  /// Milliseconds on a clock that never jumps, for the shard; it is told of the wall clock beside.
  func now() -> Int64 {
    let steady = Int64(SystemClock.nanoseconds() / 1_000_000)
    shard.wallOffset = node.clock.now() - steady
    return steady
  }

  // MARK: Intake

  enum Source: String, Sendable { case wire, http }

  func decide(_ submit: Submit, _ payload: RawSpan, _ reply: Reply, source: Source) {
    let id = take(submit, payload, intake.rows, rejected: intake.rejected, token: keep(reply))
    quarantineRejected(shard.request(id), payload, intake.ranges, source)
    scheduleDrain()
  }

  /// A part of a batch that is put together again elsewhere.
  func decidePart(
    _ submit: Submit, _ payload: RawSpan, _ rows: [RoutedRow], source: Source, answer: @escaping (borrowing Request) -> Void
  ) {
    let id = take(submit, payload, rows, rejected: [], token: keep(.closure(answer)))
    quarantineRejected(shard.request(id), payload, rows.map(\.range), source)
    scheduleDrain()
  }

  private func take(
    _ submit: Submit, _ payload: RawSpan, _ rows: [RoutedRow], rejected: [(row: Int, Rejection)], token: UInt64
  ) -> RequestID {
    let id =
      submit.flags.contains(.labels)
      ? shard.label(payload, rows: rows, rejected: rejected, rowCount: submit.rowCount, token: token, now: now())
      : shard.decide(
        payload, rows: rows, rejected: rejected, rowCount: submit.rowCount, firstSent: submit.firstSent,
        withFeatures: submit.flags.contains(.withFeatures), token: token, now: now())
    count(shard.request(id))
    return id
  }

  private func count(_ request: Request) {
    for row in request.outcomes {
      switch row.status {
      case .decided: metrics.decided(row.decision)
      case .duplicate: metrics.duplicates.add()
      case .retry: metrics.retried(row.failure)
      case .applied: metrics.labels.add()
      case .alreadyApplied: metrics.labelsRepeated.add()
      case .rejected where request.isOfLabels: metrics.rejected(row.reject)
      case .rejected, .pending: break
      }
    }
  }

  // MARK: Quarantine

  private func quarantineRejected(_ request: Request, _ payload: RawSpan, _ ranges: [Range<Int>], _ source: Source) {
    // Whoever sent a label is told; it is no payment that might be lost.
    guard request.hasRejects, !request.isOfLabels else { return }
    var rejected: [(row: Int, Rejection)] = []
    for row in request.outcomes.indices where request.outcomes[row].status == .rejected {
      rejected.append((row, request.rejection(of: row)))
    }
    quarantine(rejected, ranges, payload, source)
  }

  func quarantine(_ rejected: [(row: Int, Rejection)], _ ranges: [Range<Int>], _ payload: RawSpan, _ source: Source) {
    quarantineText.removeAll(keepingCapacity: true)
    let now = node.clock.now()
    for (row, rejection) in rejected {
      metrics.rejected(rejection.reason)
      guard ranges.indices.contains(row) else { continue }
      RecordExcerpt.append(rejection, payload.extracting(ranges[row]), source: source.rawValue, time: now, to: &quarantineText)
    }
    node.sinks.quarantine(quarantineText, done: nil)
  }

  /// Records that a client could not turn into transactions. `done` is called on this loop once they are on disk.
  func quarantine(_ records: [Quarantine.Record], done: @escaping (Failure?) -> Void) {
    guard !node.sinks.isOverfull else {
      return done(Failure(.busy, "the quarantine's disk does not keep up", retryAfterMilliseconds: 1_000))
    }
    quarantineText.removeAll(keepingCapacity: true)
    let now = node.clock.now()
    for record in records {
      // What HTTP could not read has been counted where it was read.
      if record.source != TransactionBatch.source { metrics.rejected(record.rejection.reason) }
      QuarantineText.append(
        time: now, rejection: record.rejection, source: record.source, transactionID: RawSpan(), raw: record.excerpt.span.bytes,
        to: &quarantineText)
    }
    let box = OnLoop(done)
    node.sinks.quarantine(quarantineText) { error in
      self.eventLoop.execute {
        box.body(error.map { Failure(.unavailable, "the quarantine can't be written: \($0)") })
      }
    }
  }

  // MARK: Actions

  /// What all links have given in a turn of the loop is one burst.
  func scheduleDrain() {
    guard !isDrainScheduled else { return }
    isDrainScheduled = true
    eventLoop.execute {
      self.isDrainScheduled = false
      self.bulkSpent = 0
      self.drain()
    }
  }

  /// Carries out what the shard owes.
  func drain() {
    while true {
      shard.settleExchanges(now: now())
      let chunk = shard.takeChunk()
      guard chunk != nil || shard.output.isPending else { break }
      if let fatal = shard.output.fatal { return node.stop(because: fatal.description) }
      let output = shard.output
      shard.output = ShardOutput()
      if planted(.actBeforePersist) {
        if let chunk { hand(over: chunk) }
        persistLate(output)
      } else if !held.isEmpty || !output.persists.isEmpty {
        if planted(.logBeforePersist), let chunk { hand(over: chunk) }
        held.append((output, planted(.logBeforePersist) ? nil : chunk))
        persistNext()
      } else {
        carryOut(output, chunk)
      }
    }
  }

  private func hand(over chunk: RecordChunk) {
    let (first, ticket) = chunk.bytes.withUnsafeBytes { append($0) }
    appendedBytes += chunk.bytes.count
    let due = shard.handedOver(ticket: ticket.rawValue, appended: appendedBytes, spacing: LogIndex.spacing)
    if !due.isEmpty { node.logIndex.handed(first.rawValue, due.map { .init(partition: $0.partition, base: $0.base) }) }
    // R5: in memory is enough, and it is.
    if shard.settings?.durability == .replicated || planted(.acknowledgeBeforeSync) {
      shard.durable(ticket: ticket.rawValue, now: now())
    }
  }

  /// A burst of catch-up may be more than the journal takes at once. The tickets are those of the first piece, where the
  /// burst begins in the journal, and of the last, with which all of it is durable.
  private func append(_ records: UnsafeRawBufferPointer) -> (first: JournalTicket, last: JournalTicket) {
    var rest = records
    var first: JournalTicket?
    while rest.count > node.journal.batchBytesMax {
      var end = 0
      while end < rest.count {
        let length = Int(UInt32(littleEndian: rest.loadUnaligned(fromByteOffset: end + 4, as: UInt32.self)))
        if end + length > node.journal.batchBytesMax { break }
        end += length
      }
      precondition(end > 0, "a record of \(rest.count) bytes is more than a segment of the log holds")
      let ticket = node.journal.append(UnsafeRawBufferPointer(rebasing: rest[..<end]))
      first = first ?? ticket
      rest = UnsafeRawBufferPointer(rebasing: rest[end...])
    }
    let last = node.journal.append(rest)
    return (first ?? last, last)
  }

  private func persistNext() {
    guard !isPersisting, let (output, chunk) = held.first else { return }
    if output.persists.isEmpty {
      held.removeFirst()
      carryOut(output, chunk)
      return persistNext()
    }
    isPersisting = true
    for fact in output.persists {
      node.directory.roles.put(fact.partition, PartitionFacts(highestEpoch: fact.highestEpoch, record: fact.record).encoded)
    }
    node.persist { error in
      self.eventLoop.execute {
        if let error { return self.node.stop(because: "a role can't be stored: \(error)") }
        self.isPersisting = false
        let (output, chunk) = self.held.removeFirst()
        self.carryOut(output, chunk)
        self.persistNext()
        self.drain()
      }
    }
  }

  /// The mistake of `actBeforePersist`.
  private func persistLate(_ output: ShardOutput) {
    carryOut(output, nil)
    for fact in output.persists {
      node.directory.roles.put(fact.partition, PartitionFacts(highestEpoch: fact.highestEpoch, record: fact.record).encoded)
    }
    if !output.persists.isEmpty { node.persist { _ in } }
  }

  private func carryOut(_ output: ShardOutput, _ chunk: RecordChunk?) {
    if let chunk { hand(over: chunk) }
    for send in output.sends { peers.send(send) }
    for catchUp in output.catchUps { peers.catchUp(catchUp, self) }
    for (appended, node) in output.answers { peers.answer(appended, to: node) }
    if !output.contributions.isEmpty || !output.contributionReplies.isEmpty || !output.decidedLater.isEmpty { exchange(output) }
    for proposal in output.proposals { node.session.propose(proposal, from: self) }
    if output.fetchMap { node.session.fetchMap() }
    for id in output.neededBundles { node.session.require(id) }
    if !output.deliveries.isEmpty { node.sinks.deliver(output.deliveries) }
    for image in output.checkpoints { checkpoints.begin(image) }
    for header in output.publishes { checkpoints.publish(header) }
    for (partition, offset) in output.discards { checkpoints.discard(partition, offset) }
    for request in output.transfers { node.session.report(request) }
    for report in output.checkpointReports { node.session.report(report) }
    if let apart = output.clocksApart { warn(ofClocks: apart) }
    for id in output.completed { answer(id) }
    for closed in output.rebuilds { node.rebuild(closed, on: self) }
    if !output.parts.isEmpty || !output.unborn.isEmpty || !output.successions.isEmpty || !output.retired.isEmpty || output.rotateSinks
      || !output.handOvers.isEmpty || !output.departed.isEmpty
    {
      succeed(output)
    }
  }

  private func warn(ofClocks apart: Int64) {
    guard ticks >= nextClockWarning else { return }
    nextClockWarning = ticks + Self.clockWarningTicks
    node.logger.warning(
      "transactions are refused: their senders say that they were first sent later than it is here; set this worker's clock or theirs",
      metadata: ["seconds_later": "\(apart / 1000)"])
  }

  private func answer(_ id: RequestID) {
    let request = shard.request(id)
    let token = Int(request.token)
    switch replies[token] {
    case .none: break
    case .link(let link, let correlation, let received, let began, let bulkRows):
      ended(bulkRows: bulkRows, began: began)
      if !request.isOfLabels { metrics.decisionLatency.observe(monotonicNanoseconds() - received, times: request.outcomes.count) }
      link.send(.decisions, correlation: correlation) { request.writeAnswer(withListVersions: link.readsListVersions, to: &$0) }
    case .closure(let body): body(request)
    }
    replies[token] = .none
    freeReplies.append(token)
    shard.release(id)
    requestMeter.count(1)
  }

  private func keep(_ reply: Reply) -> UInt64 {
    if let free = freeReplies.popLast() {
      replies[free] = reply
      return UInt64(free)
    }
    replies.append(reply)
    return UInt64(replies.count - 1)
  }

  // MARK: From the node

  func learned(_ map: ClusterMap) {
    self.map = map
    table = RoutingTable(map)
    peers.learned(map)
    shard.learned(map, owns: { node.loopIndex(of: $0) == index }, now: now())
    shard.routed(map, now: now())
    if let active = map.activeBundle, let bundle = shard.bundle(active) { schema = bundle.schema }
    for call in calls.values { call.mapChanged() }
    drain()
  }

  func learned(_ record: PartitionRecord) {
    shard.learned(record, now: now())
    drain()
  }

  func learned(_ lists: ListCatalogue) {
    shard.learned(lists, now: now())
    drain()
  }

  func linkChanged(to peer: NodeID) {
    shard.linkChanged(to: peer)
    tick()
  }

  func loaded(_ bundle: Bundle) {
    if map?.activeBundle == bundle.id { schema = bundle.schema }
    shard.loaded(bundle, now: now())
    drain()
  }

  func durable(_ ticket: UInt64) {
    shard.durable(ticket: ticket, now: now())
    drain()
  }

  func tick() {
    let now = self.now()
    shard.tick(now: now)
    countExchange()
    peers.tick()
    gate.tick(now: Int64(monotonicNanoseconds()))
    scheduleBulk()
    requestMeter.lap(Self.tickSeconds)
    rowMeter.lap(Self.tickSeconds)
    ticks += 1
    if ticks % 10 == 0 {
      shard.work.decider.takeTallies { ruleMetrics.add($1, $2) }
      shard.logSinkCursors(now: now) { node.sinks.outbox.cursor(of: $0) }
      if !node.isStopping { shard.reviewCheckpoints(now: now) }
    }
    shard.reviewSuccessions(delivered: { node.sinks.outbox.cursor(of: $0) }, now: now)
    if ticks % 20 == 0 {
      shard.remindOfSuccessions()
      transfers.tick()
    }
    if index == 0, ticks % 60 == 0 { node.cutJournal() }
    drain()
  }

  private func countExchange() {
    exchangeMetrics.add(shard.exchangeCounts)
    shard.exchangeCounts = ExchangeCounts()
    for reason in DegradedReason.allCases where shard.degraded[reason.rawValue] > 0 {
      exchangeMetrics.degraded(reason, shard.degraded[reason.rawValue])
      shard.degraded[reason.rawValue] = 0
    }
  }

  // MARK: Replication

  func received(append payload: RawSpan) {
    // A journal that does not keep up, or is closing: the primary sends it again.
    guard takesLog, !node.journal.isFull, let append = try? Append(reading: payload) else { return }
    shard.received(append, records: payload.extracting(Append.headerSize..<payload.byteCount), now: now())
    scheduleDrain()
  }

  /// A follower's records have been read from the journal and sent, or could not be.
  func fed(_ catchUp: ShardOutput.CatchUp, upTo end: Offset?) {
    shard.fed(catchUp, upTo: end, now: now())
    scheduleDrain()
  }

  func received(appended payload: RawSpan) {
    guard let appended = try? Appended(reading: payload) else { return }
    shard.received(appended, now: now())
    scheduleDrain()
  }
}

/// A closure that is made and called on one event loop, carried through another thread in between.
private struct OnLoop<Argument>: @unchecked Sendable {
  let body: (Argument) -> Void
  init(_ body: @escaping (Argument) -> Void) { self.body = body }
}

extension Link {
  /// Whether answers may name list versions; a link that has ended sends nothing.
  var readsListVersions: Bool { isReady && peer.identity.features.contains(.listVersions) }
}
