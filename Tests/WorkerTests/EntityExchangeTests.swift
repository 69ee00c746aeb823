import Testing
import Wire

@testable import Worker

/// The entities' side of the exchange, rule by rule.
@Suite struct EntityExchangeTests {
  /// A partition of entities with its log's ends.
  struct Side {
    var ledger = EntityLedger()
    var exchange = EntityExchange(
      partition: ExchangeRig.target, range: ExchangeRig.everything, epoch: Epoch(1), me: ExchangeRig.member(2), window: 4)
    var end = Offset.zero
    var commit = Offset.zero
    var actions: [EntityAction] = []

    /// Answers what was logged.
    @discardableResult
    mutating func receive(_ message: Contributions, map: UInt64 = 1, isPresent: Bool = true) -> ContributionsRecord? {
      let home = EntityExchange.HomeStanding(map: MapVersion(map), isPresent: isPresent)
      let record = exchange.received(message, ledger, home: home, next: end, &actions)
      exchange.settle(commit, &ledger, &actions)
      guard let record else { return nil }
      end = end + 1
      ExchangeRig.apply(record, to: &ledger, end: end.rawValue)
      return record
    }

    mutating func commitAll() {
      commit = end
      exchange.settle(commit, &ledger, &actions)
    }

    /// Replies of all answers given since the last call.
    mutating func takeReplies() -> [ContributionReplies.Reply] {
      defer { actions.removeAll() }
      return actions.flatMap { action -> [ContributionReplies.Reply] in
        if case .reply(let message, _) = action, case .replies(let replies) = message.result { return replies }
        return []
      }
    }

    mutating func takeResults() -> [ContributionReplies.Result] {
      defer { actions.removeAll() }
      return actions.compactMap { if case .reply(let message, _) = $0 { message.result } else { nil } }
    }
  }

  static let terminal = EntitySlot(.terminal)
  static let device = EntitySlot(.device)
  static func value(_ slot: EntitySlot) -> ContributionReplies.Reply.Status {
    .applied(flags: 0, values: [Double(slot.rawValue), Double(ExchangeRig.transaction("a").count)])
  }

