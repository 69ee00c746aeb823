import DequeModule
import Models
import Wire

/// The partitions that one event loop owns. Pure: inputs come with `now`, effects leave through `output` and `chunk`.
///
/// `now` is milliseconds on a clock that only goes forward: silence is measured by it. What is logged tells the wall
/// clock's time, which may jump.
///
/// Rows of one `Submit` are looked up, observed and scored together, whatever partitions they fall into, so that the
/// model sees whole batches; then each partition gets one log record.
public final class Shard {
  public private(set) var me: Member
  public var output = ShardOutput()
  let dedupHorizon: Int64
  var partitions: [PartitionID: Partition] = [:]
  /// Partitions that others have taken the place of, and whose end is not in the journal yet: until it is, nothing of them is cut.
  var retiring: Set<PartitionID> = []
  /// Partitions that are being made anew from their logs.
  var closed: Set<PartitionID> = []
  /// The highest epochs seen by copies that are not here (any more): one that is placed here again fences by them (R3).
  public var seenEpochs: [PartitionID: Epoch] = [:]
  /// Parts of children that wait for those of the other parent (R12).
  var expected: [PartitionID: [ChildPart]] = [:]
  /// Workers that are not to be proposed for in-sync sets.
  var limping: [NodeID] = []
  /// Bundles that are loaded here, by id.
  var bundles: [BundleID: Bundle] = [:]
  var settings: ClusterSettings?
  public var checkpointPolicy = CheckpointPolicy()
  public var exchangeOptions = ExchangeOptions()
  /// Since the shell took them last.
  public var exchangeCounts = ExchangeCounts()
  /// By `DegradedReason`.
  public var degraded = [Int](repeating: 0, count: DegradedReason.allCases.count)
  /// The wall clock less the clock of `now`, ms.
  public var wallOffset: Int64 = 0
  /// The bundle that the cluster map says decides.
  var wantedBundle: BundleID?
  /// The one that is to decide next.
  var candidateBundle: BundleID?
  /// The hot items of lists that this node knows of.
  var lists = ListCatalogue()
  /// Who owns which keys in the whole cluster, by the map of this version (X).
  var routes: [ExchangeRoute] = []
  var routesVersion = MapVersion.none
  var homes: Set<PartitionID> = []
  /// Partitions whose exchange has something to carry out.
  var exchangeDue: [Partition] = []

  // Requests under way; finished ones are reused.
  var requests: [Request] = []
  private var free: [Int] = []

  // Records written since the last `takeChunk`.
  var chunk = RecordChunk()
  var chunkParts: [ChunkPart] = []
  /// Chunks handed out and not yet durable, oldest first.
  private var unsynced = Deque<(ticket: UInt64, parts: [ChunkPart])>()

  struct ChunkPart {
    var partition: Partition
    var base: Offset
    var end: Offset
  }

  let work = DecideWork()
  var actions: [ReplicaAction] = []

  /// `dedupHorizon` in ms.
  public init(me: Member, dedupHorizon: Int64) {
    self.me = me
    self.dedupHorizon = dedupHorizon
  }

  /// The coordinator has given this node its number, before any map. Only a node without a number has no partitions.
  public func joined(as member: Member) {
    precondition(partitions.isEmpty || member == me, "a node's number never changes")
    me = member
  }

  // MARK: Requests

  public func request(_ id: RequestID) -> Request { requests[id.rawValue] }

  /// The shell has answered; the request's storage is used again.
  public func release(_ id: RequestID) { free.append(id.rawValue) }

  public var requestsUnderWay: Int { requests.count - free.count }

  func beginRequest(token: UInt64, rows: Int, withFeatures: Bool) -> RequestID {
    let index: Int
    if let reused = free.popLast() {
      index = reused
    } else {
      index = requests.count
      requests.append(Request())
    }
    requests[index].begin(token: token, rows: rows, withFeatures: withFeatures)
    return RequestID(index)
  }

  // MARK: Journal

  /// Records written since the last call, for the journal; nil for none. `handedOver` follows for each of them in this order, once what
  /// was to be on disk before has got there: a record's commit mark may rest on a coordinator's record that is not yet (R2). Under
  /// `durability: replicated` being in memory is enough: the caller then reports the ticket durable by itself.
  public func takeChunk() -> RecordChunk? {
    guard !chunk.isEmpty else { return nil }
    chunk.seal()
    let taken = chunk
    unsynced.append((.max, chunkParts))
    chunk = RecordChunk(capacity: min(1 << 20, taken.bytes.count * 2))
    chunkParts = []
    chunkParts.reserveCapacity(64)
    return taken
  }

