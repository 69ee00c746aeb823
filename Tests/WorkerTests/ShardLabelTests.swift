import Testing
import Wire

@testable import Models
@testable import Worker

/// Labels through a shard: what they are held against, what of them is logged, and how they come to other entities.
@Suite struct ShardLabelTests {
  static let hour = Window(length: 3_600_000)

  static func bundle(_ number: UInt64 = 1, labels: Bool = true) -> Bundle {
    var features = [
      Feature(name: "card_count", aggregate: .statistic(.count, hour, nil)),
      Feature(name: "terminal_count", entity: .terminal, aggregate: .statistic(.count, hour, nil)),
      Feature(name: "device_cards", entity: .device, aggregate: .distinct(.card, hour, nil)),
    ]
    if labels {
      features += [
        Feature(name: "card_frauds", aggregate: .fraudCount(hour, nil)),
        Feature(name: "terminal_frauds", entity: .terminal, aggregate: .fraudCount(hour, nil)),
        Feature(name: "terminal_risk", entity: .terminal, aggregate: .fraudShare(hour, nil)),
      ]
    }
    return Bundle(
      id: BundleID(high: number, low: number), name: "b\(number)", schema: .standard,
      features: FeatureSet(features: features, allowedLateness: 3_600_000, eventsPerEntityMax: 4096, extraFieldCount: 0), model: nil,
      policy: Policy(), reasonRules: [])
  }

  typealias Rig = ShardExchangeTests.Rig

  static func rig() throws -> Rig { try Rig(ShardRig(partitions: 2, bundle: bundle())) }

  static func row(_ number: Int, card: Int, terminal: Int, device: Int = 1) -> [UInt8] {
    ShardExchangeTests.row(number, card: card, terminal: terminal, device: device)
  }

  @Test func `every entity's features count what was known to be fraud, whichever partitions own them`() throws {
    var rig = try Self.rig()
    var random = SeededRandom(seed: 8)
    var past: [(row: [UInt8], card: Int, terminal: Int, label: Label?)] = []
    for number in 0..<120 {
      let (card, terminal) = (random.below(7), random.below(5))
      let row = Self.row(number, card: card, terminal: terminal, device: random.below(3))
      let answer = try #require(try rig.answer([row]))
      past.append((row, card, terminal, nil))
      let atTerminal = past.filter { $0.terminal == terminal }
      let frauds = atTerminal.count { $0.label?.finding == .fraud }
      let values = answer.outcomes[0].features
      #expect(values[3] == Double(past.count { $0.card == card && $0.label?.finding == .fraud }), "transaction \(number)")
      #expect(values[4] == Double(frauds) && values[5] == Double(frauds) / Double(atTerminal.count), "transaction \(number)")
      for _ in 0..<random.below(3) {
        let place = random.below(past.count)
        let label = Label(random.below(3) == 0 ? .legitimate : .fraud, version: UInt16(1 + random.below(3)))
        let known = past[place].label
        let outcome = try #require(try rig.label([(past[place].row, label)])).outcomes[0]
        if let known, known.version >= label.version {
          #expect(outcome.status == (known.finding == label.finding ? .alreadyApplied : .rejected))
        } else {
          #expect(outcome.status == .applied, "\(outcome)")
          past[place].label = label
        }
      }
    }
    rig.tick(after: HomeExchange.acknowledgeAfter)
    rig.settle()
    #expect(rig.open == 0 && rig.shard.requestsUnderWay == 0)
  }

