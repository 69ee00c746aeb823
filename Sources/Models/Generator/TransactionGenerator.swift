import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Makes the transactions of a synthetic world one after the other, in the order of their times, with a label each.
///
/// Customers pay by a daily and weekly rhythm, the busiest ones far more than most; amounts are log-normal around each
/// customer's habit. Fraud is planned in advance (`FraudPlan`) and merged in. Memory: the world and the planned fraud.
public struct TransactionGenerator: Sendable {
  public let options: GeneratorOptions
  public let world: SyntheticWorld

  private var random: SyntheticRandom
  private var arrivals: SyntheticRhythm.Arrivals
  private var plan: [SyntheticEvent]
  private var planned = 0
  private var nextArrival: Int64?
  private var ordinal: UInt64 = 0
  private let idKey: UInt64

  /// Traps on options with a `problem`.
  public init(_ options: GeneratorOptions) {
    precondition(options.problem == nil, options.problem ?? "")
    self.options = options
    world = SyntheticWorld(seed: options.seed, cards: options.cardCount)
    random = SyntheticRandom(seed: SyntheticRandom.hash(options.seed, 1, 1))
    plan = FraudPlan.events(options, world)
    arrivals = SyntheticRhythm.Arrivals(
      start: options.start, days: options.days, count: max(0, options.transactions - plan.count))
    idKey = SyntheticRandom.hash(options.seed, 2, 1)
    nextArrival = arrivals.next(&random)
  }

  /// Fills `builder` with the next transaction. Its label is its pattern, nil for a genuine one; false at the end.
  public mutating func next(into builder: inout TransactionBuilder, label: inout FraudPattern?) -> Bool {
    var event: SyntheticEvent
    if planned < plan.count, plan[planned].instant <= nextArrival ?? .max {
      event = plan[planned]
      planned += 1
    } else if let instant = nextArrival {
      event = genuine(at: instant)
      nextArrival = arrivals.next(&random)
    } else {
      return false
    }
    if options.jitterMilliseconds > 0 { event.instant -= Int64(random.below(Int(options.jitterMilliseconds) + 1)) }
    world.fill(&builder, from: event, currency: options.currency)
    builder.id.appendText(bound: 24) {
      $0.put("x_")
      // A bijection of the ordinal: unique, and the same for the same seed.
      $0.put(hexadecimal: SyntheticRandom.mix(ordinal ^ idKey))
    }
    ordinal += 1
    label = event.pattern
    return true
  }

  private mutating func genuine(at instant: Int64) -> SyntheticEvent {
    var customer = world.byActivity.draw(random.next())
    // Those for whom it is a likely hour pay; after eight draws the last one does.
    for _ in 0..<7 {
      let east = SyntheticPlace.all[Int(world.customers[customer].home)].hoursEast
      if random.uniform() < SyntheticRhythm.weight(at: instant, hoursEast: east) { break }
      customer = world.byActivity.draw(random.next())
    }
    return world.purchase(of: customer, at: instant, &random)
  }
}

extension SyntheticWorld {
  /// What a customer does by habit: mostly at favourite shops, mostly at home.
  func purchase(of index: Int, at instant: Int64, _ random: inout SyntheticRandom) -> SyntheticEvent {
    let customer = customers[index]
    let bits = random.next()
    var event = SyntheticEvent(
      instant: instant, card: UInt32(card(of: index, bits)), customer: UInt32(index), shop: .online(0), amount: 0,
      channel: .ecommerce, entryMode: .manual, device: 0, ip: 0, pattern: nil)
    let category: SyntheticCategory
    if random.uniform() < Double(customer.onlineShare) {
      let shop =
        bits >> 8 & 3 != 0
        ? favouriteShopOnline(of: index, Int(bits >> 16 & 0xFF) % Self.favourites)
        : random.below(onlineCategories.count)
      category = self.category(ofShopOnline: shop)
      event.shop = .online(shop)
      event.channel = category.mcc == 5968 ? .recurring : .ecommerce
      event.entryMode = bits >> 24 & 1 == 0 ? .credentialOnFile : .manual
      if event.channel == .ecommerce {
        // Now and then a new device, or an address on the way.
        event.device = bits >> 25 & 127 == 0 ? random.next() | 1 : device(of: index, Int(bits >> 32 & 3))
        event.ip =
          bits >> 34 & 3 == 0 ? address(at: Int(customer.home), random.next()) : homeAddress(of: index)
      }
    } else {
      let place = place(of: index, week: Int(instant / 604_800_000))
      let isHome = place == Int(customer.home)
      let terminal =
        isHome && bits >> 8 & 3 != 0
        ? favouriteTerminal(of: index, Int(bits >> 16 & 0xFF) % Self.favourites) : self.terminal(at: place, &random)
      category = self.category(ofTerminal: terminal)
      event.shop = .terminal(terminal)
      event.channel = category.mcc == SyntheticCategory.cashMachine ? .atm : .pos
      let mode = bits >> 24 & 15
      event.entryMode = event.channel == .atm ? .chip : mode < 8 ? .contactless : mode < 12 ? .chip : .wallet
      if event.entryMode == .wallet { event.device = device(of: index, 0) }
    }
    event.amount = amount(of: customer, category, &random)
    // The rare large purchase that is genuine, so that size alone proves nothing.
    if bits >> 40 & 255 == 0 { event.amount *= 5 }
    return event
  }

  /// Log-normal around the customer's habit; cash comes in tens.
  func amount(of customer: Customer, _ category: SyntheticCategory, _ random: inout SyntheticRandom) -> Int64 {
    let spread = category.spread * Double(customer.spread)
    let value = category.medianAmount * exp(Double(customer.logScale) + spread * random.normal())
    guard category.mcc != SyntheticCategory.cashMachine else { return max(1000, Int64(value / 1000) * 1000) }
    return max(50, Int64(min(value, 5_000_000)))
  }
}
