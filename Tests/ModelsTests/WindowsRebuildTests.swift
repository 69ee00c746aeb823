import Testing
import Wire

@testable import Models

@Suite("Windows: a table that switches to other features")
struct WindowsRebuildTests {
  static func features(_ lines: [String]) throws -> FeatureSet {
    try WindowsStateTests.features(lines.map { "  - {\($0)}\n" }.joined(), lateness: "20m")
  }

  static let wide = [
    "name: n, aggregate: count, window: 2h", "name: merchants, aggregate: distinct, of: merchant, window: 2h",
    "name: countries, aggregate: distinct, of: country, window: 1h", "name: deviation, aggregate: stddev, window: 2h",
    "name: lagged, aggregate: max, window: 1h, lag: 1h",
    "name: ecom, aggregate: mean, window: 1h, where: {channel: ecommerce}",
  ]
  static let narrow = [
    "name: n, aggregate: count, window: 30m", "name: low, aggregate: min, window: 1h, lag: 5m",
    "name: merchants, aggregate: distinct, of: merchant, window: 1h, lag: 5m",
    "name: new, aggregate: is_new, of: country, window: 1h",
    "name: ecom, aggregate: seconds_since_last, window: 1h, where: {channel: [ecommerce, atm]}",
    "name: since, aggregate: seconds_since_last",
  ]

  static func payments(_ count: Int, from number: Int = 0, seed: UInt64) -> [Payment] {
    var random = SplitMix64(seed: seed)
    return (number..<number + count).map { number in
      let delay = random.below(6) == 0 ? Int64(random.below(1_000_000)) : 0
      let time = WindowsStateTests.start + Int64(number) * 8000 - delay
      let amount = random.below(100) == 0 ? 1 << 40 : Int64(random.below(1000))
      return Payment(
        card: random.below(25), time: time, amount: amount, country: random.below(8), channel: random.below(7),
        merchant: random.below(12))
    }
  }

  /// A table that always had the new features, fed with all events, keeps at least what the switched one kept.
  @Test func itAnswersAsOneThatAlwaysHadTheseFeatures() throws {
    print("windows: rebuild: seeds 21, 22")
    var switched = TableDriver(try Self.features(Self.wide))
    var fresh = TableDriver(try Self.features(Self.narrow))
    for payment in Self.payments(4000, seed: 21) {
      _ = switched.observe(payment)
      _ = fresh.observe(payment)
    }
    let bytes = switched.table.memoryBytes
    switched.table.rebuild(features: try Self.features(Self.narrow))
    #expect(switched.table.memoryBytes == bytes, "entities follow when they are touched")
    #expect(switched.table.digest() == fresh.table.digest(), "before any was touched")
    for payment in Self.payments(4000, from: 4000, seed: 22) {
      let (values, observation) = switched.observe(payment)
      let (expected, expectedObservation) = fresh.observe(payment)
      #expect(values.map(\.bitPattern) == expected.map(\.bitPattern))
      #expect(observation == expectedObservation)
    }
    #expect(switched.table.digest() == fresh.table.digest())
  }

  @Test func whatWasNotKeptIsFlaggedUntilItHasLeftTheWindows() throws {
    var driver = TableDriver(try Self.features(["name: n, aggregate: count, window: 10m"]))
    let hour: Int64 = 3_600_000
    let start = WindowsStateTests.start
    for event in 0..<100 { _ = driver.observe(Payment(card: 1, time: start + Int64(event) * 60_000, merchant: 5)) }
    let newest = start + 99 * 60_000
    // Further back: 10 minutes and the lateness of 20 were kept.
    driver.table.rebuild(features: try Self.features(["name: n, aggregate: count, window: 1h"]))
    let soon = driver.observe(Payment(card: 1, time: newest + 60_000))
    #expect(soon.values == [31] && soon.observation.contains(.warming))
    #expect(!driver.observe(Payment(card: 1, time: newest + hour)).observation.contains(.warming))
    // Another column.
    driver.table.rebuild(
      features: try Self.features(["name: m, aggregate: distinct, of: merchant, window: 1h"]))
    let blind = driver.observe(Payment(card: 1, time: newest + hour + 1, merchant: 6))
    #expect(blind.values == [1] && blind.observation.contains(.warming))
    #expect(!driver.observe(Payment(card: 1, time: newest + 2 * hour)).observation.contains(.warming))
  }

  @Test func manySwitchesInARowKeepEveryCard() throws {
    var driver = TableDriver(try Self.features(Self.wide))
    for payment in Self.payments(500, seed: 23) { _ = driver.observe(payment) }
    for round in 1...30 {
      driver.table.rebuild(features: try Self.features(["name: n, aggregate: count, window: \(round + 60)m"]))
      // Touches one card; the others fall behind.
      _ = driver.observe(Payment(card: 100 + round, time: WindowsStateTests.start + 4_000_000))
    }
    #expect(driver.table.count == 25 + 30)
    driver.table.rebuild(features: try Self.features(["name: n, aggregate: count, window: 90m"]))
    var oracle = WindowsOracle(driver.table.features)
    for payment in Self.payments(500, seed: 23) { _ = oracle.observe(payment) }
    for card in 0..<25 {
      let payment = Payment(card: card, time: WindowsStateTests.start + 4_000_000)
      #expect(driver.observe(payment).values == oracle.observe(payment).values)
    }
  }

  @Test func theSameFeaturesChangeNothing() throws {
    var driver = TableDriver(FeatureSet.standard)
    for payment in Self.payments(100, seed: 24) { _ = driver.observe(payment) }
    let before = driver.table.digest()
    driver.table.rebuild(features: .standard)
    #expect(driver.table.digest() == before)
  }
}
