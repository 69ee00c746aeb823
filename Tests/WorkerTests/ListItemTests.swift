import Testing
import Wire

@testable import Models
@testable import Worker

/// Hot items of lists: into the log, by which decisions go, and into whatever is made of a partition's state.
@Suite struct ListItemTests {
  static func bundle(_ number: UInt64 = 1, terminal: Bool = false) throws -> Bundle {
    let features =
      "version: 1\nfeatures:\n  - {name: amount, aggregate: field, of: amount}\n"
      + (terminal ? "  - {name: terminal_count_1h, entity: terminal, aggregate: count, window: 1h}\n" : "")
    let archive = BundleArchive(
      files: [
        "bundle.yaml":
          "version: 1\nname: b\(number)\nfeatures: features.yaml\nlists: [{name: cards, file: lists/c.csv, type: text}]\n",
        "features.yaml": features, "lists/c.csv": "value\nblocked\n",
        "rules/a.yaml": "version: 1\nrules:\n  - {id: a, when: tx.card in lists.cards, reason: A, action: decline}\n",
      ].mapValues { Array($0.utf8) })
    return try Bundle(archive: archive, id: BundleID(high: number, low: number))
  }

  static func item(_ version: UInt64, _ text: String, _ operation: ListItem.Operation = .add, until: Int64 = ListItem.never) -> ListItem {
    ListItem(version: version, list: "cards", item: text, operation: operation, until: until)
  }

  static func rig(partitions: Int = 1, terminal: Bool = false) throws -> ShardRig {
    var rig = try ShardRig(partitions: partitions, bundle: bundle(terminal: terminal))
    rig.lead()
    return rig
  }

  static func actions(_ rig: inout ShardRig, _ cards: [String]) throws -> [Decision.Action] {
    rig.now += 1_000
    let (now, written) = (rig.now, rig.written.count)
    return try rig.answer(
      cards.enumerated().map { ShardRig.transaction("t\(written)-\($0)", card: $1, at: now) }
    ).outcomes.map(\.decision.action)
  }

  static func take(_ catalogue: inout ListCatalogue, _ items: ListItems) -> Bool { catalogue.take(items) }

  static func learn(_ rig: inout ShardRig, _ catalogue: inout ListCatalogue, _ items: [ListItem], version: UInt64? = nil, floor: UInt64 = 0)
  {
    let isNews = catalogue.take(
      ListItems(since: catalogue.version, version: version ?? items.last!.version, floor: floor, items: items))
    #expect(isNews)
    rig.shard.learned(catalogue, now: rig.now)
    rig.sync()
  }

  @Test func `an item decides from its entry on, under the version that the batch names`() throws {
    var rig = try Self.rig()
    var catalogue = ListCatalogue()
    #expect(try Self.actions(&rig, ["c", "blocked"]) == [.approve, .decline])
    Self.learn(&rig, &catalogue, [Self.item(1, "c"), Self.item(2, "blocked", .remove)])
    #expect(try Self.actions(&rig, ["c", "blocked", "d"]) == [.decline, .approve, .approve])
    Self.learn(&rig, &catalogue, [Self.item(3, "c", .drop), Self.item(4, "d", until: rig.now + 1_500)])
    #expect(try Self.actions(&rig, ["c", "blocked", "d"]) == [.approve, .approve, .decline])
    #expect(try Self.actions(&rig, ["d"]) == [.approve])
    let records = try ShardRig.split(rig.written)
    #expect(records.filter { $0.0.kind == .listItems }.count == 2)
    let versions = try records.filter { $0.0.kind == .decided }.map { header, bytes in
      let payload = Array(bytes[LogRecord.headerSize...])
      return try DecidedBatch(reading: payload.span.bytes, rowCount: header.count).listVersion
    }
    #expect(versions == [0, 2, 4, 4])
    // A follower, and whoever starts again, has the same by the log alone.
    let state = rig.shard.partitions[PartitionID(1)]!.state
    let recovered = try ShardRig.recover(records, [rig.bundle])
    for held in recovered.uncommitted {
      try held.chunk.withRecord(held.range) { try recovered.state.apply(held.header, $0) { _ in rig.bundle } }
    }
    #expect(recovered.state.digest() == state.digest() && recovered.state.hot.items == state.hot.items)
    #expect(state.hot.items.map(\.item) == ["blocked", "d"])
  }

  @Test func `a batch under another version than the log's is refused`() throws {
    var rig = try Self.rig()
    _ = try Self.actions(&rig, ["c"])
    let state = PartitionState(dedupHorizon: ShardRig.horizon)
    let hot = ListItemsRecord(version: 3, isReplacing: false, items: [Self.item(3, "x")])
    try state.apply(hot)
    #expect(throws: WireError.self) { try state.requireVersion(2) }
    #expect(throws: WireError.self) { try state.apply(ListItemsRecord(version: 2, isReplacing: true, items: [])) }
    #expect(throws: WireError.self) { try state.apply(ListItemsRecord(version: 4, isReplacing: false, items: [Self.item(3, "y")])) }
  }

