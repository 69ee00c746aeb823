import Wire

/// What `TransactionGenerator` makes. The same options give the same transactions.
public struct GeneratorOptions: Equatable, Sendable {
  public var seed: UInt64
  public var transactions: Int
  /// Share of fraudulent transactions, met exactly but for rounding.
  public var fraudRate: Double
  /// First instant, milliseconds since the epoch.
  public var start: Int64
  public var days: Int
  /// Nil takes one card for 60 transactions.
  public var cards: Int?
  /// Event times lie up to this far before their place in the stream; 0 keeps them in order.
  public var jitterMilliseconds: Int64
  /// The issuer's billing currency, in which all amounts stand.
  public var currency: Currency

  /// 2026-01-05T00:00:00Z, a Monday.
  public static let defaultStart: Int64 = 1_767_571_200_000

  public init(
    seed: UInt64 = 1, transactions: Int = 300_000, fraudRate: Double = 0.005, start: Int64 = defaultStart,
    days: Int = 30, cards: Int? = nil, jitterMilliseconds: Int64 = 0, currency: Currency = .euro
  ) {
    self.seed = seed
    self.transactions = transactions
    self.fraudRate = fraudRate
    self.start = start
    self.days = days
    self.cards = cards
    self.jitterMilliseconds = jitterMilliseconds
    self.currency = currency
  }

  public var cardCount: Int { cards ?? max(100, transactions / 60) }

  /// What is wrong with the options, in words for a person; nil if nothing is.
  public var problem: String? {
    if !(1...10_000_000_000).contains(transactions) { return "transactions: 1 to 10,000,000,000 can be made" }
    if !(0...0.2).contains(fraudRate) { return "fraud rate: a share of 0 to 0.2 can be made" }
    if !(1...3650).contains(days) { return "days: a span of 1 to 3650 days can be made" }
    if !(100...50_000_000).contains(cardCount) { return "cards: 100 to 50,000,000 can be made" }
    if !(0...86_400_000).contains(jitterMilliseconds) { return "jitter: at most a day" }
    if start - jitterMilliseconds < Timestamp.range.lowerBound
      || start + Int64(days) * 86_400_000 > Timestamp.range.upperBound
    {
      return "start: the span must lie in the years 1970 to 2262"
    }
    return nil
  }
}
