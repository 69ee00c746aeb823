import Models
import Wire

@testable import Worker

/// Three workers with a coordinator that decides by hand: real shards, real records, journals that may lose what was not
/// synced. Splits and merges are tried with failures in between, beside one shard that is never split.
struct SuccessionRig {
  static let workers = 3

  final class Node {
    let number: Int
    var member: Member
    var shard: Shard
    /// Durable records, in the journal's order, and those that are not synced yet.
    var journal: [UInt8] = []
    var unsynced: [UInt8] = []
    var facts: [PartitionID: ShardOutput.Persist] = [:]
    var ticket: UInt64 = 0
    var delivered: [PartitionID: Offset] = [:]
    var isUp = true

    init(_ number: Int) {
      self.number = number
      member = Member(node: NodeID(UInt32(number)), storage: StorageID(high: 1, low: UInt64(number)), incarnation: Incarnation(1))
      shard = Shard(me: member, dedupHorizon: ShardRig.horizon)
    }
  }

  let bundle: Bundle
  var nodes: [Node]
  var records: [PartitionRecord]
  var version: UInt64 = 1
  var now = ShardRig.start
  var random: SeededRandom
  /// Every decision handed to a sink, by partition and offset.
  var sinks: [PartitionID: [UInt64: Decision]] = [:]
  /// Transactions in the order in which their decisions first reached a sink: for one card, that of its logs.
  var order: [[UInt8]] = []
  var reports: [SuccessionReport] = []
  var handOvers: [HandOverReport] = []
  /// Reads of a journal for a follower.
  var catchUps = 0
  private var intake = IntakeBatch()

  init(seed: UInt64, partitions: Int = 1) throws {
    bundle = try ShardRig.bundle(1)
    random = SeededRandom(seed: seed)
    nodes = (1...Self.workers).map(Node.init)
    let members = nodes.map(\.member)
    records = KeyRange.tiles(partitions).enumerated().map { index, range in
      PartitionRecord(
        id: PartitionID(UInt32(index + 1)), range: range, epoch: Epoch(1), version: RecordVersion(1), primary: members[0], isr: members,
        replicas: members.map(\.node))
    }
    for node in nodes { node.shard.loaded(bundle, now: now) }
    push()
  }

  var map: ClusterMap {
    ClusterMap(
      cluster: ClusterID(high: 1, low: 1), version: MapVersion(version), settings: ClusterSettings(replicas: 3, minInSync: 2), nodes: [],
      partitions: records, activeBundle: bundle.id)
  }

  mutating func push() {
    version += 1
    for node in nodes where node.isUp { node.shard.learned(map, now: now) }
    settle()
  }

  /// Carries everything out until nothing moves any more.
  mutating func settle() {
    for _ in 0..<200 {
      var moved = false
      for node in nodes where node.isUp { moved = carryOut(node) || moved }
      if !moved { return }
    }
    preconditionFailure("it does not come to rest")
  }

  private mutating func carryOut(_ node: Node) -> Bool {
    node.shard.settleExchanges(now: now)
    let chunk = node.shard.takeChunk()
    let output = node.shard.output
    guard chunk != nil || output.isPending else { return false }
    precondition(output.fatal == nil, "\(output.fatal!)")
    node.shard.output = ShardOutput()
    node.shard.output.completed = []
    completed[node.number, default: []] += output.completed
    if let chunk {
      node.unsynced += chunk.bytes
      node.ticket += 1
      node.shard.handedOver(ticket: node.ticket)
    }
    for fact in output.persists { node.facts[fact.partition] = fact }
    for send in output.sends { deliver(send.append, send.records, to: send.to) }
    catchUps += output.catchUps.count
    for catchUp in output.catchUps {
      let (records, end) = read(node, catchUp)
      deliver(catchUp.append, records, to: catchUp.to)
      node.shard.fed(catchUp, upTo: records.isEmpty ? nil : end, now: now)
    }
    for (appended, to) in output.answers where peer(to).isUp { peer(to).shard.received(appended, now: now) }
    for delivery in output.deliveries { take(delivery, node) }
    for proposal in output.proposals { propose(proposal) }
    reports += output.successions
    handOvers += output.handOvers
    for id in output.departed {
      node.shard.departed(id)
      node.shard.learned(map, now: now)
    }
    for part in output.parts { node.shard.adopt(part) }
    for id in output.unborn { node.shard.discard(id) }
    for closed in output.rebuilds { rebuild(closed, node) }
    sync(node)
    if output.rotateSinks {
      let delivered = node.delivered
      node.shard.reviewSuccessions(delivered: { delivered[$0] ?? .zero }, now: now)
      node.shard.output.rotateSinks = false
    }
    return true
  }

