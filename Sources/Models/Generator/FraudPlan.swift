import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// All fraud of a span, planned before the first transaction: campaigns, each of one pattern, until every pattern has
/// its share of `fraudRate`.
struct FraudPlan {
  /// The planned events in order of time: the fraudulent ones, and the few genuine ones that a pattern needs (where a
  /// card was before its impossible journey).
  static func events(_ options: GeneratorOptions, _ world: SyntheticWorld) -> [SyntheticEvent] {
    let wanted = min(options.transactions / 2, Int((Double(options.transactions) * options.fraudRate).rounded()))
    var plan = FraudPlan(options, world)
    var given = 0
    var shareSoFar = 0.0
    for pattern in FraudPattern.allCases {
      shareSoFar += pattern.share
      // By rising bounds, so that the quotas sum exactly; the last bound is all.
      let bound = pattern == FraudPattern.allCases.last ? wanted : Int((Double(wanted) * shareSoFar).rounded())
      plan.fill(pattern, quota: bound - given)
      given = bound
    }
    // Sorted with the ordinal as the tie-breaker, for the library's sort promises no stability.
    return plan.planned.enumerated().sorted { ($0.element.instant, $0.offset) < ($1.element.instant, $1.offset) }
      .map(\.element)
  }

  private let world: SyntheticWorld
  private let start: Int64
  private let end: Int64
  private var random: SyntheticRandom
  private var planned: [SyntheticEvent] = []
  private var left = 0

  private init(_ options: GeneratorOptions, _ world: SyntheticWorld) {
    self.world = world
    start = options.start
    end = options.start + Int64(options.days) * 86_400_000
    random = SyntheticRandom(seed: SyntheticRandom.hash(options.seed, 3, 1))
  }

  private mutating func fill(_ pattern: FraudPattern, quota: Int) {
    left = quota
    while left > 0 {
      switch pattern {
      case .amountAboveHabit: amountAboveHabit()
      case .compromisedTerminal: compromisedTerminal()
      case .compromisedCard: compromisedCard()
      case .cardTesting: cardTesting()
      case .impossibleTravel: impossibleTravel()
      case .deviceManyCards: deviceManyCards()
      case .accountTakeover: accountTakeover()
      }
    }
  }

  /// Notes one fraudulent event while the quota lasts.
  private mutating func commit(_ event: SyntheticEvent, _ pattern: FraudPattern) {
    guard left > 0 else { return }
    var event = event
    event.pattern = pattern
    event.instant = min(max(event.instant, start), end - 1)
    planned.append(event)
    left -= 1
  }

  // MARK: Patterns

  private mutating func amountAboveHabit() {
    let customer = anyCustomer()
    var event = world.purchase(of: customer, at: daytime(of: customer), &random)
    let habit = habitualAmount(of: customer, event.shop)
    event.amount = Int64(habit * random.uniform(6, 15))
    commit(event, .amountAboveHabit)
  }

  private mutating func compromisedTerminal() {
    // The terminal of some customer's place, so that busy places are hit more often.
    let place = Int(world.customers[anyCustomer()].home)
    var terminal = world.terminal(at: place, &random)
    for _ in 0..<8 where world.category(ofTerminal: terminal).mcc == SyntheticCategory.cashMachine {
      terminal = world.terminal(at: place, &random)
    }
    let window = window(days: 14...28)
    for _ in 0..<random.within(20...60) {
      guard let customer = world.resident(of: place, &random) else { return }
      var event = cardPresent(customer, terminal, at: daytime(of: customer, within: window))
      event.amount = Int64(habitualAmount(of: customer, event.shop) * random.uniform(1, 3))
      commit(event, .compromisedTerminal)
    }
  }

  private mutating func compromisedCard() {
    let customer = anyCustomer()
    let thief = Thief(&random)
    let window = window(days: 7...21)
    for _ in 0..<random.within(5...15) {
      var event = online(customer, at: daytime(of: customer, within: window), thief)
      event.amount = Int64(habitualAmount(of: customer, event.shop) * random.uniform(2, 6))
      commit(event, .compromisedCard)
    }
  }

  private mutating func cardTesting() {
    let customer = anyCustomer()
    let thief = Thief(&random)
    var instant = anyInstant(before: 600_000)
    let shop = SyntheticEvent.Shop.online(random.below(world.onlineCategories.count))
    for _ in 0..<random.within(6...15) {
      var event = online(customer, at: instant, thief)
      event.shop = shop
      event.amount = Int64(random.within(50...250))
      commit(event, .cardTesting)
      instant += Int64(random.within(4_000...50_000))
    }
  }