  /// The journal's ticket for the oldest chunk that had none. Tickets rise.
  ///
  /// Returns the partitions with records in the chunk, with the first of them, of which nobody has been told within the last `spacing`
  /// bytes of the `appended` ones: so that also a quiet partition's place in the journal is known.
  @discardableResult
  public func handedOver(ticket: UInt64, appended: Int = 0, spacing: Int = .max) -> [(partition: PartitionID, base: Offset)] {
    var index = unsynced.count - 1
    while index > 0, unsynced[index - 1].ticket == .max { index -= 1 }
    unsynced[index].ticket = ticket
    var due: [(partition: PartitionID, base: Offset)] = []
    for part in unsynced[index].parts where appended - part.partition.indexedAt >= spacing {
      part.partition.indexedAt = appended
      due.append((part.partition.id, part.base))
    }
    return due
  }

  /// The journal has made everything up to `ticket` durable.
  public func durable(ticket: UInt64, now: Int64) {
    while let first = unsynced.first, first.ticket <= ticket {
      unsynced.removeFirst()
      for part in first.parts where partitions[part.partition.id] === part.partition && part.end > part.base {
        let isBirth = part.partition.replica.durableEnd == .zero && part.partition.birth != nil
        part.partition.replica.durable(upTo: part.end, &actions)
        carryOut(on: part.partition, now: now)
        publishCheckpoint(part.partition)
        if isBirth { report(part.partition.birth!.succession) }
      }
    }
  }

  /// A record that the log has voided says nothing, once it is on the disk, of the one that took its place: without
  /// this, new records would be acknowledged on the strength of the old ones' sync (R4, R5).
  func voidUnsynced(_ partition: Partition, from offset: Offset) {
    func void(_ parts: inout [ChunkPart]) {
      for index in parts.indices where parts[index].partition === partition { parts[index].end = min(parts[index].end, offset) }
    }
    void(&chunkParts)
    for index in unsynced.indices { void(&unsynced[index].parts) }
  }

  /// Writes a record of the primary's own and tells the replica.
  func append(
    _ partition: Partition, kind: LogRecord.Kind, count: Int, payloadSize: Int, loggedTime: Int64, now: Int64,
    fill: (UnsafeMutableRawBufferPointer) -> Void
  ) {
    let epoch = partition.replica.primaryEpoch!
    partition.stampedAt = now
    let header = LogRecord(
      partition: partition.id, kind: kind, count: count, epoch: epoch, baseOffset: partition.replica.log.end,
      loggedTime: loggedTime, commitOffset: partition.replica.commit, length: LogRecord.headerSize + payloadSize)
    let range = chunk.append(header, fill: fill)
    partition.hold(HeldRecord(chunk: chunk, range: range, header: header))
    partition.state.applied = header.endOffset
    if kind.hasDecisions { partition.state.decidedEnd = header.endOffset }
    written(partition, header.baseOffset..<header.endOffset)
    partition.replica.appended(epoch: epoch, count: count, now: now, &actions)
    carryOut(on: partition, now: now)
  }

  /// The chunk has records of this range: runs of one partition become one part.
  func written(_ partition: Partition, _ range: Range<Offset>) {
    // One that has been voided from before its beginning ends below that: what is written then is none of its records.
    if let last = chunkParts.suffix(16).lastIndex(where: { $0.partition === partition }), chunkParts[last].end == range.lowerBound,
      chunkParts[last].base <= range.lowerBound
    {
      chunkParts[last].end = range.upperBound
    } else {
      chunkParts.append(.init(partition: partition, base: range.lowerBound, end: range.upperBound))
    }
  }

  /// Time to log with an entry of the primary's own.
  func ownTime(of partition: Partition, now: Int64) -> Int64 {
    LoggedTime.own(
      after: partition.state.loggedTime, wall: clock(of: partition, now: now), elapsed: now - (partition.stampedAt ?? now))
  }

  /// The wall clock, or what it would say had it gone on steadily since a sender last agreed with it: one that has been set back is not
  /// followed.
  private func clock(of partition: Partition, now: Int64) -> Int64 {
    let wall = now + wallOffset
    return partition.confirmed.map { max(wall, $0.wall + now - $0.at) } ?? wall
  }

