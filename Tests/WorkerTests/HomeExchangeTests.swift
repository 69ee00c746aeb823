import Testing
import Wire

@testable import Worker

/// The home side of the exchange, rule by rule.
@Suite struct HomeExchangeTests {
  @Test func `nothing beyond the commit is told as settled: another primary may log intakes there (X3)`() {
    var side = Side(commit: 10)
    // Entries of other kinds have been logged before it, and have not committed.
    side.takeIn(15, "x", [.terminal])
    side.tick(after: HomeExchange.settledAfter)
    #expect(side.takeSends().map(\.settled) == [Offset(10)])
    side.commit(16)
    #expect(side.takeSends().map(\.settled) == [Offset(15)])
  }

  @Test func `a new primary tells what had settled before it, once (X3)`() {
    var side = Side(commit: 10)
    side.tick(after: HomeExchange.settledAfter)
    #expect(side.takeSends().map(\.settled) == [Offset(10)])
    side.reply([], settled: 10)
    side.tick(after: HomeExchange.settledAfter * 2)
    #expect(side.takeSends().isEmpty)
  }

  @Test func `the next primary of the other side is told again: what the one before had logged may be lost (X3)`() {
    var side = Side(commit: 10)
    side.reply([], settled: 10)
    side.tick(after: HomeExchange.settledAfter)
    #expect(side.takeSends().isEmpty)
    var routes = Side.routes
    routes[0].epoch = Epoch(2)
    side.exchange.routed(routes, side.ledger)
    side.exchange.settle(side.ledger, now: side.now, &side.actions)
    // An answer of the primary before says nothing of this one.
    side.reply([], settled: 10)
    side.tick(after: HomeExchange.settledAfter)
    #expect(side.takeSends().map(\.settled) == [Offset(10)])
  }

  /// A home partition whose entities belong to one other.
  struct Side {
    var ledger = HomeLedger()
    var exchange: HomeExchange
    var actions: [HomeAction] = []
    var now: Int64 = 0
    static let routes = [
      ExchangeRoute(partition: ExchangeRig.target, range: ExchangeRig.everything, epoch: Epoch(1), node: NodeID(2))
    ]

    init(ledger: HomeLedger = HomeLedger(), commit: UInt64 = 0, epoch: UInt64 = 1, routes: [ExchangeRoute] = routes) {
      self.ledger = ledger
      exchange = HomeExchange(
        partition: ExchangeRig.home, epoch: Epoch(epoch), me: ExchangeRig.member(1), deadline: 20, window: 4, ledger: ledger,
        bundles: [ExchangeRig.bundle], commit: Offset(commit), routes: routes, now: 0)
    }

    mutating func takeIn(_ offset: UInt64, _ id: String, _ kinds: [EntityKind]) {
      let intake = ExchangeRig.intake(offset, id, kinds)
      ledger.take(intake)
      exchange.took(intake)
    }

    mutating func commit(_ end: UInt64) {
      exchange.committed(Offset(end), now: now)
      exchange.settle(ledger, now: now, &actions)
    }

    mutating func tick(after: Int64) {
      now += after
      exchange.tick(ledger, now: now, &actions)
    }

    mutating func reply(_ replies: [ContributionReplies.Reply], settled: UInt64 = 0) {
      receive(.replies(replies), settled: settled)
    }

    mutating func receive(_ result: ContributionReplies.Result, settled: UInt64 = 0) {
      exchange.received(
        ContributionReplies(
          home: ExchangeRig.home, homeEpoch: Epoch(1), target: ExchangeRig.target, targetEpoch: Epoch(1), sender: NodeID(2),
          senderIncarnation: Incarnation(1), settled: Offset(settled), result: result), ledger, now: now, &actions)
      exchange.settle(ledger, now: now, &actions)
    }

    /// Logs the decisions asked for since the last call, at `end`, and answers them.
    mutating func decide(end: UInt64) -> [ReadyIntake] {
      let ready = actions.flatMap { action -> [ReadyIntake] in if case .decide(let rows) = action { rows } else { [] } }
      actions.removeAll { if case .decide = $0 { true } else { false } }
      for row in ready { _ = ledger.decide(row.offset, owed: row.owed) }
      exchange.decided(ready.map(\.offset), end: Offset(end))
      return ready
    }

    mutating func takeSends() -> [Contributions] {
      defer { actions.removeAll() }
      return actions.compactMap { if case .send(let message, _) = $0 { message } else { nil } }
    }
  }

  static let terminal = EntitySlot(.terminal)
  static let device = EntitySlot(.device)

  static func applied(_ offset: UInt64, _ slot: EntitySlot, _ value: Double = 1) -> ContributionReplies.Reply {
    .init(offset: Offset(offset), slot: slot, status: .applied(flags: 0, values: [value]))
  }