  var completed: [Int: [RequestID]] = [:]

  private func peer(_ id: NodeID) -> Node { nodes[Int(id.rawValue) - 1] }

  private func deliver(_ append: Append, _ held: [HeldRecord], to: NodeID) {
    var bytes: [UInt8] = []
    for record in held { record.chunk.withRecord(record.range) { bytes += $0 } }
    deliver(append, bytes, to: to)
  }

  private func deliver(_ append: Append, _ bytes: [UInt8], to: NodeID) {
    guard peer(to).isUp else { return }
    peer(to).shard.received(append, records: bytes.span.bytes, now: now)
  }

  /// What the journal's reader finds.
  private func read(_ node: Node, _ catchUp: ShardOutput.CatchUp) -> ([UInt8], Offset) {
    var found: [UInt8] = []
    var next = catchUp.range.lowerBound
    for (header, bytes) in try! ShardRig.split(node.journal)
    where header.partition == catchUp.append.partition && !header.kind.isLocal && header.baseOffset == next
      && next < catchUp.range.upperBound && catchUp.log.epoch(at: next) == header.epoch
    {
      found += bytes
      next = header.endOffset
    }
    return (found, next)
  }

  private mutating func take(_ delivery: ShardOutput.Delivery, _ node: Node) {
    let header = delivery.record.header
    delivery.record.chunk.withRecord(delivery.record.range) { record in
      let payload = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: record[LogRecord.headerSize...]))
      let batch = try! DecidedBatch(reading: payload, rowCount: header.count)
      var ranges: [Range<Int>] = []
      try! batch.locateTransactions(into: &ranges)
      for row in 0..<header.count {
        let offset = (header.baseOffset + row).rawValue
        let known = sinks[header.partition, default: [:]].updateValue(batch.decision(row)!, forKey: offset)
        if known == nil { order.append(batch.transaction(ranges[row]).bytes.withUnsafeBytes { Array($0) }) }
        precondition(known == nil || known == batch.decision(row), "another decision at \(header.partition) \(offset)")
      }
    }
    node.delivered[header.partition] = max(node.delivered[header.partition] ?? .zero, header.endOffset)
  }

  func sync(_ node: Node) {
    node.journal += node.unsynced
    node.unsynced = []
    node.shard.durable(ticket: node.ticket, now: now)
  }

  // MARK: The coordinator's part

  private mutating func propose(_ proposal: ShardOutput.Proposal) {
    guard let index = records.firstIndex(where: { $0.id == proposal.partition }), records[index].version == proposal.version,
      records[index].epoch == proposal.epoch, !proposal.add || peer(proposal.member.node).isUp
    else { return }
    records[index].isr.removeAll { $0.node == proposal.member.node }
    if proposal.add { records[index].isr.append(proposal.member) }
    records[index].isr.sort { $0.node < $1.node }
    records[index].version = records[index].version.next
    version += 1
    for node in nodes where node.isUp { node.shard.learned(map, now: now) }
  }

  /// kill -9. Others are elected in its place.
  mutating func crash(_ number: Int) {
    let node = nodes[number - 1]
    node.isUp = false
    node.unsynced = []
    completed[number] = nil
    for index in records.indices {
      records[index].isr.removeAll { $0.node == node.member.node }
      records[index].version = records[index].version.next
      guard records[index].primary?.node == node.member.node else { continue }
      records[index].primary = records[index].isr.first
      records[index].epoch = records[index].epoch.next
    }
    push()
  }

  /// The process comes back with what its journal has.
  mutating func restart(_ number: Int) throws {
    let node = nodes[number - 1]
    node.member.incarnation = Incarnation(node.member.incarnation.rawValue + 1)
    node.shard = Shard(me: node.member, dedupHorizon: ShardRig.horizon)
    node.shard.loaded(bundle, now: now)
    node.ticket = 0
    for (_, partition) in try recovered(node) {
      let facts = node.facts[partition.id]
      node.shard.recover(
        partition, highestEpoch: max(facts?.highestEpoch ?? .none, partition.log.lastEpoch), record: facts?.record)
    }
    node.isUp = true
    push()
  }

  private func recovered(_ node: Node) throws -> [PartitionID: RecoveredPartition] {
    var partitions: [PartitionID: RecoveredPartition] = [:]
    for (header, bytes) in try ShardRig.split(node.journal) {
      let id = header.partition
      let cursor = node.delivered[id] ?? .zero
      switch header.kind {
      case .born:
        try bytes.withUnsafeBytes {
          try partitions.replayBirth(header, $0, dedupHorizon: ShardRig.horizon, sinkCursor: cursor) { _ in bundle }
        }
      case .unborn: partitions[id] = nil
      default:
        let new = RecoveredPartition(id: id, dedupHorizon: ShardRig.horizon, sinkCursor: cursor)
        try ShardRig.replay(header, bytes, into: &partitions[id, default: new], [bundle])
      }
    }
    return partitions
  }

  private func rebuild(_ closed: ShardOutput.Rebuild, _ node: Node) {
    sync(node)
    guard let partition = try! recovered(node)[closed.partition] else { preconditionFailure("\(closed.partition) is not in the journal") }
    node.shard.recover(partition, highestEpoch: closed.highestEpoch, record: closed.record, lastAssumed: closed.lastAssumed)
    node.shard.learned(map, now: now)
  }

  mutating func tick(_ milliseconds: Int64 = 60) {
    now += milliseconds
    for node in nodes where node.isUp {
      node.shard.tick(now: now)
      let delivered = node.delivered
      node.shard.reviewSuccessions(delivered: { delivered[$0] ?? .zero }, now: now)
      node.shard.logSinkCursors(now: now) { delivered[$0] ?? .zero }
    }
    settle()
  }

  mutating func command(_ action: SuccessionCommand.Action, _ succession: Succession) {
    let versions = succession.parents.compactMap { id in records.first { $0.id == id }?.version }
    guard versions.count == succession.parents.count else { return }
    for node in nodes where node.isUp { node.shard.take(SuccessionCommand(action, succession, versions: versions), now: now) }
    settle()
  }

  /// Asks the primary to pause, and takes time on until it says something.
  mutating func pause(_ id: PartitionID, for successor: Int) -> HandOverReport? {
    guard let record = records.first(where: { $0.id == id }), let primary = record.primary else { return nil }
    handOvers = []
    let command = HandOverCommand(.pause, id, version: record.version, successor: nodes[successor - 1].member)
    for _ in 0..<12 where handOvers.isEmpty {
      peer(primary.node).shard.take(command, now: now)
      settle()
      if handOvers.isEmpty { tick(50) }
    }
    return handOvers.last
  }

  /// The coordinator's commit of a hand-over; `leaving` loses its copy in the same step.
  mutating func elect(_ id: PartitionID, _ successor: Int, leaving: Int? = nil) {
    let index = records.firstIndex { $0.id == id }!
    records[index].primary = nodes[successor - 1].member
    records[index].epoch = records[index].epoch.next
    records[index].version = records[index].version.next
    if let leaving {
      records[index].replicas.removeAll { $0 == NodeID(UInt32(leaving)) }
      records[index].isr.removeAll { $0.node == NodeID(UInt32(leaving)) }
    }
    push()
  }

  /// A copy is to be made on a node.
  mutating func place(_ id: PartitionID, on number: Int) {
    let index = records.firstIndex { $0.id == id }!
    records[index].replicas.append(NodeID(UInt32(number)))
    records[index].version = records[index].version.next
    push()
  }

  /// The abort's log entry: a new version of the parents' records, then the word.
  mutating func abort(_ succession: Succession) {
    for index in records.indices where succession.parents.contains(records[index].id) {
      records[index].version = records[index].version.next
    }
    push()
    command(.abort, succession)
  }

  /// The commit, if all that are in sync are prepared by their newest reports; false if not.
  mutating func commit(_ succession: Succession) -> Bool {
    let parents = records.filter { succession.parents.contains($0.id) }
    if parents.isEmpty { return true }
    var digests: Set<[UInt64]> = []
    var told: [NodeID: SuccessionReport] = [:]
    for node in nodes where node.isUp {
      node.shard.output.successions = []
      node.shard.report(succession)
      told[node.member.node] = node.shard.output.successions.last
      node.shard.output.successions = []
    }
    for parent in parents {
      guard parent.isr.count >= 2, let primary = parent.primary,
        told[primary.node]?.parents.contains(where: { $0.partition == parent.id && $0.isPrimary && $0.isSealed && $0.isDelivered }) == true
      else { return false }
      for member in parent.isr {
        guard let report = told[member.node], report.children.count == succession.children.count else { return false }
        digests.insert(report.children.map(\.digest))
      }
    }
    precondition(digests.count == 1, "the copies differ: \(told.values.map { ($0.member, $0.children) }), \(debug(succession))")
    let isr = parents[0].isr.map { nodes[Int($0.node.rawValue) - 1].member }
    records.removeAll { succession.parents.contains($0.id) }
    records += succession.children.map { child in
      PartitionRecord(
        id: child.id, range: child.range, epoch: succession.epoch, version: RecordVersion(1),
        primary: isr.first { $0.node == parents[0].primary!.node }, isr: isr, replicas: parents[0].replicas)
    }
    records.sort { $0.range.first < $1.range.first }
    push()
    return true
  }

  private func debug(_ succession: Succession) -> String {
    nodes.filter(\.isUp).flatMap { node in
      (succession.parents + succession.children.map(\.id)).compactMap { id in
        node.shard.partitions[id].map {
          "\(node.number) \(id) applied \($0.state.applied) time \($0.state.loggedTime) dedup \($0.state.dedup.count) \($0.state.dedup.digest()) entities \(String(describing: $0.state.entities?.digest())) bundles \($0.state.bundles.count) seal \(String(describing: $0.state.seal))"
        }
      }
    }.joined(separator: "\n")
  }

  // MARK: Clients

  /// Sends the rows to their primaries; outcomes by row, nil for one without an answer.
  mutating func submit(_ rows: [[UInt8]]) throws -> [Decisions.Outcome?] {
    var out = WireWriter()
    let submit = Submit(firstSent: now, deadlineMilliseconds: 1_000, flags: [], rowCount: rows.count)
    submit.write(rows: RawSpan(), to: &out)
    let payload = out.bytes + rows.flatMap { $0 }
    try intake.prepare(submit, payload.span.bytes, schema: bundle.schema, table: RoutingTable(map), now: now)
    var outcomes = [Decisions.Outcome?](repeating: nil, count: rows.count)
    for node in nodes where node.isUp {
      let mine = intake.rows.filter { row in records.first { $0.id == row.partition }?.primary?.node == node.member.node }
      if mine.isEmpty { continue }
      let id = node.shard.decide(
        payload.span.bytes, rows: mine, rejected: [], rowCount: rows.count, firstSent: now, withFeatures: false, token: 0, now: now)
      settle()
      guard completed[node.number, default: []].contains(id) else { continue }
      completed[node.number]!.removeAll { $0 == id }
      let answer = node.shard.request(id).decisions
      for row in mine { outcomes[row.index] = answer.outcomes[row.index] }
      node.shard.release(id)
    }
    return outcomes
  }
}
