import Wire
import Worker

/// Home partitions and the partitions of their entities, with the real cores and codecs of the exchange (X1-X5), after
/// `spec/exchange.cpp`: messages are lost, doubled and come late, both sides fail over with or without what had not
/// committed, entity partitions are split and merged, home partitions retire and others come. One seed is one run.
public struct ExchangeModel {
  /// Offsets of the window (X3): small, so that it is often full.
  static let window = 4
  static let deadline: Int64 = 100
  static let slots = [EntitySlot(.terminal), EntitySlot(.device)]

  public let seed: UInt64
  var random: ModelRandom
  var now: Int64 = 0
  var homes: [HomeModel] = []
  var entities: [EntityModel] = []
  var maps: [MapModel]
  var network: [MessageModel] = []
  var truth = TruthModel()
  var nextPartition: UInt32 = 100
  var nextTransaction = 0
  public var violation: String? { truth.violation }
  public private(set) var counts = Counts()

  /// What a run went through: one that meets nothing proves nothing.
  public struct Counts: Sendable {
    public var decided = 0, degraded = 0, applied = 0, stale = 0, homeFailovers = 0, entityFailovers = 0, splits = 0, merges = 0
    public var retirements = 0, forgettings = 0, refusals = 0, healed = 0

    public init() {}

    public static func += (a: inout Counts, b: Counts) {
      a.decided += b.decided
      a.degraded += b.degraded
      a.applied += b.applied
      a.stale += b.stale
      a.homeFailovers += b.homeFailovers
      a.entityFailovers += b.entityFailovers
      a.splits += b.splits
      a.merges += b.merges
      a.retirements += b.retirements
      a.forgettings += b.forgettings
      a.refusals += b.refusals
      a.healed += b.healed
    }
  }

  public init(seed: UInt64) {
    self.seed = seed
    random = ModelRandom(seed)
    let halves = KeyRange.tiles(2)
    let targets = halves.enumerated().map { EntityModel(id: PartitionID(UInt32(11 + $0)), range: $1) }
    maps = [MapModel(version: MapVersion(1), homes: [PartitionID(1), PartitionID(2)], targets: targets.map(\.route))]
    entities = targets
    homes = [1, 2].map { HomeModel(id: PartitionID($0), map: maps[0], now: 0) }
  }

  // MARK: One run

  /// Some steps of everything that can happen, then a time without faults at whose end all must be well.
  public mutating func run(steps: Int) {
    for _ in 0..<steps where violation == nil { step() }
    if violation == nil { heal() }
    counts.decided = truth.decisions.count
    counts.degraded = truth.degraded
    counts.applied = truth.applied.count
    counts.stale = truth.stale
  }

  mutating func step() {
    now += Int64(random.below(6))
    switch random.below(100) {
    case 0..<12: takeIn(anyHome(), rows: 1 + random.below(2))
    case 12..<30: commit(home: anyHome())
    case 30..<46: commit(entity: random.below(entities.count))
    case 46..<78: for _ in 0...random.below(3) { deliver(losing: 10, doubling: 35) }
    case 78..<86: tick(anyHome())
    case 86..<88: failOver(home: anyHome())
    case 88..<90: failOver(entity: random.below(entities.count))
    case 90..<93: learn(home: anyHome(), random.below(3) > 0 ? maps.count - 1 : random.below(maps.count))
    case 93..<95: learn(entity: random.below(entities.count), random.below(3) > 0 ? maps.count - 1 : random.below(maps.count))
    case 95: split(random.below(entities.count))
    case 96: merge(random.below(entities.count))
    case 97..<99: drain(anyHome())
    default: checkpoint()
    }
    check()
  }

  private mutating func anyHome() -> Int { random.below(homes.count) }

  /// Without faults, until nothing moves; then every home decides some more, with all features.
  mutating func heal() {
    network.removeAll()
    settleDown()
    finalCheck()
    guard violation == nil else { return }
    let before = truth.decisions.count
    for _ in 0..<Self.window + 2 {
      for home in homes.indices { takeIn(home, rows: 1) }
      settleDown()
    }
    finalCheck()
    if truth.decisions.count != before + (Self.window + 2) * homes.count { truth.fail("healed, and something stays undecided") }
    if violation == nil { counts.healed = 1 }
  }