  @Test func `rows of one batch go by their own partitions, and what lies in no log yet decides nothing`() throws {
    var rig = try Self.rig(partitions: 4)
    var catalogue = ListCatalogue()
    let cards = (0..<40).map { "card-\($0)" }
    Self.learn(&rig, &catalogue, cards.enumerated().map { Self.item(UInt64($0 + 1), $1) })
    #expect(try Self.actions(&rig, cards) == cards.map { _ in .decline })
    let one = rig.shard.partitions[PartitionID(2)]!.state
    one.hot.apply(cards.enumerated().map { Self.item(UInt64($0 + 41), $1, .drop) }, version: 80, replacing: false)
    let actions = try Self.actions(&rig, cards)
    for (card, action) in zip(cards, actions) {
      let key = TransactionView(trusted: ShardRig.transaction("x", card: card).span.bytes).keyHash
      #expect((action == .approve) == rig.records[1].range.contains(key), "\(card)")
    }
  }

  @Test func `many items are many entries, without a decision between them`() throws {
    var rig = try Self.rig()
    var catalogue = ListCatalogue()
    Self.learn(&rig, &catalogue, (1...2_500).map { Self.item(UInt64($0), "many-\($0)") })
    let records = try ShardRig.split(rig.written).filter { $0.0.kind == .listItems }
    let counts = try records.map { _, bytes in
      let payload = Array(bytes[LogRecord.headerSize...])
      let record = try ListItemsRecord(reading: payload.span.bytes)
      return (record.items.count, record.version)
    }
    #expect(counts.map(\.0) == [1_000, 1_000, 500] && counts.map(\.1) == [1_000, 2_000, 2_500])
  }

  @Test func `who has missed drops, or has what was given before a restore, begins anew, and the version never falls`() throws {
    var rig = try Self.rig()
    var catalogue = ListCatalogue()
    Self.learn(&rig, &catalogue, (1...5).map { Self.item(UInt64($0), "c\($0)") })
    // The store went back to when there were two items, and some were given since.
    let restored: UInt64 = 1 << 40
    let items = [Self.item(1, "c1"), Self.item(2, "c2")]
    #expect(Self.take(&catalogue, ListItems(since: 0, version: restored, floor: restored, items: items)))
    #expect(catalogue.records(from: 5) == [ListItemsRecord(version: restored, isReplacing: true, items: items)])
    rig.shard.learned(catalogue, now: rig.now)
    rig.sync()
    let state = rig.shard.partitions[PartitionID(1)]!.state
    #expect(state.hot.items == items && state.hot.version == restored)
    #expect(try Self.actions(&rig, ["c2", "c5"]) == [.decline, .approve])
    // In several entries, of versions below the one that was.
    var large = ListCatalogue()
    let many = (1...2_500).map { Self.item(UInt64($0), "m\($0)") }
    #expect(Self.take(&large, ListItems(since: 0, version: restored, floor: restored, items: many)))
    let records = large.records(from: 2_000)
    #expect(records.map(\.version) == [2_000, 2_000, restored] && records.map(\.isReplacing) == [true, false, false])
    let late = PartitionState(dedupHorizon: ShardRig.horizon)
    try late.apply(ListItemsRecord(version: 2_000, isReplacing: false, items: [Self.item(2_000, "gone")]))
    for record in records { try late.apply(record) }
    #expect(late.hot.items == many && late.hot.version == restored)
  }

  @Test func `answers to what was asked on another standing are left`() {
    var catalogue = ListCatalogue()
    #expect(Self.take(&catalogue, ListItems(since: 0, version: 3, floor: 0, items: [Self.item(3, "a")])))
    #expect(!Self.take(&catalogue, ListItems(since: 2, version: 4, floor: 0, items: [Self.item(4, "b")])))
    #expect(!Self.take(&catalogue, ListItems(since: 0, version: 3, floor: 0, items: [Self.item(3, "a")])))
    #expect(Self.take(&catalogue, ListItems(since: 3, version: 5, floor: 5, items: [Self.item(5, "a", .drop)])))
    #expect(catalogue.items.isEmpty && catalogue.version == 5, "drops that nobody asks for are not kept")
  }

