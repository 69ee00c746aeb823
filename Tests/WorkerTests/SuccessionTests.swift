import Models
import Testing
import Wire

@testable import Worker

/// Split and merge (R12), the workers' part.
@Suite struct SuccessionTests {
  static func split(_ operation: UInt32, _ parent: PartitionRecord, at: KeyHash, ids: UInt32) -> Succession {
    Succession(
      operation: OperationID(operation), epoch: Epoch(1), parents: [parent.id],
      children: [
        .init(id: PartitionID(ids), range: KeyRange(first: parent.range.first, last: KeyHash(at.rawValue - 1))),
        .init(id: PartitionID(ids + 1), range: KeyRange(first: at, last: parent.range.last)),
      ])
  }

  static func merge(_ operation: UInt32, _ a: PartitionRecord, _ b: PartitionRecord, id: UInt32) -> Succession {
    Succession(
      operation: OperationID(operation), epoch: Epoch(1), parents: [a.id, b.id],
      children: [.init(id: PartitionID(id), range: KeyRange(first: a.range.first, last: b.range.last))])
  }

  @Test func `a sealed partition answers that it is sealed, and its children know everything that it decided`() throws {
    var rig = try SuccessionRig(seed: 1)
    let rows = (0..<40).map { ShardRig.transaction("t\($0)", card: "card-\($0)") }
    let before = try rig.submit(rows)
    #expect(before.allSatisfy { $0?.status == .decided })
    let succession = Self.split(1, rig.records[0], at: KeyHash(1 << 63), ids: 2)
    rig.command(.prepare, succession)
    let sealed = try rig.submit([rows[0]])
    #expect(sealed[0]?.status == .retry && sealed[0]?.failure == .sealed)
    let isCommitted = rig.commit(succession)
    #expect(isCommitted)
    let after = try rig.submit(rows)
    for (old, new) in zip(before, after) {
      #expect(new?.status == .duplicate && new?.partition == old?.partition && new?.offset == old?.offset && new?.decision == old?.decision)
    }
    let fresh = try rig.submit((0..<40).map { ShardRig.transaction("u\($0)", card: "card-\($0)") })
    #expect(Set(fresh.compactMap { $0?.partition }) == [PartitionID(2), PartitionID(3)])
    #expect(rig.nodes.allSatisfy { $0.shard.partitionIDs == [PartitionID(2), PartitionID(3)] }, "the parent is gone everywhere")
  }

  @Test func `an aborted split leaves the partition as it was, and its children nowhere`() throws {
    var rig = try SuccessionRig(seed: 2)
    _ = try rig.submit([ShardRig.transaction("a")])
    let succession = Self.split(1, rig.records[0], at: KeyHash(1 << 63), ids: 2)
    rig.command(.prepare, succession)
    let late = SuccessionCommand(.prepare, succession, versions: rig.records.map(\.version))
    rig.abort(succession)
    #expect(rig.nodes.map(\.shard.partitionIDs) == [[PartitionID(1)], [PartitionID(1)], [PartitionID(1)]])
    for node in rig.nodes { node.shard.take(late, now: rig.now) }
    rig.settle()
    let after = try rig.submit([ShardRig.transaction("b"), ShardRig.transaction("a")])
    #expect(after[0]?.status == .decided, "a late prepare seals nothing")
    #expect(after[1]?.status == .duplicate)
    try rig.restart(1)
    #expect(rig.nodes[0].shard.partitionIDs == [PartitionID(1)])
  }

  @Test func `a copy that lacks a successor's birth is never looked for in the journal, which hasn't got it`() throws {
    var rig = try SuccessionRig(seed: 4)
    _ = try rig.submit((0..<40).map { ShardRig.transaction("t\($0)", card: "card-\($0)") })
    rig.elect(PartitionID(1), 1, leaving: 3)
    let succession = Self.split(1, rig.records[0], at: KeyHash(1 << 63), ids: 2)
    rig.command(.prepare, succession)
    let isCommitted = rig.commit(succession)
    #expect(isCommitted)
    rig.place(PartitionID(2), on: 3)
    for _ in 0..<8 { rig.tick() }
    #expect(rig.catchUps == 0)
    #expect(rig.nodes[2].shard.partitionIDs == [PartitionID(2)] && rig.nodes[0].shard.partitions[PartitionID(2)]!.replica.isServing)
  }

