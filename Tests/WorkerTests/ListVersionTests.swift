import Testing
import Wire

@testable import Models
@testable import Worker

/// The list version that a decision was made under, in every answer to its transaction.
@Suite struct ListVersionTests {
  @Test(arguments: 1...20) func `runs say what an array of versions says, and equal ones have equal bytes`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var runs = ListVersionRuns()
    var model: [UInt64] = []
    var head = 0
    var version: UInt64 = 0
    for _ in 0..<3_000 {
      switch random.below(10) {
      case 0: version += UInt64(random.below(3))
      case 1 where model.count > head:
        // A decision of the second round, mostly of late.
        let place = model.count - 1 - random.below(min(random.below(8) == 0 ? 1_000 : 5, model.count - head))
        let other = version - UInt64(random.below(Int(min(version, 2)) + 1))
        model[place] = other
        runs.set(UInt64(place), other, end: UInt64(model.count))
      case 2:
        head = min(model.count, head + random.below(12))
        runs.expire(before: UInt64(head))
      default:
        runs.append(UInt64(model.count), version)
        model.append(version)
      }
    }
    #expect(version > 100)
    for (place, expected) in model.enumerated().dropFirst(head) where runs[UInt64(place)] != expected {
      Issue.record("entry \(place) has version \(runs[UInt64(place)]), not \(expected)")
      return
    }
    var plain = ListVersionRuns()
    for (place, version) in model[head...].enumerated() { plain.append(UInt64(place), version) }
    let relative = runs.relative(from: UInt64(head), to: UInt64(model.count))
    #expect(relative == plain.relative(from: 0, to: UInt64(model.count - head)))
    #expect(runs.memoryBytes < 2 * 16 * relative.count + 1_000, "what is forgotten takes no room")
  }

  private static func versions(_ rig: inout ShardRig, _ rows: [[UInt8]]) throws -> [UInt64] {
    try rig.answer(rows).outcomes.map(\.listVersion)
  }

  @Test func `an answer names the version, and a retry's the one of then, through snapshot, log, split and merge`() throws {
    var rig = try ListItemTests.rig()
    var catalogue = ListCatalogue()
    let rows = (0..<6).map { ShardRig.transaction("t\($0)", card: "card-\($0)", at: rig.now) }
    #expect(try Self.versions(&rig, [rows[0]]) == [0])
    ListItemTests.learn(&rig, &catalogue, [ListItemTests.item(4, "x")])
    #expect(try Self.versions(&rig, [rows[1], rows[0], rows[2], rows[1]]) == [4, 0, 4, 4])
    ListItemTests.learn(&rig, &catalogue, [ListItemTests.item(9, "y")])
    #expect(try Self.versions(&rig, Array(rows[3...])) == [9, 9, 9])
    let expected: [UInt64] = [0, 4, 4, 9, 9, 9]
    #expect(try Self.versions(&rig, rows) == expected)

    func known(_ state: PartitionState) -> [UInt64] {
      rows.map { row in
        let view = TransactionView(trusted: row.span.bytes)
        return state.dedup.listVersion(of: Fingerprint(id: view.id, card: view.keyHash))
      }
    }
    let partition = rig.shard.partitions[PartitionID(1)]!
    let file = try SnapshotFormatTests.write(partition.state, partition.replica.log).file
    let restored = try SnapshotFormatTests.restore(file, [rig.bundle]).state
    #expect(known(restored) == expected && restored.digest() == partition.state.digest())
    var lines: [String] = []
    _ = file.withUnsafeBytes { SnapshotInspector().inspect($0) { lines.append($0) } }
    #expect(lines.contains { $0.contains("2 changes of the list version among the dedup entries") }, "\(lines)")

    let recovered = try ShardRig.recover(ShardRig.split(rig.written), [rig.bundle])
    for held in recovered.uncommitted {
      try held.chunk.withRecord(held.range) { try recovered.state.apply(held.header, $0) { _ in rig.bundle } }
    }
    #expect(known(recovered.state) == expected && recovered.state.digest() == partition.state.digest())

    let parts = KeyRange.tiles(2).map { partition.state.part($0) }
    for (index, row) in rows.enumerated() {
      let key = TransactionView(trusted: row.span.bytes).keyHash
      #expect(parts.map { known($0)[index] } == KeyRange.tiles(2).map { $0.contains(key) ? expected[index] : 0 })
    }
    #expect(known(PartitionState.merged(parts)) == expected)
  }

  @Test func `a decision of the second round is under the version of its own place, not its intake's`() throws {
    var rig = try ShardExchangeTests.Rig(ShardRig(partitions: 2, bundle: ListItemTests.bundle(terminal: true)))
    var catalogue = ListCatalogue()
    let rows = (1...8).map { ShardExchangeTests.row($0, card: $0, terminal: $0, device: 1) }
    let id = try rig.rig.submit(rows)
    rig.rig.sync()
    // Meanwhile an item comes.
    #expect(ListItemTests.take(&catalogue, ListItems(since: 0, version: 3, floor: 0, items: [ListItemTests.item(3, "c1")])))
    rig.shard.learned(catalogue, now: rig.rig.now)
    rig.settle()
    let first = try rig.rig.take(id)
    #expect(first.outcomes.map(\.listVersion) == [UInt64](repeating: 3, count: 8) && first.outcomes[0].decision.action == .decline)
    let again = try #require(try rig.answer(rows))
    #expect(again.outcomes.map(\.listVersion) == first.outcomes.map(\.listVersion))
    for number in 1...2 {
      let own = try ShardRig.split(rig.rig.written).filter { $0.0.partition == PartitionID(UInt32(number)) }
      var recovered = RecoveredPartition(id: PartitionID(UInt32(number)), dedupHorizon: ShardRig.horizon, sinkCursor: .zero)
      for (header, bytes) in own { try ShardRig.replay(header, bytes, into: &recovered, [rig.rig.bundle]) }
      for held in recovered.uncommitted {
        try held.chunk.withRecord(held.range) { try recovered.state.apply(held.header, $0) { _ in rig.rig.bundle } }
      }
      #expect(recovered.state.digest() == rig.shard.partitions[PartitionID(UInt32(number))]!.state.digest())
    }
  }

  @Test func `who does not read list versions gets the answer that was before there were any`() throws {
    var rig = try ListItemTests.rig()
    var catalogue = ListCatalogue()
    ListItemTests.learn(&rig, &catalogue, [ListItemTests.item(4, "x")])
    let id = try rig.submit([ShardRig.transaction("t1", at: rig.now)])
    rig.sync()
    var old = WireWriter()
    var new = WireWriter()
    rig.shard.request(id).writeAnswer(withListVersions: false, to: &old)
    rig.shard.request(id).writeAnswer(to: &new)
    #expect(new.count == old.count + 8)
    var expected = try Decisions(reading: new.bytes.span.bytes)
    #expect(expected.outcomes[0].listVersion == 4)
    expected.outcomes[0].listVersion = 0
    #expect(try Decisions(reading: old.bytes.span.bytes) == expected)
  }

  @Test func `a snapshot's versions that contradict its entries are refused`() throws {
    var table = DedupTable(restoring: 3, horizonStart: .min)
    for number in 0..<3 {
      table.restore(
        .init(
          high: UInt64(number), low: 1, content: 0, offset: 0, decision: DedupTableTests.decision(0), loggedTime: 0, bundle: 0, partition: 1
        ))
    }
    typealias Run = ListVersionRuns.Run
    let isGood = table.restore(ListVersionsPart([Run(start: 0, version: 5), Run(start: 2, version: 4)]))
    #expect(isGood)
    let known = [1, 2].map { table.listVersion(of: Fingerprint(high: $0, low: 1)) }
    #expect(known == [5, 4])
    for bad in [Run(start: 2, version: 6), Run(start: 3, version: 6)] {
      let isTaken = table.restore(ListVersionsPart([bad]))
      #expect(!isTaken, "\(bad)")
    }
    var fresh = DedupTable(restoring: 0, horizonStart: .min)
    let isTaken = fresh.restore(ListVersionsPart([Run(start: 0, version: 1)]))
    #expect(!isTaken, "there is no such entry")
  }

  @Test func `the bytes on disk never change`() throws {
    let part = ListVersionsPart([.init(start: 0, version: 7), .init(start: 12, version: 9)])
    try expectGolden("snapshot-list-versions-1", part.encoded)
    let bytes = try goldenBytes("snapshot-list-versions-1")
    #expect(try ListVersionsPart(reading: bytes.span.bytes).runs == part.runs)
    for length in bytes.indices {
      let cut = Array(bytes[..<length])
      #expect(throws: WireError.self) { _ = try ListVersionsPart(reading: cut.span.bytes) }
    }
  }
}