  private mutating func settleDown() {
    for round in 0..<60 where violation == nil {
      // The deadline is not to pass before everything could answer.
      now += round < 8 ? 1 : 300
      for home in homes.indices { learn(home: home, maps.count - 1) }
      for entity in entities.indices { learn(entity: entity, maps.count - 1) }
      for home in homes.indices { tick(home) }
      for home in homes.indices { commit(home: home, all: true) }
      for entity in entities.indices { commit(entity: entity, all: true) }
      while !network.isEmpty, violation == nil { deliver(losing: 0, doubling: 0) }
      check()
      let isQuiet = homes.allSatisfy { $0.isAtRest } && entities.allSatisfy { $0.isAtRest }
      if isQuiet, round > 20 { break }
    }
  }

  // MARK: Homes

  mutating func takeIn(_ index: Int, rows: Int) {
    guard homes[index].ledger.count < 12 else { return }
    var transactions: [[UInt8]] = []
    var slots: [EntitySlots] = []
    for _ in 0..<rows {
      nextTransaction += 1
      var builder = TransactionBuilder()
      builder.id = Array("x\(nextTransaction)".utf8)
      builder.card = Array("card".utf8)
      var present = EntitySlots()
      if random.below(4) > 0 {
        builder.terminal = Array("t\(random.below(4))".utf8)
        present.insert(EntitySlot(.terminal))
      }
      if random.below(4) > 0 || present.isEmpty {
        builder.device = Array("d\(random.below(4))".utf8)
        present.insert(EntitySlot(.device))
      }
      var bytes: [UInt8] = []
      builder.append(to: &bytes)
      transactions.append(bytes)
      slots.append(present)
    }
    homes[index].takeIn(transactions, slots)
  }

  mutating func commit(home index: Int, all: Bool = false) {
    let open = homes[index].log.count - homes[index].committed
    guard open > 0 else { return }
    carryOut(homes[index].commit(all ? open : 1 + random.below(open), &truth, now: now), index)
  }

  mutating func tick(_ index: Int) { carryOut(homes[index].tick(now: now), index) }

  mutating func failOver(home index: Int) {
    let open = homes[index].log.count - homes[index].committed
    counts.homeFailovers += 1
    homes[index].failOver(keeping: random.below(open + 1), &truth, map: maps[random.below(maps.count)], now: now)
  }

  mutating func learn(home index: Int, _ map: Int) { carryOut(homes[index].learn(maps[map], now: now), index) }

  /// X5: the home takes nothing in until it owes nothing, and retires; what is on its way is late from then on.
  private mutating func drain(_ index: Int) {
    let late = random.below(3) == 0 ? network : []
    for _ in 0..<4 where violation == nil && !homes[index].mayRetire {
      now += random.below(2) == 0 ? 30 : 260
      learn(home: index, maps.count - 1)
      for entity in entities.indices { learn(entity: entity, maps.count - 1) }
      tick(index)
      commit(home: index, all: true)
      for _ in 0..<40 { deliver(losing: 0, doubling: 0) }
      for entity in entities.indices { commit(entity: entity, all: true) }
      for _ in 0..<40 { deliver(losing: 0, doubling: 0) }
      commit(home: index, all: true)
    }
    network += late
    if violation == nil { retire(index) }
  }

  /// X5: the home is split or merged away; another takes its place.
  private mutating func retire(_ index: Int) {
    guard homes[index].mayRetire, !homes[index].log.isEmpty else { return }
    let old = homes[index].id
    truth.retire(old)
    let fresh = newPartition()
    var map = maps.last!
    map.version = MapVersion(map.version.rawValue + 1)
    map.homes.removeAll { $0 == old }
    map.homes.append(fresh)
    maps.append(map)
    homes[index] = HomeModel(id: fresh, map: map, now: now)
    counts.retirements += 1
  }

  private mutating func carryOut(_ first: [HomeAction], _ index: Int) {
    var actions = first
    while !actions.isEmpty {
      var more: [HomeAction] = []
      for action in actions {
        switch action {
        case .send(let message, _): send(.contributions(message))
        case .decide(let rows): homes[index].decide(rows, &truth)
        case .logAcknowledged(let record): homes[index].acknowledge(record)
        case .fetchMap: if random.below(2) == 0 { more += homes[index].learn(maps.last!, now: now) }
        case .undecidedIsStale(let offset, let slot):
          truth.fail("\(homes[index].id): the undecided \(offset) was called stale by its \(slot)")
        }
      }
      actions = more
    }
  }

