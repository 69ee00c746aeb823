/// What a merchant of the synthetic world sells (merchant category codes of ISO 18245).
struct SyntheticCategory: Sendable {
  let mcc: UInt16
  /// Median amount in minor units, for a customer who spends as most do.
  let medianAmount: Double
  /// Spread of the logarithm of the amount within the category.
  let spread: Double
  /// Share among merchants with terminals, and among online ones.
  let shopWeight: Double
  let onlineWeight: Double

  private init(_ mcc: UInt16, _ median: Double, _ spread: Double, shop: Double, online: Double) {
    self.mcc = mcc
    medianAmount = median
    self.spread = spread
    shopWeight = shop
    onlineWeight = online
  }

  static let cashMachine: UInt16 = 6011

  static let all: [SyntheticCategory] = [
    SyntheticCategory(5411, 2800, 0.6, shop: 26, online: 3),  // groceries
    SyntheticCategory(5812, 2600, 0.5, shop: 14, online: 0),  // restaurants
    SyntheticCategory(5814, 950, 0.4, shop: 14, online: 6),  // fast food
    SyntheticCategory(5541, 5200, 0.4, shop: 9, online: 0),  // fuel
    SyntheticCategory(6011, 9000, 0.5, shop: 7, online: 0),  // cash machines
    SyntheticCategory(5912, 1700, 0.6, shop: 6, online: 2),  // pharmacies
    SyntheticCategory(5651, 4900, 0.7, shop: 6, online: 12),  // clothing
    SyntheticCategory(4111, 480, 0.5, shop: 8, online: 6),  // local transport
    SyntheticCategory(5732, 14_000, 0.9, shop: 2, online: 9),  // electronics
    SyntheticCategory(5712, 12_000, 0.9, shop: 2, online: 3),  // furniture
    SyntheticCategory(5311, 4200, 0.8, shop: 4, online: 22),  // department stores, market places
    SyntheticCategory(4722, 18_000, 0.9, shop: 0, online: 4),  // travel agencies
    SyntheticCategory(7011, 13_000, 0.7, shop: 2, online: 4),  // hotels
    SyntheticCategory(5816, 1100, 0.8, shop: 0, online: 9),  // games
    SyntheticCategory(5968, 1200, 0.3, shop: 0, online: 12),  // subscriptions
    SyntheticCategory(5815, 800, 0.5, shop: 0, online: 8),  // digital media
  ]
}
