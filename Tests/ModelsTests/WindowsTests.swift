import Testing
import Wire

@testable import Models

@Suite("Windows: features equal their definition, computed from all events")
struct WindowsTests {
  struct Scenario: CustomTestStringConvertible {
    let name: String
    let yaml: String
    var events = 50_000
    var cards = 60
    /// Mean of the gap between two events of all cards, ms.
    var gap = 20_000
    /// Times are multiples of it: coarse times give ties.
    var granularity: Int64 = 1
    /// One in so many comes late, by up to `delay` ms.
    var delayed = 10
    var delay: Int64 = 5_400_000
    /// One in so many has a huge amount; 0 for none.
    var huge = 0
    var testDescription: String { name }
  }

  static let windows = """
    version: 1
    allowed_lateness: 1h
    features:
      - {name: count_1m, aggregate: count, window: 1m}
      - {name: count_1h, aggregate: count, window: 1h}
      - {name: count_1d, aggregate: count, window: 2h}
      - {name: sum_1h, aggregate: sum, window: 1h}
      - {name: mean_1d, aggregate: mean, window: 2h}
      - {name: min_1h, aggregate: min, window: 1h}
      - {name: max_1h, aggregate: max, window: 1h}
      - {name: max_1d, aggregate: max, window: 2h}
      - {name: stddev_1h, aggregate: stddev, window: 1h}
      - {name: zscore_1d, aggregate: zscore, window: 2h}
      - {name: countries_1h, aggregate: distinct, of: country, window: 1h}
      - {name: merchants_1d, aggregate: distinct, of: merchant, window: 2h}
      - {name: devices_1h, aggregate: distinct, of: device, window: 1h}
      - {name: new_device, aggregate: is_new, of: device, window: 2h}
      - {name: new_country, aggregate: is_new, of: country, window: 1h}
      - {name: since, aggregate: seconds_since_last}
      - {name: since_1h, aggregate: seconds_since_last, window: 1h}
      - {name: last_mcc, aggregate: last, of: mcc}
      - {name: last_amount, aggregate: last, of: amount}
      - {name: country_changed, aggregate: changed, of: country}
      - {name: hour, aggregate: field, of: hour}
      - {name: weekday, aggregate: field, of: day_of_week}
      - {name: ratio, aggregate: ratio, of: amount, by: mean_1d}
      - {name: share, aggregate: ratio, of: sum_1h, by: max_1d}
    """

  static let lagsAndFilters = """
    version: 1
    allowed_lateness: 30m
    features:
      - {name: lagged_count, aggregate: count, window: 1h, lag: 10m}
      - {name: lagged_sum, aggregate: sum, window: 2h, lag: 10m}
      - {name: lagged_max, aggregate: max, window: 1h, lag: 1h}
      - {name: lagged_min, aggregate: min, window: 3h, lag: 10m}
      - {name: lagged_countries, aggregate: distinct, of: country, window: 3h, lag: 10m}
      - {name: lagged_merchants, aggregate: distinct, of: merchant, window: 1h, lag: 1h, where: {channel: ecommerce}}
      - {name: ecom_count, aggregate: count, window: 1h, where: {channel: [ecommerce, moto]}}
      - {name: ecom_mean, aggregate: mean, window: 3h, where: {channel: [ecommerce, moto]}}
      - {name: big_count, aggregate: count, window: 3h, where: {amount_above: 500, amount_below: 900}}
      - {name: big_stddev, aggregate: stddev, window: 3h, where: {amount_above: 500}}
      - {name: food_max, aggregate: max, window: 3h, where: {mcc: [5411, 5812], country: [FR, DE]}}
      - {name: food_min, aggregate: min, window: 1h, where: {mcc: [5411, 5812], country: [FR, DE]}}
      - {name: food_merchants, aggregate: distinct, of: merchant, window: 3h, where: {mcc: [5411, 5812]}}
      - {name: since_ecom, aggregate: seconds_since_last, window: 2h, where: {channel: ecommerce}}
      - {name: since_big, aggregate: seconds_since_last, window: 4h, where: {amount_above: 950}}
    """

  static let long = """
    version: 1
    allowed_lateness: 12h
    features:
      - {name: count, aggregate: count, window: 90d}
      - {name: sum, aggregate: sum, window: 60d}
      - {name: stddev, aggregate: stddev, window: 60d}
      - {name: min, aggregate: min, window: 60d, lag: 7d}
      - {name: max, aggregate: max, window: 1d}
      - {name: terminals, aggregate: distinct, of: terminal, window: 60d}
      - {name: since, aggregate: seconds_since_last}
    """