  @Test func `contributions leave once their intake has committed, and not before (X1)`() {
    var side = Side()
    side.takeIn(0, "a", [.terminal, .device])
    side.tick(after: 1)
    #expect(side.actions.isEmpty)
    side.commit(1)
    let sends = side.takeSends()
    #expect(sends.count == 1 && sends[0].items == [ExchangeRig.item(0, "a", [.terminal, .device])] && sends[0].settled == .zero)
    #expect(sends[0].bundle == ExchangeRig.bundle)
  }

  @Test func `what has all its replies is decided, and owes nothing (X1)`() {
    var side = Side()
    side.takeIn(0, "a", [.terminal, .device])
    side.commit(1)
    side.reply([Self.applied(0, Self.terminal, 7)])
    #expect(side.decide(end: 2) == [])
    side.reply([Self.applied(0, Self.device, 8), Self.applied(0, Self.device, 8)])
    #expect(
      side.decide(end: 2) == [
        .init(offset: Offset(0), replies: [Self.applied(0, Self.terminal, 7), Self.applied(0, Self.device, 8)], owed: [])
      ])
    #expect(side.ledger.isEmpty && !side.exchange.isDrained)
    side.commit(2)
    #expect(side.exchange.isDrained)
  }

  @Test func `at the deadline it is decided without, and a late reply only acknowledges (X4)`() {
    var side = Side()
    side.takeIn(0, "a", [.terminal, .device])
    side.commit(1)
    side.reply([Self.applied(0, Self.terminal)])
    side.tick(after: 19)
    #expect(side.decide(end: 2) == [])
    side.tick(after: 1)
    let ready = side.decide(end: 2)
    #expect(ready.map(\.owed) == [EntitySlots(Self.device)])
    #expect(side.ledger.intake(Offset(0))?.isDecided == true)
    side.commit(2)
    side.actions.removeAll()
    side.reply([Self.applied(0, Self.device)])
    #expect(side.decide(end: 3) == [])
    side.tick(after: HomeExchange.acknowledgeAfter)
    let record = AcknowledgedRecord(rows: [.init(offset: Offset(0), slots: EntitySlots(Self.device))])
    #expect(side.actions.contains(.logAcknowledged(record)))
    side.ledger.acknowledge(Offset(0), EntitySlots(Self.device))
    #expect(side.ledger.isEmpty)
  }

  @Test func `a new primary sends everything owed again under the same identities (X1)`() {
    var old = Side()
    old.takeIn(3, "a", [.device])
    old.takeIn(4, "b", [.terminal])
    _ = old.ledger.decide(Offset(3), owed: EntitySlots(Self.device))
    var side = Side(ledger: old.ledger, commit: 5, epoch: 2)
    side.tick(after: 1)
    let sends = side.takeSends()
    #expect(sends.count == 1 && sends[0].items == [ExchangeRig.item(3, "a", [.device]), ExchangeRig.item(4, "b", [.terminal])])
    #expect(sends[0].homeEpoch == Epoch(2) && sends[0].settled == Offset(3))
    // Stale acknowledges what is decided.
    side.reply([.init(offset: Offset(3), slot: Self.device, status: .stale)])
    side.tick(after: HomeExchange.acknowledgeAfter)
    #expect(side.actions.contains(.logAcknowledged(.init(rows: [.init(offset: Offset(3), slots: EntitySlots(Self.device))]))))
  }

  @Test func `an undecided intake that is called stale is an alarm (X3)`() {
    var side = Side()
    side.takeIn(0, "a", [.device])
    side.commit(1)
    side.reply([.init(offset: Offset(0), slot: Self.device, status: .stale)])
    #expect(side.actions.contains(.undecidedIsStale(Offset(0), Self.device)))
  }

  @Test func `settled passes neither what is unacknowledged nor what is undecided nor a decision that has not committed (X3)`() {
    var side = Side()
    for offset in 0..<3 as Range<UInt64> { side.takeIn(offset, "\(offset)", [.device]) }
    side.commit(3)
    _ = side.takeSends()
    side.reply([Self.applied(0, Self.device), Self.applied(1, Self.device)])
    _ = side.decide(end: 4)
    func told(_ side: inout Side) -> Offset? {
      side.tick(after: HomeExchange.settledAfter)
      return side.takeSends().map(\.settled).max()
    }
    #expect(told(&side) == Offset(0))
    side.tick(after: 1)
    #expect(side.decide(end: 5).isEmpty)
  }

  @Test func `what has settled is told, until the other says that it has logged it (X3)`() {
    var side = Side()
    side.takeIn(0, "a", [.device])
    side.commit(1)
    side.reply([Self.applied(0, Self.device)])
    _ = side.decide(end: 2)
    _ = side.takeSends()
    side.tick(after: HomeExchange.settledAfter)
    #expect(side.takeSends().isEmpty)
    side.commit(2)
    side.tick(after: 1)
    side.tick(after: HomeExchange.settledAfter)
    let told = side.takeSends()
    #expect(told.map(\.settled) == [Offset(1), Offset(1)] && told.allSatisfy { $0.items.isEmpty })
    side.reply([], settled: 1)
    side.tick(after: HomeExchange.settledAfter)
    #expect(side.takeSends().isEmpty)
  }

  @Test func `a full window makes the features missing at once, and the contribution leaves when it opens (X3)`() {
    var side = Side()
    for offset in 0..<5 as Range<UInt64> { side.takeIn(offset, "\(offset)", [.device]) }
    side.commit(5)
    let ready = side.decide(end: 6)
    #expect(ready.map(\.offset) == [Offset(4)] && ready[0].owed == EntitySlots(Self.device))
    #expect(side.takeSends().flatMap(\.items).map(\.offset) == (0..<4).map { Offset($0) })
    side.reply([Self.applied(0, Self.device)])
    #expect(side.decide(end: 7).map(\.offset) == [Offset(0)])
    side.commit(7)
    #expect(side.takeSends().flatMap(\.items).map(\.offset) == [Offset(4)])
  }

  @Test func `an unanswered contribution is sent again, and at once to a new primary of the other side`() {
    var side = Side()
    side.takeIn(0, "a", [.device])
    side.commit(1)
    _ = side.takeSends()
    side.tick(after: HomeExchange.resendAfter)
    _ = side.decide(end: 2)
    #expect(side.takeSends().flatMap(\.items).map(\.offset) == [Offset(0)])
    var route = Side.routes[0]
    route.epoch = Epoch(2)
    side.exchange.routed([route], side.ledger)
    side.exchange.settle(side.ledger, now: side.now, &side.actions)
    let sends = side.takeSends()
    #expect(sends.flatMap(\.items).map(\.offset) == [Offset(0)] && sends.map(\.targetEpoch) == [Epoch(2)])
  }

  @Test func `after a split of the other side, what is owed goes to whoever has the key`() {
    var side = Side()
    for offset in 0..<4 as Range<UInt64> { side.takeIn(offset, "\(offset)", [.terminal, .device]) }
    side.commit(4)
    _ = side.takeSends()
    side.reply([Self.applied(1, Self.device)])
    let ranges = KeyRange.tiles(2)
    let routes = ranges.enumerated().map {
      ExchangeRoute(partition: PartitionID(UInt32(7 + $0)), range: $1, epoch: Epoch(1), node: NodeID(3))
    }
    side.exchange.routed(routes, side.ledger)
    side.exchange.settle(side.ledger, now: side.now, &side.actions)
    var sent: [String] = []
    for message in side.takeSends() {
      let range = ranges[Int(message.target.rawValue) - 7]
      for item in message.items {
        item.slots.forEach { slot in
          #expect(range.contains(ExchangeRig.key("\(item.offset)", slot.kind)))
          sent.append("\(item.offset) \(slot)")
        }
      }
    }
    let expected = (0..<4).flatMap { offset in [Self.terminal, Self.device].map { "\(offset) \($0)" } }.filter { $0 != "1 device" }
    #expect(sent.sorted() == expected.sorted())
  }

  @Test func `a refusal by epoch or by map has the map fetched (R3, X5)`() {
    var side = Side()
    side.takeIn(0, "a", [.device])
    side.commit(1)
    side.actions.removeAll()
    side.receive(.fenced(highest: Epoch(1)))
    #expect(side.actions.isEmpty)
    side.receive(.fenced(highest: Epoch(2)))
    side.receive(.unknownHome(MapVersion(4)))
    #expect(side.actions == [.fetchMap, .fetchMap])
  }

  @Test func `the ledger keeps what is open, and drops what is done wherever it stands`() {
    var ledger = HomeLedger()
    for offset in 0..<300 as Range<UInt64> { ledger.take(ExchangeRig.intake(offset, "a", [.device])) }
    for offset in 1..<300 as Range<UInt64> { _ = ledger.decide(Offset(offset), owed: offset % 100 == 0 ? EntitySlots(Self.device) : []) }
    #expect(ledger.unfinished.map(\.offset) == [0, 100, 200].map { Offset($0) } && ledger.count == 3)
    #expect(ledger.intake(Offset(5)) == nil && ledger.intake(Offset(200))?.isDecided == true)
    #expect(ledger.decide(Offset(200), owed: []) == nil)
    ledger.acknowledge(Offset(200), EntitySlots(Self.device))
    ledger.acknowledge(Offset(100), EntitySlots(Self.device))
    #expect(ledger.decide(Offset(0), owed: []) == .init(row: [1, 2.5], flags: .warming))
    #expect(ledger.isEmpty && ledger.bytes == 0)
  }
}