  private mutating func impossibleTravel() {
    let customer = anyCustomer()
    let home = Int(world.customers[customer].home)
    let far = world.farPlaces[home]
    let instant = min(daytime(of: customer), end - 6_000_000)
    let before = world.favouriteTerminal(of: customer, 0)
    // Where the card really is: a genuine purchase just before.
    var anchor = cardPresent(customer, before, at: instant)
    anchor.entryMode = .chip
    anchor.amount = Int64(habitualAmount(of: customer, anchor.shop))
    planned.append(anchor)
    let there = world.terminal(at: Int(far[random.below(far.count)]), &random)
    var event = cardPresent(customer, there, at: instant + Int64(random.within(600_000...5_400_000)))
    event.amount = Int64(habitualAmount(of: customer, event.shop) * random.uniform(1, 3))
    commit(event, .impossibleTravel)
  }

  private mutating func deviceManyCards() {
    let thief = Thief(&random)
    var instant = anyInstant(before: 6 * 3_600_000)
    for _ in 0..<random.within(10...25) {
      let customer = anyCustomer()
      var event = online(customer, at: instant, thief)
      event.amount = Int64(habitualAmount(of: customer, event.shop) * random.uniform(0.8, 2))
      commit(event, .deviceManyCards)
      instant += Int64(random.within(60_000...900_000))
    }
  }

  private mutating func accountTakeover() {
    let customer = anyCustomer()
    let place = SyntheticPlace.all[Int(world.customers[customer].home)]
    let far = world.farPlaces[Int(world.customers[customer].home)]
    var thief = Thief(&random)
    thief.place = Int(far[random.below(far.count)])
    // Between one and four in the night at home.
    let day = anyInstant(before: 0) / 86_400_000 * 86_400_000
    var instant = day + Int64((random.uniform(1, 4) - place.hoursEast) * 3_600_000)
    for step in 0..<random.within(4...8) {
      var event = online(customer, at: instant, thief)
      event.amount = Int64(
        habitualAmount(of: customer, event.shop) * random.uniform(1.5, 2.5) * (1 + 0.3 * Double(step)))
      commit(event, .accountTakeover)
      instant += Int64(random.within(120_000...900_000))
    }
  }

  // MARK: Parts

  /// One device at one address that isn't the customer's.
  private struct Thief {
    var device: UInt64
    var place: Int
    var bits: UInt64

    init(_ random: inout SyntheticRandom) {
      device = random.next() | 1
      place = random.below(SyntheticPlace.all.count)
      bits = random.next()
    }
  }

  private mutating func online(_ customer: Int, at instant: Int64, _ thief: Thief) -> SyntheticEvent {
    SyntheticEvent(
      instant: instant, card: UInt32(world.card(of: customer, thief.bits)), customer: UInt32(customer),
      shop: .online(random.below(world.onlineCategories.count)), amount: 0, channel: .ecommerce, entryMode: .manual,
      device: thief.device, ip: world.address(at: thief.place, thief.bits), pattern: nil)
  }

  private func cardPresent(_ customer: Int, _ terminal: Int, at instant: Int64) -> SyntheticEvent {
    SyntheticEvent(
      instant: instant, card: world.customers[customer].firstCard, customer: UInt32(customer),
      shop: .terminal(terminal), amount: 0, channel: .pos, entryMode: .magstripe, device: 0, ip: 0, pattern: nil)
  }

  private mutating func anyCustomer() -> Int { world.byActivity.draw(random.next()) }

  private func habitualAmount(of customer: Int, _ shop: SyntheticEvent.Shop) -> Double {
    let category: SyntheticCategory =
      switch shop {
      case .terminal(let terminal): world.category(ofTerminal: terminal)
      case .online(let index): world.category(ofShopOnline: index)
      }
    return category.medianAmount * exp(Double(world.customers[customer].logScale))
  }

  /// Some instant of the span with `before` milliseconds left in it.
  private mutating func anyInstant(before: Int64) -> Int64 {
    start + Int64(random.uniform() * Double(max(1, end - start - before)))
  }

  private mutating func window(days: ClosedRange<Int>) -> Range<Int64> {
    let length = min(Int64(random.within(days)) * 86_400_000, end - start)
    let first = start + Int64(random.uniform() * Double(end - start - length))
    return first..<first + length
  }

  /// An instant at which the customer may well be awake.
  private mutating func daytime(of customer: Int, within window: Range<Int64>? = nil) -> Int64 {
    let window = window ?? start..<end
    let east = SyntheticPlace.all[Int(world.customers[customer].home)].hoursEast
    var instant = window.lowerBound
    for _ in 0..<16 {
      instant = window.lowerBound + Int64(random.uniform() * Double(window.upperBound - window.lowerBound))
      if random.uniform() < SyntheticRhythm.weight(at: instant, hoursEast: east) { break }
    }
    return instant
  }
}