  @Test func `a label that is unknown, repeated, contradicting or outdated is answered as such`() throws {
    var rig = try Self.rig()
    let row = Self.row(5, card: 1, terminal: 1)
    _ = try rig.answer([row])
    func reason(_ row: [UInt8], _ label: Label) throws -> RejectReason? {
      try #require(try rig.label([(row, label)])).outcomes[0].rejection?.reason
    }
    #expect(try reason(Self.row(6, card: 1, terminal: 1), Label(.fraud)) == .unknownTransaction)
    #expect(try reason(Self.row(5, card: 2, terminal: 1), Label(.fraud)) == .unknownTransaction)
    var other = ExchangeStateTests.transaction("x5", card: "c1", terminal: "t1", device: "d1", amount: 6)
    #expect(try reason(other, Label(.fraud)) == .contradictsTransaction)
    let two = try #require(try rig.label([(row, Label(.fraud, version: 2)), (row, Label(.fraud, version: 2))]))
    #expect(two.outcomes.map(\.status) == [.applied, .alreadyApplied])
    #expect(try #require(try rig.label([(row, Label(.fraud, version: 1))])).outcomes[0].status == .alreadyApplied)
    #expect(try reason(row, Label(.legitimate, version: 2)) == .contradictsLabel)
    #expect(try reason(row, Label(.legitimate, version: 1)) == .outdatedLabel)
    #expect(try #require(try rig.label([(row, Label(.legitimate, version: 3))])).outcomes[0].status == .applied)
    // What is no transaction is refused before it is looked up; its age is no matter.
    other[28] = 0
    #expect(try reason(other, Label(.fraud)) == .missingField)
    let labels = try ShardRig.split(rig.rig.written).filter { $0.0.kind == .labels }
    let rows = try labels.map { header, bytes in
      let payload = Array(bytes[LogRecord.headerSize...])
      return try LabelsRecord(reading: payload.span.bytes, count: header.count).rows.count
    }
    #expect(rows.filter { $0 > 0 } == [1, 1])
  }

  @Test func `without features of labels none are kept, and that is said`() throws {
    var rig = try Rig(ShardRig(partitions: 2, bundle: Self.bundle(labels: false)))
    let row = Self.row(1, card: 1, terminal: 1)
    _ = try rig.answer([row])
    #expect(try #require(try rig.label([(row, Label(.fraud))])).outcomes[0].rejection?.reason == .labelsNotKept)
  }

  @Test func `no outcome leaves before a commit, not even that a transaction is unknown (R10)`() throws {
    var rig = try Self.rig()
    _ = try rig.answer([Self.row(1, card: 1, terminal: 1)])
    let id = try rig.rig.submitLabels([(Self.row(2, card: 1, terminal: 1), Label(.fraud))])
    rig.rig.hand()
    #expect(!rig.shard.output.completed.contains(id))
    // Whoever has lost the role has said nothing.
    for index in rig.rig.records.indices {
      rig.rig.records[index].epoch = Epoch(2)
      rig.rig.records[index].version = RecordVersion(2)
      rig.rig.records[index].primary = Member(node: NodeID(2), storage: StorageID(high: 2, low: 2), incarnation: Incarnation(1))
    }
    rig.rig.version = 2
    rig.shard.learned(rig.rig.map, now: rig.rig.now)
    let outcome = try rig.rig.take(id).outcomes[0]
    #expect(outcome.status == .retry && outcome.failure == .fenced)
  }

  @Test func `a label that would come before its transaction is to be sent again`() throws {
    var rig = try Self.rig()
    let row = Self.row(1, card: 1, terminal: 1)
    let id = try rig.rig.submit([row])
    rig.settle(losing: { _ in true })
    rig.tick(after: ExchangeOptions().deadline)
    rig.settle(losing: { _ in true })
    _ = try rig.rig.take(id)
    let early = try #require(try rig.label([(row, Label(.fraud))])).outcomes[0]
    #expect(early.status == .retry && early.failure == .unavailable)
    rig.tick(after: HomeExchange.resendAfter)
    rig.settle()
    rig.tick(after: HomeExchange.acknowledgeAfter)
    rig.settle()
    #expect(try #require(try rig.label([(row, Label(.fraud))])).outcomes[0].status == .applied)
    let next = try #require(try rig.answer([Self.row(2, card: 2, terminal: 1)])).outcomes[0]
    #expect(next.features[4] == 1 && next.features[5] == 0.5)
  }