  // MARK: Entities

  mutating func commit(entity index: Int, all: Bool = false) {
    let open = entities[index].log.count - entities[index].committed
    guard open > 0 else { return }
    carryOut(entities[index].commit(all ? open : 1 + random.below(open), &truth), index)
  }

  mutating func failOver(entity index: Int) {
    let open = entities[index].log.count - entities[index].committed
    counts.entityFailovers += 1
    entities[index].failOver(keeping: random.below(open + 1), &truth, map: maps[random.below(maps.count)])
    republish(index)
  }

  mutating func learn(entity index: Int, _ map: Int) {
    counts.forgettings += entities[index].learn(maps[map])
  }

  private mutating func carryOut(_ actions: [EntityAction], _ index: Int) {
    for action in actions {
      switch action {
      case .reply(let replies, _):
        if case .replies = replies.result {} else { counts.refusals += 1 }
        send(.replies(replies))
      case .fetchMap: if random.below(2) == 0 { learn(entity: index, maps.count - 1) }
      }
    }
  }

  mutating func split(_ index: Int) {
    let parent = entities[index]
    guard parent.isAtRest, entities.count < 5, parent.range.first < parent.range.last else { return }
    let middle = parent.range.first.rawValue + (parent.range.last.rawValue - parent.range.first.rawValue) / 2
    let lower = KeyRange(first: parent.range.first, last: KeyHash(middle))
    let upper = KeyRange(first: KeyHash(middle + 1), last: parent.range.last)
    entities.replaceSubrange(
      index...index, with: [lower, upper].map { parent.child(newPartition(), $0) })
    counts.splits += 1
    publish()
  }

  mutating func merge(_ index: Int) {
    guard index + 1 < entities.count, entities.count > 1, entities[index].isAtRest, entities[index + 1].isAtRest else { return }
    let child = EntityModel.merged(entities[index], entities[index + 1], newPartition())
    entities.replaceSubrange(index...index + 1, with: [child])
    counts.merges += 1
    publish()
  }

  private mutating func newPartition() -> PartitionID {
    nextPartition += 1
    return PartitionID(nextPartition)
  }

  private mutating func publish() {
    var map = maps.last!
    map.version = MapVersion(map.version.rawValue + 1)
    map.targets = entities.map(\.route)
    maps.append(map)
  }

  private mutating func republish(_ index: Int) { publish() }

  /// Snapshots are taken where all is committed.
  private mutating func checkpoint() {
    for index in homes.indices { homes[index].checkpoint() }
    for index in entities.indices { entities[index].checkpoint() }
  }

  // MARK: Network

  private mutating func send(_ message: MessageModel) {
    network.append(message)
    // It remembers long: what is late comes after splits and failovers.
    if network.count > 300 { network.remove(at: random.below(150)) }
  }

  mutating func deliver(losing: Int, doubling: Int) {
    guard !network.isEmpty else { return }
    let index = losing == 0 ? 0 : random.below(network.count)
    let message = network[index]
    if losing == 0 || random.below(100) >= doubling { network.remove(at: index) }
    if losing > 0, random.below(100) < losing { return }
    switch message.copied() {
    case .contributions(let contributions):
      guard let index = entities.firstIndex(where: { $0.id == contributions.target }) else { return }
      carryOut(entities[index].receive(contributions), index)
    case .replies(let replies):
      truth.sawReplies(replies)
      guard let index = homes.firstIndex(where: { $0.id == replies.home }) else { return }
      carryOut(homes[index].receive(replies, now: now), index)
    }
  }

  // MARK: What must hold

  private mutating func check() {
    for entity in entities {
      for home in entity.ledger.homes {
        let kept = entity.ledger.keptCount(home)
        if kept > Self.window * Self.slots.count * max(1, entity.ledger.markCount(home)) {
          truth.fail("\(entity.id) keeps \(kept) replies of \(home)")
        }
      }
    }
  }

  private mutating func finalCheck() {
    for home in homes where violation == nil {
      if !home.ledger.isEmpty { truth.fail("healed, and \(home.id) has \(home.ledger.count) intakes that are open") }
    }
    if violation == nil { truth.checkConserved() }
  }
}