  @Test func `a successor waits while its parents stand in the map, also where they belong to another event loop`() throws {
    var rig = try SuccessionRig(seed: 3)
    rig.command(.prepare, Self.split(1, rig.records[0], at: KeyHash(1 << 63), ids: 2))
    let shard = rig.nodes[2].shard
    shard.learned(rig.map, owns: { $0 != PartitionID(1) }, now: rig.now)
    #expect(shard.partitionIDs.contains(PartitionID(2)) && shard.output.retired.isEmpty)
  }

  @Test func `a successor whose place others have taken while its worker was away is let go of`() throws {
    var rig = try SuccessionRig(seed: 3)
    _ = try rig.submit([ShardRig.transaction("a")])
    rig.command(.prepare, Self.split(1, rig.records[0], at: KeyHash(1 << 63), ids: 2))
    let shard = rig.nodes[2].shard
    #expect(shard.partitionIDs == [PartitionID(1), PartitionID(2), PartitionID(3)])
    let first = rig.nodes[0].member
    rig.records = [
      PartitionRecord(
        id: PartitionID(4), range: KeyRange(first: KeyHash(0), last: KeyHash(.max)), epoch: Epoch(1), version: RecordVersion(1),
        primary: first, isr: [first], replicas: [first.node])
    ]
    shard.learned(rig.map, now: rig.now)
    #expect(shard.partitionIDs == [] && shard.output.retired.count == 3)
  }

  /// Streams with splits, merges, aborts, crashes and restarts at any step, beside a partition that is left alone.
  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func `whatever fails in whatever phase, nothing is lost, decided twice or decided otherwise`(seed: UInt64) throws {
    var rig = try SuccessionRig(seed: seed)
    var history = History()
    var under: Succession?
    var ids: UInt32 = 2
    var operation: UInt32 = 1
    var down: Int?
    for step in 0..<160 {
      rig.tick()
      try history.send(&rig, step)
      switch rig.random.below(8) {
      case 0 where under == nil:
        under = Self.next(&rig, &ids, operation)
        operation += 1
      case 1, 2, 3:
        if let succession = under { rig.command(.prepare, succession) }
      case 4, 5:
        if let succession = under, rig.commit(succession) { under = nil }
      case 6 where rig.random.below(3) == 0:
        if let succession = under {
          rig.abort(succession)
          under = nil
        }
      default:
        if let number = down {
          try rig.restart(number)
          down = nil
        } else if rig.records.allSatisfy({ $0.isr.count == 3 }) {
          down = rig.random.below(3) + 1
          rig.crash(down!)
        }
      }
    }
    // Everything heals.
    if let down { try rig.restart(down) }
    for _ in 0..<10 { rig.tick() }
    if let under {
      for _ in 0..<3 where !rig.commit(under) {
        rig.command(.prepare, under)
        rig.tick()
      }
    }
    try history.finish(&rig)
    try history.compare(rig)
  }

  private static func next(_ rig: inout SuccessionRig, _ ids: inout UInt32, _ operation: UInt32) -> Succession? {
    let pair = rig.records.indices.dropLast().first { rig.records[$0].isr == rig.records[$0 + 1].isr }
    if rig.records.count > 3 || rig.random.below(2) == 0, let pair {
      defer { ids += 1 }
      return merge(operation, rig.records[pair], rig.records[pair + 1], id: ids)
    }
    let parent = rig.records[rig.random.below(rig.records.count)]
    let width = parent.range.last.rawValue - parent.range.first.rawValue
    guard width > 1000 else { return nil }
    defer { ids += 2 }
    let at = parent.range.first.rawValue + 1 + (UInt64(rig.random.below(1000)) * (width / 1001))
    return split(operation, parent, at: KeyHash(at), ids: ids)
  }
}

