import Testing
import Wire

@testable import Models
@testable import Worker

/// Transactions that need features of other partitions' entities, through a shard and back (X1-X5).
@Suite struct ShardExchangeTests {
  /// Two partitions on one shard; what they send each other goes by hand.
  struct Rig {
    var rig: ShardRig
    var lost = 0

    init(_ shard: ShardRig? = nil) throws {
      rig = try shard ?? ShardRig(partitions: 2, bundle: ExchangeStateTests.bundle())
      rig.lead()
      rig.shard.routed(rig.map, now: rig.now)
    }

    var shard: Shard { rig.shard }

    /// Delivers what has been sent, and has everything made durable, until nothing moves.
    mutating func settle(losing isLost: (Contributions) -> Bool = { _ in false }) {
      for _ in 0..<50 {
        rig.sync()
        let (sent, replies) = (shard.output.contributions, shard.output.contributionReplies)
        shard.output.contributions.removeAll()
        shard.output.contributionReplies.removeAll()
        if sent.isEmpty, replies.isEmpty { return }
        for (message, _) in sent {
          if isLost(message) { lost += 1 } else { shard.received(message, now: rig.now) }
        }
        for (message, _) in replies { shard.received(message, now: rig.now) }
      }
      Issue.record("it does not come to rest")
    }

    mutating func answer(_ rows: [[UInt8]], losing isLost: (Contributions) -> Bool = { _ in false }) throws -> Decisions? {
      let id = try rig.submit(rows, withFeatures: true)
      settle(losing: isLost)
      return shard.output.completed.contains(id) ? try rig.take(id) : nil
    }

    mutating func tick(after: Int64) {
      rig.now += after
      shard.tick(now: rig.now)
    }

    var open: Int { shard.partitions.values.reduce(0) { $0 + $1.state.home.count } }
    func applied(_ kind: EntityKind) -> Int { shard.partitions.values.reduce(0) { $0 + ($1.state.foreign[kind]?.table.count ?? 0) } }
  }

  static func row(_ number: Int, card: Int, terminal: Int, device: Int) -> [UInt8] {
    ExchangeStateTests.transaction("x\(number)", card: "c\(card)", terminal: "t\(terminal)", device: "d\(device)", amount: Int64(number))
  }

  @Test func `every feature of every entity is exact, whichever partitions own them`() throws {
    var rig = try Rig()
    var random = SeededRandom(seed: 5)
    var past: [(card: Int, terminal: Int, device: Int, amount: Int)] = []
    for number in 0..<60 {
      let (card, terminal, device) = (random.below(7), random.below(5), random.below(3))
      past.append((card, terminal, device, number))
      let answer = try #require(try rig.answer([Self.row(number, card: card, terminal: terminal, device: device)]))
      let outcome = answer.outcomes[0]
      #expect(outcome.status == .decided && !outcome.decision.flags.contains(.degraded))
      let atTerminal = past.filter { $0.terminal == terminal }
      let expected = [
        past.count { $0.card == card }, atTerminal.count, atTerminal.reduce(0) { $0 + $1.amount },
        Set(past.filter { $0.device == device }.map(\.card)).count,
      ]
      #expect(outcome.features == expected.map { Double($0) }, "transaction \(number)")
    }
    #expect(rig.open == 0 && rig.applied(.terminal) == 5 && rig.applied(.device) == 3)
    let kinds = try ShardRig.split(rig.rig.written).map(\.0.kind)
    #expect(kinds.count { $0 == .intake } == 60 && kinds.count { $0 == .decidedLater } == 60)
  }

  @Test func `a batch over both partitions is answered once all of it is decided, and a retry gets the same`() throws {
    var rig = try Rig()
    let rows = (0..<20).map { Self.row($0, card: $0, terminal: 1, device: 1) }
    let first = try #require(try rig.answer(rows))
    #expect(first.outcomes.allSatisfy { $0.status == .decided } && Set(first.outcomes.map(\.partition)).count == 2)
    #expect(Set(first.outcomes.map { $0.features[1] }) == Set((1...20).map { Double($0) }))
    let again = try #require(try rig.answer(rows))
    for (a, b) in zip(first.outcomes, again.outcomes) {
      #expect(b.status == .duplicate && b.partition == a.partition && b.offset == a.offset && b.decision == a.decision)
    }
    #expect(rig.shard.requestsUnderWay == 0)
  }