  @Test func `a label that is owed outlives its primary, and counts once (X1)`() throws {
    var rig = try Self.rig()
    let row = Self.row(1, card: 1, terminal: 1)
    _ = try rig.answer([row])
    // It is applied at home, and gets nowhere; or it arrives, and the reply is lost.
    for arrives in [false, true] {
      let id = try rig.rig.submitLabels([(row, Label(arrives ? .legitimate : .fraud, version: arrives ? 2 : 1))])
      rig.rig.sync()
      #expect(try rig.rig.take(id).outcomes[0].status == .applied)
      let sent = rig.shard.output.contributions
      #expect(!sent.isEmpty || arrives)
      rig.shard.output.contributions.removeAll()
      if arrives { for (message, _) in sent { rig.shard.received(message, now: rig.rig.now) } }
      rig.rig.sync()
      rig.shard.output.contributionReplies.removeAll()
    }
    let records = try ShardRig.split(rig.rig.written)
    var next = try ShardRig(partitions: 2, bundle: rig.rig.bundle)
    next.now = rig.rig.now
    for id in [PartitionID(1), PartitionID(2)] {
      var recovered = RecoveredPartition(id: id, dedupHorizon: ShardRig.horizon, sinkCursor: .zero)
      for (header, bytes) in records where header.partition == id {
        try ShardRig.replay(header, bytes, into: &recovered, [rig.rig.bundle])
      }
      next.shard.recover(recovered, highestEpoch: Epoch(1), record: nil)
    }
    for index in next.records.indices {
      next.records[index].epoch = Epoch(2)
      next.records[index].version = RecordVersion(2)
    }
    var after = try Rig(next)
    after.settle()
    after.tick(after: HomeExchange.resendAfter)
    after.settle()
    after.tick(after: HomeExchange.acknowledgeAfter)
    after.settle()
    #expect(after.open == 0)
    #expect(try #require(try after.label([(row, Label(.legitimate, version: 2))])).outcomes[0].status == .alreadyApplied)
    let last = try #require(try after.answer([Self.row(2, card: 1, terminal: 1)])).outcomes[0]
    #expect(last.features[3] == 0 && last.features[4] == 0 && last.features[5] == 0)
  }