  @Test func `a snapshot has them`() throws {
    var rig = try Self.rig()
    var catalogue = ListCatalogue()
    Self.learn(&rig, &catalogue, (1...2_300).map { Self.item(UInt64($0), "c\($0)") })
    _ = try Self.actions(&rig, ["c", "c7"])
    let partition = rig.shard.partitions[PartitionID(1)]!
    let (_, file) = try SnapshotFormatTests.write(partition.state, partition.replica.log)
    let restored = try SnapshotFormatTests.restore(file, [rig.bundle]).state
    #expect(restored.digest() == partition.state.digest() && restored.hot.items == partition.state.hot.items)
    #expect(restored.hot.version == 2_300)
    var lines: [String] = []
    let summary = file.withUnsafeBytes { SnapshotInspector().inspect($0) { lines.append($0) } }
    #expect(summary.damaged == 0 && lines.contains { $0.contains("1000 hot items, at list version 2300") })
    // Also a version without items.
    Self.learn(&rig, &catalogue, [], version: 2_301, floor: 0)
    let empty = PartitionState(dedupHorizon: ShardRig.horizon)
    try empty.apply(ListItemsRecord(version: 9, isReplacing: false, items: []))
    let other = try SnapshotFormatTests.write(empty, EpochTable()).file
    #expect(try SnapshotFormatTests.restore(other, []).state.hot.version == 9)
  }

  @Test func `both children of a split have them, and a merge those of the newer version`() throws {
    var rig = try Self.rig()
    var catalogue = ListCatalogue()
    Self.learn(&rig, &catalogue, [Self.item(1, "c1"), Self.item(2, "c2")])
    let state = rig.shard.partitions[PartitionID(1)]!.state
    let parts = KeyRange.tiles(2).map { state.part($0) }
    #expect(parts.allSatisfy { $0.hot.items == state.hot.items && $0.hot.version == 2 })
    try parts[1].apply(ListItemsRecord(version: 3, isReplacing: false, items: [Self.item(3, "c1", .remove)]))
    #expect(state.hot.version == 2 && parts[0].hot.version == 2, "each has its own")
    let merged = PartitionState.merged(parts)
    #expect(merged.hot.version == 3 && merged.hot.items.map(\.operation) == [.add, .remove])
  }

  @Test func `the bytes on disk never change`() throws {
    let record = ListItemsRecord(version: 12, isReplacing: true, items: [Self.item(7, "a", until: 99), Self.item(9, "b", .remove)])
    try expectGolden("log-list-items-1", record.encoded)
    let bytes = try goldenBytes("log-list-items-1")
    #expect(try ListItemsRecord(reading: bytes.span.bytes) == record)
    for length in bytes.indices {
      let cut = Array(bytes[..<length])
      #expect(throws: WireError.self) { _ = try ListItemsRecord(reading: cut.span.bytes) }
    }
    var out = WireWriter()
    let transaction = ShardRig.transaction("t1")
    let decision = Decision(score: 0.5, action: .review, verdict: .potentialFraud, flags: [], reasons: Decision.noReasons)
    DecidedBatch.write(
      bundle: BundleID(high: 1, low: 2), listVersion: 12, transactions: transaction, decisions: [decision], features: [1.5], to: &out)
    try expectGolden("decided-batch-lists-1", out.bytes)
    let batch = try DecidedBatch(reading: out.bytes.span.bytes, rowCount: 1)
    #expect(batch.listVersion == 12 && batch.decision(0) == decision)
    #expect(
      out.bytes.count
        == DecidedBatch.payloadSize(rowCount: 1, transactionBytes: transaction.count, featureCount: 1, listVersion: 12))
    var bad = out.bytes
    bad[22] = 2
    #expect(throws: WireError.self) { _ = try DecidedBatch(reading: bad.span.bytes, rowCount: 1).listVersion }
  }

  @Test func `decisions of the second round go by the items of their own place in the log`() throws {
    var rig = try ShardExchangeTests.Rig(ShardRig(partitions: 2, bundle: Self.bundle(terminal: true)))
    var catalogue = ListCatalogue()
    #expect(Self.take(&catalogue, ListItems(since: 0, version: 1, floor: 0, items: [Self.item(1, "c1")])))
    rig.shard.learned(catalogue, now: rig.rig.now)
    let answer = try #require(
      try rig.answer([
        ShardExchangeTests.row(1, card: 1, terminal: 2, device: 1), ShardExchangeTests.row(2, card: 2, terminal: 1, device: 1),
      ]))
    #expect(answer.outcomes.map(\.decision.action) == [.decline, .approve])
    let late = try ShardRig.split(rig.rig.written).filter { $0.0.kind == .decidedLater }
    #expect(!late.isEmpty)
    for (_, bytes) in late {
      let payload = Array(bytes[LogRecord.headerSize...])
      #expect(try LateDecisions(reading: payload.span.bytes).batch.listVersion == 1)
    }
  }
}
