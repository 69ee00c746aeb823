import Wire

/// Customers, cards, shops and their habits. Everything follows from the seed; what can be recomputed (tokens,
/// favourites, devices, trips) is not stored, so that tens of millions of cards fit.
public struct SyntheticWorld: Sendable {
  struct Customer: Sendable {
    /// Index into `SyntheticPlace.all`.
    var home: UInt8
    var cardCount: UInt8
    var deviceCount: UInt8
    var firstCard: UInt32
    /// Factor on a category's median amount, as a logarithm.
    var logScale: Float
    var spread: Float
    var onlineShare: Float
    /// How many transactions, in proportion.
    var activity: Float
  }

  let seed: UInt64
  let customers: [Customer]
  let cardCount: Int
  let byActivity: AliasTable
  /// Customers' indices sorted by home, and where each home begins.
  let residents: [UInt32]
  let residentStarts: [Int]
  /// Terminals are numbered place by place; a shop has three of them.
  let terminalStarts: [Int]
  let shopCategories: [UInt8]
  let onlineCategories: [UInt8]
  let onlineHomes: [UInt8]
  /// Places far enough from each place that nobody gets there within two hours.
  let farPlaces: [[UInt8]]

  static let terminalsAShop = 3
  static let favourites = 6

  /// - Parameter cards: At least 100.
  public init(seed: UInt64, cards: Int) {
    precondition(cards >= 100, "a world has at least 100 cards")
    self.seed = seed
    cardCount = cards
    var random = SyntheticRandom(seed: SyntheticRandom.hash(seed, 0, 1))
    let places = SyntheticPlace.all
    let homes = AliasTable(weights: places.map(\.weight))

    var customers: [Customer] = []
    customers.reserveCapacity(cards)
    var card = 0
    while card < cards {
      let count = min(cards - card, random.below(4) == 0 ? 2 : 1)
      customers.append(
        Customer(
          home: UInt8(homes.draw(random.next())), cardCount: UInt8(count), deviceCount: UInt8(1 + random.below(3)),
          firstCard: UInt32(card), logScale: Float(0.45 * random.normal()), spread: Float(random.uniform(0.7, 1.2)),
          onlineShare: Float(random.uniform(0.05, 0.6)),
          activity: Float(random.pareto(shape: 1.6, most: 200))))
      card += count
    }
    self.customers = customers
    byActivity = AliasTable(weights: customers.map { Double($0.activity) })

    var starts = [Int](repeating: 0, count: places.count + 1)
    for customer in customers { starts[Int(customer.home) + 1] += 1 }
    for i in 0..<places.count { starts[i + 1] += starts[i] }
    residentStarts = starts
    var residents = [UInt32](repeating: 0, count: customers.count)
    for (index, customer) in customers.enumerated() {
      residents[starts[Int(customer.home)]] = UInt32(index)
      starts[Int(customer.home)] += 1
    }
    self.residents = residents

    let total = places.reduce(0) { $0 + $1.weight }
    var terminalStarts = [0]
    for place in places {
      let shops = max(6, Int(Double(cards) / 30 * place.weight / total))
      terminalStarts.append(terminalStarts.last! + shops * Self.terminalsAShop)
    }
    self.terminalStarts = terminalStarts
    let inShops = AliasTable(weights: SyntheticCategory.all.map(\.shopWeight))
    shopCategories = (0..<terminalStarts.last! / Self.terminalsAShop).map { _ in UInt8(inShops.draw(random.next())) }
    let online = AliasTable(weights: SyntheticCategory.all.map(\.onlineWeight))
    let onlineCount = max(40, cards / 50)
    onlineCategories = (0..<onlineCount).map { _ in UInt8(online.draw(random.next())) }
    onlineHomes = (0..<onlineCount).map { _ in UInt8(homes.draw(random.next())) }
    farPlaces = places.map { place in
      places.indices.filter { place.distance(to: places[$0]) > 3000 }.map { UInt8($0) }
    }
  }

  // MARK: Habits

  /// Terminals of one place.
  func terminals(at place: Int) -> Range<Int> { terminalStarts[place]..<terminalStarts[place + 1] }

  func terminal(at place: Int, _ random: inout SyntheticRandom) -> Int {
    let range = terminals(at: place)
    return range.lowerBound + random.below(range.count)
  }

  /// One of the terminals where a customer usually pays.
  func favouriteTerminal(of customer: Int, _ choice: Int) -> Int {
    let range = terminals(at: Int(customers[customer].home))
    return range.lowerBound
      + SyntheticRandom.pick(range.count, seed, UInt64(customer) &* 64 &+ UInt64(choice), 2)
  }

  func favouriteShopOnline(of customer: Int, _ choice: Int) -> Int {
    SyntheticRandom.pick(onlineCategories.count, seed, UInt64(customer) &* 64 &+ UInt64(choice), 3)
  }

  func category(ofTerminal terminal: Int) -> SyntheticCategory {
    SyntheticCategory.all[Int(shopCategories[terminal / Self.terminalsAShop])]
  }

  func category(ofShopOnline shop: Int) -> SyntheticCategory { SyntheticCategory.all[Int(onlineCategories[shop])] }

  /// Where a customer is in a week: at home, or on one of the rare trips.
  func place(of customer: Int, week: Int) -> Int {
    let home = Int(customers[customer].home)
    let bits = SyntheticRandom.hash(seed, UInt64(customer) &* 4096 &+ UInt64(week), 4)
    guard bits & 31 == 0 else { return home }
    return Int((bits >> 32) % UInt64(SyntheticPlace.all.count))
  }

  func card(of customer: Int, _ bits: UInt64) -> Int {
    let count = UInt64(customers[customer].cardCount)
    // The first card is the one that is mostly used.
    return Int(customers[customer].firstCard) + (count > 1 && bits & 3 == 0 ? 1 : 0)
  }

  func resident(of place: Int, _ random: inout SyntheticRandom) -> Int? {
    let count = residentStarts[place + 1] - residentStarts[place]
    return count == 0 ? nil : Int(residents[residentStarts[place] + random.below(count)])
  }
}