/// What a client sent and what it was told.
private struct History {
  struct Row {
    var bytes: [UInt8]
    var outcome: Decisions.Outcome?
  }

  var rows: [Row] = []
  var decided: [Int] = []

  mutating func send(_ rig: inout SuccessionRig, _ step: Int) throws {
    var batch: [Int] = []
    for number in 0..<(1 + rig.random.below(6)) {
      rows.append(
        Row(
          bytes: ShardRig.transaction(
            "s\(step)-\(number)", card: "card-\(rig.random.below(30))", amount: Int64(100 + rig.random.below(900)),
            at: ShardRig.start + Int64(step) * 1000)))
      batch.append(rows.count - 1)
    }
    // Some that were answered, and all that were not, are sent again.
    batch += rows.indices.dropLast(batch.count).filter { rows[$0].outcome == nil || rig.random.below(40) == 0 }
    try exchange(&rig, batch)
  }

  private mutating func exchange(_ rig: inout SuccessionRig, _ batch: [Int]) throws {
    for (index, outcome) in zip(batch, try rig.submit(batch.map { rows[$0].bytes })) {
      guard let outcome, outcome.status != .retry else { continue }
      #expect(outcome.status == .decided || outcome.status == .duplicate)
      if let known = rows[index].outcome {
        #expect(
          known.partition == outcome.partition && known.offset == outcome.offset && known.decision == outcome.decision, "row \(index)")
      } else {
        rows[index].outcome = outcome
      }
    }
  }

  mutating func finish(_ rig: inout SuccessionRig) throws {
    for _ in 0..<20 where rows.contains(where: { $0.outcome == nil }) {
      rig.tick()
      try exchange(&rig, rows.indices.filter { rows[$0].outcome == nil })
    }
    for _ in 0..<3 { rig.tick() }
    #expect(!rows.contains { $0.outcome == nil }, "everything is decided in the end")
    #expect(rig.records.first?.range.first == KeyHash(0) && rig.records.last?.range.last == KeyHash(.max))
  }

  /// Each card's transactions, in the order in which they were decided, give in an unsplit partition what was answered; and
  /// the sinks have each decision once by partition and offset.
  func compare(_ rig: SuccessionRig) throws {
    var places: Set<String> = []
    for (index, row) in rows.enumerated() {
      guard let outcome = row.outcome else { continue }
      #expect(places.insert("\(outcome.partition) \(outcome.offset)").inserted, "row \(index): its place is another's")
      #expect(rig.sinks[outcome.partition]?[outcome.offset.rawValue] == outcome.decision, "row \(index) reached no sink")
    }
    #expect(rig.sinks.values.reduce(0) { $0 + $1.count } == rows.count, "the sinks have what was answered, and no more")
    var whole = EntityTable(features: rig.bundle.features)
    var features = [Double](repeating: 0, count: rig.bundle.features.count)
    for bytes in rig.order {
      let transaction = TransactionView(trusted: bytes.span.bytes)
      _ = features.withUnsafeMutableBufferPointer { whole.observe(transaction, keyHash: transaction.keyHash, into: $0) }
    }
    let parts = rig.records.map { record in
      rig.nodes.first { $0.member.node == record.primary?.node }!.shard.partitions[record.id]!.state.part(record.range)
    }
    #expect(PartitionState.merged(parts).entities?.digest() == whole.digest(), "the cards' histories are those of an unsplit partition")
    for record in rig.records {
      let digests = rig.nodes.compactMap { node in node.shard.partitions[record.id].map { ($0.state.applied, $0.state.digest()) } }
      guard let first = digests.first else { continue }
      for other in digests where other.0 == first.0 { #expect(other.1 == first.1, "\(record.id): the replicas differ") }
    }
  }
}