  static let memoryless = """
    version: 1
    allowed_lateness: 0s
    features:
      - {name: since, aggregate: seconds_since_last}
      - {name: changed, aggregate: changed, of: merchant}
      - {name: amount, aggregate: field, of: amount}
    """

  static let scenarios = [
    Scenario(name: "four windows, milliseconds", yaml: windows),
    Scenario(name: "four windows, ties", yaml: windows, events: 40_000, cards: 20, gap: 10_000, granularity: 60_000),
    Scenario(name: "lags and filters", yaml: lagsAndFilters, events: 40_000, gap: 12_000, granularity: 1000),
    Scenario(
      name: "lags and filters, mostly out of order", yaml: lagsAndFilters, events: 25_000, gap: 12_000, delayed: 2),
    Scenario(name: "90 days, huge amounts", yaml: long, events: 20_000, cards: 30, gap: 6_000_000, huge: 50),
    Scenario(name: "no window", yaml: memoryless, events: 20_000, cards: 200, granularity: 1000),
    Scenario(
      name: "the standard set", yaml: FeatureSet.standardYAML, events: 20_000, cards: 100, gap: 300_000, huge: 5000),
  ]

  @Test(arguments: scenarios) func featuresEqualTheirDefinition(_ scenario: Scenario) throws {
    let seed = UInt64(scenario.events) &* 7919 &+ UInt64(scenario.gap)
    print("windows: \(scenario.name): seed \(seed)")
    var random = SplitMix64(seed: seed)
    let features = try FeatureSet.parse(yaml: scenario.yaml, schema: .standard)
    var driver = TableDriver(features)
    var oracle = WindowsOracle(features)
    var now: Int64 = 1_700_000_000_000
    var seen: [Observation: Int] = [:]
    for number in 0..<scenario.events {
      let payment = Self.payment(scenario, &now, &random)
      let (expected, expectedObservation) = oracle.observe(payment)
      let (values, observation) = driver.observe(payment)
      let flags = observation.subtracting(.warming)
      seen[flags, default: 0] += 1
      guard flags == expectedObservation else {
        Issue.record("event \(number): \(flags) instead of \(expectedObservation)")
        return
      }
      // Beyond the lateness, events that the windows would need may be gone.
      if flags.contains(.late) { continue }
      for (index, feature) in features.features.enumerated() where !Self.agree(feature, values[index], expected[index]) {
        Issue.record("event \(number) \(payment): \(feature.name) is \(values[index]), not \(expected[index])")
        return
      }
    }
    #expect(seen[[], default: 0] > 0)
    #expect(features.allowedLateness == 0 || seen[.outOfOrder, default: 0] > 0)
    #expect(scenario.delay <= features.allowedLateness || seen[[.outOfOrder, .late], default: 0] > 0)
  }

  /// Quotients and roots may round otherwise; all else is equal to the bit.
  static func agree(_ feature: Feature, _ value: Double, _ expected: Double) -> Bool {
    if value == expected || (value.isNaN && expected.isNaN) { return true }
    switch feature.aggregate {
    case .statistic(.mean, _, _), .statistic(.stddev, _, _), .statistic(.zscore, _, _), .ratio:
      return abs(value - expected) <= 1e-12 * abs(expected)
    default: return false
    }
  }

  static func payment(_ scenario: Scenario, _ now: inout Int64, _ random: inout SplitMix64) -> Payment {
    // Quiet hours now and then: everything expires.
    now += random.below(2000) == 0 ? Int64(scenario.gap) * 5000 : Int64(random.below(scenario.gap * 2))
    let delay = random.below(scenario.delayed) == 0 ? Int64(random.below(Int(scenario.delay))) : 0
    // One event in eight is of one card, so that its ring grows long.
    var payment = Payment(card: random.below(8) == 0 ? 0 : random.below(scenario.cards))
    payment.time = (now - delay) / scenario.granularity * scenario.granularity
    payment.amount = Int64(random.below(1000))
    if scenario.huge > 0, random.below(scenario.huge) == 0 {
      payment.amount = Schema.amountMax - Int64(random.below(1_000_000))
    }
    payment.country = random.below(8)
    payment.mcc = [0, 5411, 5812, 7995, 6011][random.below(5)]
    payment.channel = random.below(7)
    payment.merchant = random.below(40)
    payment.terminal = random.below(60)
    payment.device = random.below(6)
    return payment
  }
}