  @Test func `payments keep their part of the exchange's window`() throws {
    var rig = try Self.rig()
    var rows: [[UInt8]] = []
    for start in stride(from: 0, to: rig.shard.labelsOpenMax + 200, by: 500) {
      let batch = (start..<start + 500).map { Self.row($0, card: 1, terminal: 1) }
      _ = try rig.answer(batch)
      rows += batch
    }
    rig.tick(after: HomeExchange.acknowledgeAfter)
    rig.settle()
    var statuses: [Decisions.Outcome.Status: Int] = [:]
    for start in stride(from: 0, to: rows.count, by: 500) {
      let id = try rig.rig.submitLabels(rows[start..<min(rows.count, start + 500)].map { ($0, Label(.fraud)) })
      rig.settle(losing: { _ in true })
      for outcome in try rig.rig.take(id).outcomes {
        statuses[outcome.status, default: 0] += 1
        if outcome.status == .retry { #expect(outcome.failure == .busy) }
      }
    }
    #expect(statuses[.applied] == rig.shard.labelsOpenMax && (statuses[.retry] ?? 0) > 0)
  }
}

extension ShardExchangeTests.Rig {
  mutating func label(_ rows: [(transaction: [UInt8], label: Label)]) throws -> Decisions? {
    let id = try rig.submitLabels(rows)
    settle()
    return shard.output.completed.contains(id) ? try rig.take(id) : nil
  }
}

/// What labels make of a partition's state.
@Suite struct LabelStateTests {
  @Test func `a replica, a snapshot and a split's children have the labels, and what is owed of them`() throws {
    var log = ExchangeStateTests.Log()
    let bundle = ShardLabelTests.bundle(2)
    log.activate(bundle)
    let transactions = (0..<30).map {
      ExchangeStateTests.transaction("x\($0)", card: "c\($0 % 5)", terminal: "t\($0 % 4)", device: "d\($0 % 3)")
    }
    for (number, transaction) in transactions.enumerated() {
      let base = log.takeIn([transaction])
      log.decide(base, transaction, score: 0.5, owed: [])
      log.contribute(7, [(UInt64(number), transaction)], bundle: bundle.id)
    }
    let before = log.state.digest()
    let base = log.state.applied
    let rows = transactions.prefix(10).map { LabelsRecord.Row(transaction: $0, label: Label(.fraud, version: 3)) }
    log.append(.labels, count: 10) { LabelsRecord(rows: Array(rows)).write(to: &$0) }
    #expect(log.state.digest() != before && log.state.home.count == 10)
    let intake = try #require(log.state.home.intake(base + 2))
    #expect(intake.label == Label(.fraud, version: 3) && intake.isDecided && intake.owed == ExchangeRig.slots([.terminal]))
    // What another home has to say of its transactions.
    log.append(.contributions) { out in
      ContributionsRecord(
        home: PartitionID(7), settled: .zero, map: MapVersion(1), range: ExchangeRig.everything, bundle: bundle.id,
        items: (0..<8).map {
          ContributionItem(
            offset: Offset(UInt64(100 + $0)), slots: ExchangeRig.slots([.terminal]), transaction: transactions[$0],
            label: Label(.fraud, version: 3))
        }
      ).write(to: &out)
    }
    #expect(ExchangeStateTests.value(log.state, 7, 103, .terminal) == [])
    log.contribute(7, [(200, ExchangeStateTests.transaction("y", card: "c1", terminal: "t1", device: "d1"))], bundle: bundle.id)
    #expect(ExchangeStateTests.value(log.state, 7, 200, .terminal) == [9, 2, 2.0 / 9])

    let (header, file) = try SnapshotFormatTests.write(log.state, log.table, pieceBytes: 100)
    let restored = try SnapshotFormatTests.restore(file, log.bundles).state
    #expect(header.stateDigest == log.state.digest() && restored.digest() == log.state.digest())
    #expect(restored.home.intake(base + 2) == intake)
    let digest = log.state.digest()
    // The last record's commit is in no later one.
    log.append(.checkpoint) { _ in }
    #expect(try ShardRig.recover(log.records, log.bundles).state.digest() == digest)
    // X5: nothing is owed when a partition is split; the histories are its children's, labels and all.
    let merged = PartitionState.merged(KeyRange.tiles(2).map { log.state.part($0) })
    #expect(merged.foreign.digests() == log.state.foreign.digests() && merged.entities?.digest() == log.state.entities?.digest())
  }

  @Test func `labels in the log have their golden bytes and are taken only whole`() throws {
    let record = LabelsRecord(rows: [
      .init(transaction: ExchangeRig.transaction("a"), label: Label(.fraud)),
      .init(transaction: ExchangeRig.transaction("b"), label: Label(.legitimate, version: 0x0203)),
    ])
    let bytes = ExchangeRecordTests.encoded { record.write(to: &$0) }
    try expectGolden("log-labels-1", bytes)
    ExchangeRecordTests.expectExact(bytes) { payload in
      let read = try LabelsRecord(reading: payload, count: 2)
      #expect(read == record)
    }
    #expect((try? LabelsRecord(reading: bytes.span.bytes, count: 3)) == nil)
    let none = ExchangeRecordTests.encoded { LabelsRecord(rows: []).write(to: &$0) }
    #expect(try LabelsRecord(reading: none.span.bytes, count: 1).rows.isEmpty)
  }

  @Test func `labels that are owed have their golden bytes in a snapshot, and come back from them`() throws {
    var ledger = HomeLedger()
    ledger.take(ExchangeRig.intake(7, "a", [.terminal, .device]))
    ledger.take(
      .init(
        offset: Offset(9), bundle: 0, owed: ExchangeRig.slots([.device]), pending: nil, transaction: ExchangeRig.transaction("a"),
        label: Label(.fraud, version: 2)))
    let bytes = ExchangeRecordTests.encoded { ledger.write(to: &$0) }
    try expectGolden("snapshot-home-labels-1", bytes)
    ExchangeRecordTests.expectExact(bytes) { payload in
      var reader = WireReader(payload)
      let read = try HomeLedger(from: &reader)
      try reader.finish()
      #expect(Array(read.unfinished) == Array(ledger.unfinished) && read.digest() == ledger.digest())
    }
  }
}