  @Test func `a contribution is answered once it has committed, and not before (X2)`() {
    var side = Side()
    #expect(side.receive(ExchangeRig.contributions([ExchangeRig.item(0, "a", [.terminal, .device])])) != nil)
    #expect(side.actions.isEmpty)
    side.commitAll()
    #expect(
      side.takeReplies() == [
        .init(offset: Offset(0), slot: Self.terminal, status: Self.value(Self.terminal)),
        .init(offset: Offset(0), slot: Self.device, status: Self.value(Self.device)),
      ])
  }

  @Test func `a repeated identity is not applied again, and gets the kept reply (X2)`() {
    var side = Side()
    let message = ExchangeRig.contributions([ExchangeRig.item(0, "a", [.device])])
    side.receive(message)
    // Before it has committed, the repeated one waits for it.
    #expect(side.receive(message) == nil && side.actions.isEmpty)
    side.commitAll()
    let first = side.takeReplies()
    #expect(first.count == 2 && first[0] == first[1])
    #expect(side.receive(message) == nil)
    #expect(side.takeReplies() == [first[0]])
  }

  @Test func `of a message that repeats in part, only what is new is logged`() {
    var side = Side()
    side.receive(ExchangeRig.contributions([ExchangeRig.item(0, "a", [.device])]))
    let record = side.receive(
      ExchangeRig.contributions([ExchangeRig.item(0, "a", [.terminal, .device]), ExchangeRig.item(1, "b", [.device])]))
    #expect(record?.items.map(\.slots) == [EntitySlots(Self.terminal), EntitySlots(Self.device)])
    side.commitAll()
    #expect(side.takeReplies().count == 4)
  }

  @Test func `what is settled is forgotten, and then called stale (X3)`() {
    var side = Side()
    let first = ExchangeRig.contributions([ExchangeRig.item(0, "a", [.device])])
    side.receive(first)
    side.receive(ExchangeRig.contributions([ExchangeRig.item(3, "b", [.device])], settled: 2))
    side.commitAll()
    _ = side.takeReplies()
    #expect(side.ledger.settled(ExchangeRig.home) == Offset(2) && side.ledger.keptCount == 1)
    #expect(side.receive(first) == nil)
    #expect(side.takeReplies() == [.init(offset: Offset(0), slot: Self.device, status: .stale)])
    // Told again, nothing is logged.
    #expect(side.receive(ExchangeRig.contributions([], settled: 2)) == nil)
    #expect(side.receive(ExchangeRig.contributions([], settled: 4))?.items == [])
    #expect(side.ledger.keptCount == 0)
  }

  @Test func `a reply that settles while it waits to be sent is called stale`() {
    var side = Side()
    side.receive(ExchangeRig.contributions([ExchangeRig.item(0, "a", [.device])]))
    side.receive(ExchangeRig.contributions([], settled: 1))
    side.commitAll()
    #expect(side.takeReplies() == [.init(offset: Offset(0), slot: Self.device, status: .stale)])
  }

  @Test func `what no window admits is passed over (X3)`() {
    var side = Side()
    #expect(side.receive(ExchangeRig.contributions([ExchangeRig.item(6, "a", [.device])], settled: 2)) == nil)
    #expect(side.receive(ExchangeRig.contributions([ExchangeRig.item(5, "a", [.device])], settled: 2)) != nil)
  }

  @Test func `a message for another epoch is fenced, and one from a higher epoch has the map fetched (R3)`() {
    var side = Side()
    side.exchange = EntityExchange(
      partition: ExchangeRig.target, range: ExchangeRig.everything, epoch: Epoch(3), me: ExchangeRig.member(2), window: 4)
    let items = [ExchangeRig.item(0, "a", [.device])]
    #expect(side.receive(ExchangeRig.contributions(items, epoch: 2)) == nil)
    #expect(side.takeResults() == [.fenced(highest: Epoch(3))])
    #expect(side.receive(ExchangeRig.contributions(items, epoch: 4)) == nil)
    #expect(side.actions.contains(.fetchMap))
    #expect(side.takeResults() == [.fenced(highest: Epoch(4))])
  }

  @Test func `a home that no map vouches for is not taken in, and one that was forgotten only by a map as new (X5)`() {
    var side = Side()
    let items = [ExchangeRig.item(0, "a", [.device])]
    #expect(side.receive(ExchangeRig.contributions(items), map: 5, isPresent: false) == nil)
    #expect(side.takeResults() == [.unknownHome(MapVersion(5))])
    side.receive(ExchangeRig.contributions(items), map: 5)
    // By a map from before its time nothing is forgotten.
    #expect(side.ledger.forgettable(absentFrom: { _ in false }, map: MapVersion(5)) == [])
    #expect(side.ledger.forgettable(absentFrom: { _ in false }, map: MapVersion(6)) == [ExchangeRig.home])
    side.ledger.forget([ExchangeRig.home], map: MapVersion(6))
    #expect(side.receive(ExchangeRig.contributions(items), map: 5) == nil)
    // What is known needs no map.
    #expect(side.receive(ExchangeRig.contributions(items, home: PartitionID(9)), map: 7) != nil)
    #expect(side.receive(ExchangeRig.contributions([], home: PartitionID(9), settled: 1), map: 7, isPresent: false) != nil)
  }

  @Test func `a split gives each child its keys' replies, and both the watermark (X3)`() throws {
    var ledger = EntityLedger()
    ExchangeRig.apply(
      ExchangeRig.record([ExchangeRig.item(4, "a", [.terminal, .device]), ExchangeRig.item(5, "b", [.terminal, .device])], settled: 3),
      to: &ledger)
    let children = KeyRange.tiles(2).map { ledger.part($0) }
    #expect(children.map { $0.settled(ExchangeRig.home) } == [Offset(3), Offset(3)])
    #expect(children.map(\.keptCount).reduce(0, +) == 4)
    for (offset, id) in [(4, "a"), (5, "b")] as [(UInt64, String)] {
      for slot in [Self.terminal, Self.device] {
        let key = ExchangeRig.key(id, slot.kind)
        for (child, range) in zip(children, KeyRange.tiles(2)) {
          let expected: EntityLedger.Verdict = range.contains(key) ? .kept(end: .zero) : .unknown
          #expect(child.verdict(ExchangeRig.home, Offset(offset), slot, key) == expected)
        }
      }
    }
    let merged = EntityLedger.merged(children[0], children[1])
    #expect(merged.settled(ExchangeRig.home) == Offset(3) && merged.keptCount == 4)
  }

  @Test func `a merge keeps one watermark for each range, until the home settles with both (X3)`() {
    let ranges = KeyRange.tiles(2)
    var (a, b) = (EntityLedger(), EntityLedger())
    ExchangeRig.apply(ExchangeRig.record([], settled: 2, range: ranges[0]), to: &a)
    ExchangeRig.apply(ExchangeRig.record([], settled: 7, range: ranges[1]), to: &b)
    var merged = EntityLedger.merged(a, b)
    #expect(merged.verdict(ExchangeRig.home, Offset(5), Self.device, ranges[0].last) == .fresh)
    #expect(merged.verdict(ExchangeRig.home, Offset(5), Self.device, ranges[1].first) == .stale)
    #expect(merged.settled(ExchangeRig.home) == Offset(2))
    ExchangeRig.apply(ExchangeRig.record([], settled: 9), to: &merged)
    #expect(merged.accounts[ExchangeRig.home]?.marks == [.init(range: ExchangeRig.everything, settled: Offset(9))])
  }

  @Test func `a home that one parent has forgotten stays unknown for its keys (X5)`() {
    let ranges = KeyRange.tiles(2)
    var (a, b) = (EntityLedger(), EntityLedger())
    ExchangeRig.apply(ExchangeRig.record([], settled: 2, range: ranges[0]), to: &a)
    b.forget([ExchangeRig.home], map: MapVersion(8))
    let merged = EntityLedger.merged(a, b)
    #expect(merged.verdict(ExchangeRig.home, Offset(5), Self.device, ranges[1].first) == .unknown)
    #expect(merged.verdict(ExchangeRig.home, Offset(5), Self.device, ranges[0].first) == .fresh)
    #expect(!merged.admits(isPresent: true, map: MapVersion(7)) && merged.admits(isPresent: true, map: MapVersion(8)))
  }
}