  /// Time to log with transactions that say that they were first sent at `firstSent`; nil where that is later than can be: their decisions
  /// would be forgotten while retries of them are still taken.
  func time(of partition: Partition, firstSent: Int64, now: Int64) -> Int64? {
    let own = ownTime(of: partition, now: now)
    let wall = now + wallOffset
    if planted(.timeByOwnClock) { return max(own, wall) }
    let clock = clock(of: partition, now: now)
    if LoggedTime.agree(wall: wall, firstSent: firstSent), wall >= clock - LoggedTime.lagMax { partition.confirmed = (wall, now) }
    let time = LoggedTime.ofRows(own: own, wall: clock, firstSent: firstSent, horizon: dedupHorizon)
    if planted(.timeByEntries) { return min(time, partition.state.loggedTime + 600_000) }
    guard firstSent > time + LoggedTime.lagMax, !planted(.takeAheadOfTime) else { return time }
    output.clocksApart = firstSent - wall
    return nil
  }

  /// Writes a fact about this replica's own log.
  func appendLocal(_ partition: Partition, kind: LogRecord.Kind, at offset: Offset) {
    let header = LogRecord(
      partition: partition.id, kind: kind, count: 1, epoch: partition.replica.highestEpoch, baseOffset: offset,
      loggedTime: 0, commitOffset: partition.replica.commit, length: LogRecord.headerSize)
    _ = chunk.append(header) { _ in }
  }

  /// A successor's first fact. It is prepared once this is durable.
  func appendBirth(_ partition: Partition, _ succession: Succession) {
    let payload = succession.encoded
    let header = LogRecord(
      partition: partition.id, kind: .born, count: 1, epoch: succession.epoch, baseOffset: .zero, loggedTime: partition.state.loggedTime,
      commitOffset: PartitionState.birthEnd, length: LogRecord.headerSize + payload.count)
    _ = chunk.append(header) { $0.copyBytes(from: payload) }
    written(partition, .zero..<PartitionState.birthEnd)
  }

  // MARK: What is asked of it

  public func isPrimary(of id: PartitionID) -> Bool { partitions[id]?.replica.primaryEpoch != nil }
  public func bundle(_ id: BundleID) -> Bundle? { bundles[id] }
  public var partitionIDs: [PartitionID] { partitions.keys.sorted() }

  // MARK: Replica inputs

  /// A new cluster map: roles, settings and the bundle that decides.
  ///
  /// The map is the whole one: whether a successor still waits is told by its parents, which may belong to other shards. Of its
  /// partitions only those that this shard `owns` are opened here.
  public func learned(_ map: ClusterMap, owns: (PartitionID) -> Bool = { _ in true }, now: Int64) {
    settings = map.settings
    wantedBundle = map.activeBundle
    candidateBundle = map.candidateBundle
    retire(absentFrom: map)
    for record in map.partitions {
      guard record.replicas.contains(me.node), owns(record.id) else { continue }
      // One that is being rebuilt takes its place by itself, and hears of the map then.
      guard !closed.contains(record.id) else { continue }
      let partition = partitions[record.id] ?? open(record)
      partition.replica.durability = map.settings.durability
      partition.replica.minInSync = map.settings.minInSync
      partition.replica.limping = limping
      partition.range = record.range
      partition.replica.learned(record, now: now, &actions)
      carryOut(on: partition, now: now)
      followBundles(partition, now: now)
    }
  }

  /// One partition's newer record, ahead of the map that will bring it.
  public func learned(_ record: PartitionRecord, now: Int64) {
    guard let partition = partitions[record.id] else { return }
    partition.replica.learned(record, now: now, &actions)
    carryOut(on: partition, now: now)
  }

  /// Workers that the coordinator finds too slow to be waited for, while there are enough others.
  public func avoid(_ limping: [NodeID]) {
    self.limping = limping
    for partition in partitions.values { partition.replica.limping = limping }
  }

  /// A bundle is loaded and checked: it may be activated and applied from now on.
  public func loaded(_ bundle: Bundle, now: Int64) {
    bundles[bundle.id] = bundle
    for partition in partitions.values.sorted(by: { $0.id < $1.id }) { followBundles(partition, now: now) }
  }

  public func received(_ append: Append, records: RawSpan, now: Int64) {
    guard let partition = partitions[append.partition] else { return }
    var headers: [LogRecord] = []
    var ranges: [Range<Int>] = []
    let isWhole = records.withUnsafeBytes { bytes in
      var at = 0
      while at < bytes.count {
        guard let header = try? LogRecord(reading: UnsafeRawBufferPointer(rebasing: bytes[at...])), header.partition == append.partition
        else { return false }
        headers.append(header)
        ranges.append(at..<at + header.length)
        at += header.length
      }
      return true
    }
    // Damaged on the way, or not what a primary sends: nothing of it is taken.
    guard isWhole, Self.isRun(headers, of: append) else { return }
    // A log never names a bundle that this node hasn't got on disk: such records are taken once it has.
    for (header, range) in zip(headers, ranges) where header.kind.namesBundle {
      guard let id = records.withUnsafeBytes({ BundleID(namedBy: UnsafeRawBufferPointer(rebasing: $0[range])) }) else { return }
      guard bundles[id] != nil else { return output.neededBundles.append(id) }
    }
    partition.replica.received(append, records: headers, now: now, &actions)
    records.withUnsafeBytes { bytes in
      carryOut(on: partition, now: now) { index in (headers[index], UnsafeRawBufferPointer(rebasing: bytes[ranges[index]])) }
    }
  }