  @Test func `deadline and window are settings, and what becomes of contributions is counted`() throws {
    var rig = try Rig()
    rig.shard.exchangeOptions.deadline = 500
    let id = try rig.rig.submit([Self.row(1, card: 1, terminal: 1, device: 1)])
    rig.settle(losing: { _ in true })
    rig.tick(after: 499)
    rig.settle(losing: { _ in true })
    #expect(!rig.shard.output.completed.contains(id))
    rig.tick(after: 1)
    rig.settle(losing: { _ in true })
    #expect(try rig.rig.take(id).outcomes[0].decision.flags.contains(.degraded) && rig.shard.degraded == [1, 0, 0])
    rig.tick(after: HomeExchange.resendAfter)
    rig.settle()
    rig.tick(after: 1)
    let counts = rig.shard.exchangeCounts
    #expect(
      counts.sent == 2 && counts.sentAgain >= 4 && counts.answered == 2 && counts.answeredLate == 2 && counts.heldBack == 0, "\(counts)")
    #expect(rig.shard.totals.openIntakes == 0)

    var full = try Rig()
    full.shard.exchangeOptions.window = 256
    _ = try full.rig.submit((1...300).map { Self.row($0, card: 1, terminal: $0, device: 1) })
    full.settle(losing: { _ in true })
    // Payments of one card stand side by side in one partition's log: the window has room for the first 256.
    #expect(full.shard.degraded == [0, 44, 0] && full.shard.totals.openIntakes == 256 && full.shard.totals.owedIntakes == 300)
    full.tick(after: full.shard.exchangeOptions.deadline)
    full.settle(losing: { _ in true })
    #expect(full.shard.degraded == [256, 44, 0] && full.shard.totals.openIntakes == 0)
    #expect(full.shard.exchangeCounts.heldBack == 88)
  }

  @Test func `at the deadline it is decided degraded, once, and the contribution arrives later (X4)`() throws {
    var rig = try Rig()
    let row = Self.row(1, card: 1, terminal: 1, device: 1)
    let id = try rig.rig.submit([row], withFeatures: true)
    rig.settle(losing: { _ in true })
    // A retry joins what is pending.
    let retry = try rig.rig.submit([row])
    rig.settle()
    #expect(!rig.shard.output.completed.contains(id) && !rig.shard.output.completed.contains(retry) && rig.lost > 0)
    rig.tick(after: ExchangeOptions().deadline)
    rig.settle(losing: { _ in true })
    let outcome = try rig.rig.take(id).outcomes[0]
    #expect(
      outcome.decision.flags.contains(.degraded) && outcome.features[0] == 1 && outcome.features[1].isNaN && outcome.features[3].isNaN)
    let joined = try rig.rig.take(retry).outcomes[0]
    #expect(joined.status == .duplicate && joined.decision == outcome.decision && joined.offset == outcome.offset)
    #expect(rig.open == 1)
    rig.tick(after: HomeExchange.resendAfter)
    rig.settle()
    rig.tick(after: HomeExchange.acknowledgeAfter)
    rig.settle()
    #expect(rig.open == 0 && rig.applied(.terminal) == 1 && rig.applied(.device) == 1)
    let again = try #require(try rig.answer([row])).outcomes[0]
    #expect(again.status == .duplicate && again.decision == outcome.decision)
    // It counts from then on.
    let next = try #require(try rig.answer([Self.row(2, card: 2, terminal: 1, device: 1)])).outcomes[0]
    #expect(next.features[1] == 2 && next.features[3] == 2)
  }

  @Test func `whoever leads next decides what was taken in, and nothing counts twice (X1)`() throws {
    var rig = try Rig()
    let row = Self.row(1, card: 1, terminal: 1, device: 1)
    _ = try #require(try rig.answer([Self.row(0, card: 0, terminal: 1, device: 1)]))
    _ = try rig.rig.submit([row])
    // The contributions arrive, the replies are lost with the process.
    rig.rig.sync()
    let sent = rig.shard.output.contributions
    for (message, _) in sent { rig.shard.received(message, now: rig.rig.now) }
    rig.rig.sync()
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
    after.tick(after: 1)
    after.settle()
    let outcome = try #require(try after.answer([row])).outcomes[0]
    #expect(outcome.status == .duplicate && !outcome.decision.flags.contains(.degraded) && after.open == 0)
    let last = try #require(try after.answer([Self.row(2, card: 2, terminal: 1, device: 1)])).outcomes[0]
    #expect(last.features[1] == 3 && last.features[3] == 3)
  }

  @Test func `behind a switch to cards alone a retry still waits for what is undecided (X4)`() throws {
    var rig = try Rig()
    let row = Self.row(1, card: 1, terminal: 1, device: 1)
    let id = try rig.rig.submit([row])
    rig.settle(losing: { _ in true })
    let cards = try ShardRig.bundle(3)
    var map = rig.rig.map
    map.activeBundle = cards.id
    rig.shard.loaded(cards, now: rig.rig.now)
    rig.shard.learned(map, now: rig.rig.now)
    let retry = try rig.rig.submit([row])
    let other = try rig.rig.submit([ShardRig.transaction("other", card: "c1")])
    rig.settle(losing: { _ in true })
    rig.rig.sync()
    #expect(!rig.shard.output.completed.contains(retry) && rig.shard.output.completed.contains(other))
    rig.tick(after: ExchangeOptions().deadline)
    rig.settle(losing: { _ in true })
    let decided = try rig.rig.take(id).outcomes[0]
    let repeated = try rig.rig.take(retry).outcomes[0]
    #expect(decided.decision.flags.contains(.degraded) && repeated.status == .duplicate && repeated.decision == decided.decision)
  }

  @Test func `every partition has prepared a candidate before it is told of as loaded (X6)`() throws {
    var rig = try Rig()
    let next = ExchangeStateTests.otherBundle(2)
    var map = rig.rig.map
    map.candidateBundle = next.id
    rig.shard.learned(map, now: rig.rig.now)
    rig.shard.loaded(next, now: rig.rig.now)
    rig.shard.loaded(next, now: rig.rig.now)
    rig.settle()
    let prepared = try ShardRig.split(rig.rig.written).map(\.0).filter { $0.kind == .bundlePrepared }
    #expect(Set(prepared.map(\.partition)).count == 2 && prepared.count == 2)
    #expect(rig.shard.partitions.values.allSatisfy { $0.state.knows(next.id) && $0.state.bundle?.id != next.id })
    // One of cards alone asks nothing of others.
    let cards = try ShardRig.bundle(3)
    map.candidateBundle = cards.id
    rig.shard.loaded(cards, now: rig.rig.now)
    rig.shard.learned(map, now: rig.rig.now)
    #expect(!rig.shard.partitions.values.contains { $0.state.knows(cards.id) })
  }

  @Test func `a partition that is asked by a bundle before it knows it takes it up first (X6)`() throws {
    var rig = try Rig()
    _ = try rig.rig.submit([Self.row(1, card: 1, terminal: 1, device: 1)])
    rig.rig.sync()
    let sent = rig.shard.output.contributions.map(\.0)
    var message = try #require(sent.first { $0.items.contains { $0.slots.contains(EntitySlot(.terminal)) } })
    let next = ExchangeStateTests.otherBundle(2)
    message.bundle = next.id
    rig.shard.output.contributions.removeAll()
    rig.shard.received(message, now: rig.rig.now)
    #expect(rig.shard.output.neededBundles == [next.id] && rig.shard.output.contributionReplies.map(\.0.result) == [.unavailable])
    rig.shard.output.contributionReplies.removeAll()
    rig.shard.loaded(next, now: rig.rig.now)
    rig.shard.received(message, now: rig.rig.now)
    rig.rig.sync()
    let reply = try #require(rig.shard.output.contributionReplies.last?.0)
    guard case .replies(let replies) = reply.result, let terminal = replies.first(where: { $0.slot.kind == .terminal }),
      case .applied(_, let values) = terminal.status
    else {
      Issue.record("no values: \(reply)")
      return
    }
    #expect(values == [1, 1])
  }

  @Test func `a partition is sealed once it owes nothing, and takes nothing in meanwhile (X5)`() throws {
    var rig = try Rig()
    let id = try rig.rig.submit([Self.row(1, card: 1, terminal: 1, device: 1)])
    rig.settle(losing: { _ in true })
    let home = rig.shard.partitions.values.first { !$0.state.home.isEmpty }!
    #expect(!rig.shard.isDrained(home, now: rig.rig.now))
    let refused = try #require(try rig.answer([Self.row(2, card: 1, terminal: 1, device: 1)])).outcomes[0]
    #expect(refused.status == .retry && refused.failure == .sealed)
    rig.tick(after: HomeExchange.resendAfter)
    rig.settle()
    rig.tick(after: HomeExchange.acknowledgeAfter)
    rig.settle()
    _ = try rig.rig.take(id)
    #expect(rig.shard.isDrained(home, now: rig.rig.now))
    rig.rig.now += Shard.drainMilliseconds
    #expect(try #require(try rig.answer([Self.row(2, card: 1, terminal: 1, device: 1)])).outcomes[0].status == .decided)
  }
}