  /// Whether the records follow one another from the message's base on, in epochs that don't fall, up to its own.
  private static func isRun(_ headers: [LogRecord], of append: Append) -> Bool {
    var end = append.base
    var epoch = append.previousEpoch
    for header in headers {
      guard !header.kind.isLocal, header.baseOffset == end, header.epoch >= epoch, header.epoch <= append.epoch,
        end.rawValue < UInt64(Int64.max) - 65_536
      else { return false }
      end = header.endOffset
      epoch = header.epoch
    }
    return true
  }

  public func received(_ appended: Appended, now: Int64) {
    guard let partition = partitions[appended.partition] else { return }
    if case .accepted(let matched) = appended.result, matched > partition.replica.log.end { return }  // no follower of this log
    partition.replica.received(appended, now: now, &actions)
    carryOut(on: partition, now: now)
  }

  /// Records of `range` are on their way to a follower (`Shard+Feeding`).
  func fed(_ partition: Partition, _ node: NodeID, _ epoch: Epoch, _ range: Range<Offset>, now: Int64) {
    partition.replica.fed(node, epoch: epoch, range, now: now, &actions)
    carryOut(on: partition, now: now)
  }

  public func linkChanged(to node: NodeID) {
    for partition in partitions.values { partition.replica.linkChanged(to: node) }
  }

  public func proposalUndelivered(_ id: PartitionID, now: Int64) {
    guard let partition = partitions[id] else { return }
    partition.replica.proposalUndelivered(&actions)
    carryOut(on: partition, now: now)
  }

  public func tick(now: Int64) {
    for partition in partitions.values {
      partition.replica.canFeed = canFeed(partition)
      partition.replica.tick(now: now, &actions)
      carryOut(on: partition, now: now)
      followLists(partition, now: now)
    }
    tickExchanges(now: now)
  }

  // MARK: Opening and recovery

  /// A partition as its journal left it: the log's shape, the state applied as far as commit marks in the log allow, and
  /// the records behind that. `lastAssumed` is the last epoch that this process led; none for one that has just started, which
  /// no record names yet (R1).
  public func recover(_ recovered: RecoveredPartition, highestEpoch: Epoch, record: PartitionRecord?, lastAssumed: Epoch = .none) {
    var replica = Replica(
      partition: recovered.id, me: me, log: recovered.log, commit: recovered.state.applied, highestEpoch: highestEpoch, record: record)
    replica.lastAssumed = lastAssumed
    let partition = Partition(
      id: recovered.id, range: record?.range ?? KeyRange(first: KeyHash(0), last: KeyHash(.max)), replica: replica,
      state: recovered.state, sinkCursor: recovered.sinkCursor)
    for held in recovered.uncommitted { partition.hold(held) }
    partition.undelivered = recovered.undelivered
    partition.birth = recovered.birth
    partitions[recovered.id] = partition
    closed.remove(recovered.id)
    for bundle in recovered.bundles { bundles[bundle.id] = bundle }
    partition.checkpoints.stored = recovered.snapshots
    partition.checkpoints.storedDecidedEnd = recovered.decidedBelow
    partition.state.decidedEnd = max(partition.state.decidedEnd, recovered.decidedBelow)
    partition.checkpoints.bytesSince = recovered.bytesSinceCheckpoint
    partition.checkpoints.lastAt = recovered.lastCheckpointAt
    partition.checkpoints.lastDecidedEnd = recovered.lastDecidedEnd
    partition.replica.logStart = recovered.logStart
    // Who lacks its birth can be fed only by a snapshot, and perhaps nothing commits before somebody has been.
    if partition.birth != nil, recovered.snapshots.isEmpty, output.fatal == nil { beginCheckpoint(partition) }
  }

  private func open(_ record: PartitionRecord) -> Partition {
    let partition = Partition(
      id: record.id, range: record.range, replica: Replica(partition: record.id, me: me, highestEpoch: seenEpochs[record.id] ?? .none),
      state: PartitionState(dedupHorizon: dedupHorizon), sinkCursor: .zero)
    partitions[record.id] = partition
    return partition
  }
}
