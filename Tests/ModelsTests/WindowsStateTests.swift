import Testing
import Wire

@testable import Models

@Suite("Windows: the state of a partition's cards")
struct WindowsStateTests {
  static let start: Int64 = 1_700_000_000_000
  static let benchmarkYAML =
    "version: 1\nfeatures:\n"
    + ["1m", "1h", "24h", "7d"].flatMap { window in
      ["count", "sum", "mean", "max"].map { "  - {name: \($0)_\(window), aggregate: \($0), window: \(window)}\n" }
    }.joined() + "  - {name: since, aggregate: seconds_since_last}\n"
    + "  - {name: countries, aggregate: distinct, of: country, window: 1h}\n"

  static func features(_ yaml: String, lateness: String = "1h", eventsMax: Int = 4096) throws -> FeatureSet {
    try FeatureSet.parse(
      yaml: "version: 1\nallowed_lateness: \(lateness)\nevents_per_entity_max: \(eventsMax)\nfeatures:\n\(yaml)",
      schema: .standard)
  }

  @Test func cardsWithTheSameHashStayApart() throws {
    var driver = TableDriver(try Self.features("- {name: n, aggregate: count, window: 1h}"))
    for round in 1...20 {
      for card in 1...5 {
        let payment = Payment(card: card, time: Self.start + Int64(round), amount: 1)
        let (values, observation) = driver.observe(payment, keyHash: KeyHash(77))
        #expect(values == [Double(round)])
        #expect(observation.contains(.firstEvent) == (round == 1))
      }
    }
    #expect(driver.table.count == 5)
  }

  @Test func oneHundredEventsOfACardFitInTwelveHundredBytes() throws {
    let features = try FeatureSet.parse(yaml: Self.benchmarkYAML, schema: .standard)
    var driver = TableDriver(features)
    for event in 0..<100 {
      for card in 0..<1000 {
        let time = Self.start + Int64(event) * 6_000_000 + Int64(card)
        _ = driver.observe(Payment(card: 1_000_000_000 + card, time: time, amount: Int64(event * 100), country: 1))
      }
    }
    #expect(driver.observe(Payment(card: 1_000_000_000, time: Self.start + 600_000_000)).values[12] == 101)
    let perCard = driver.table.memoryBytes / driver.table.count
    print("windows: \(perCard) bytes a card with 100 events kept")
    #expect(perCard <= 1200)
  }

  @Test func memoryStaysBoundedWhenEventsComeAndGo() throws {
    var driver = TableDriver(try Self.features("- {name: n, aggregate: count, window: 1h}", lateness: "0s"))
    for event in 0..<20_000 {
      _ = driver.observe(Payment(card: 1, time: Self.start + Int64(event) * 36_000, amount: 5))
    }
    // 100 events of 8 bytes, their slack, and the least sizes of index and slab.
    #expect(driver.table.memoryBytes < 1200 + 16_384 + 2048)
    for event in 0..<3000 { _ = driver.observe(Payment(card: 2, time: Self.start + Int64(event) * 1000, amount: 5)) }
    let grown = driver.table.memoryBytes
    // A card that has become quiet gives its block back.
    for event in 0..<200 {
      _ = driver.observe(Payment(card: 2, time: Self.start + 10_000_000 + Int64(event) * 600_000, amount: 5))
    }
    #expect(driver.table.memoryBytes < grown - 16_000)
  }

  @Test func theBoundDropsTheOldestAndSaysSo() throws {
    let yaml = """
      - {name: n, aggregate: count, window: 1h}
      - {name: sum, aggregate: sum, window: 1h}
      - {name: max, aggregate: max, window: 1h}
      - {name: lagged, aggregate: sum, window: 1h, lag: 1m}
      - {name: merchants, aggregate: distinct, of: merchant, window: 1h}
      """
    var driver = TableDriver(try Self.features(yaml, lateness: "10m", eventsMax: 16))
    for event in 0..<40 {
      let payment = Payment(
        card: 1, time: Self.start + Int64(event) * 1000, amount: Int64(1000 - event), merchant: event + 1)
      let (values, observation) = driver.observe(payment)
      let kept = max(0, event - 15)...event
      #expect(
        values == [
          Double(kept.count), Double(kept.map { 1000 - $0 }.reduce(0, +)), Double(1000 - kept.first!), 0,
          Double(kept.count),
        ])
      #expect(observation.contains(.truncated) == (event > 15))
    }
    // One out of order older than all that is kept is not kept either; one in between is.
    #expect(
      driver.observe(Payment(card: 1, time: Self.start, amount: 5)).observation.contains([.outOfOrder, .truncated]))
    #expect(driver.observe(Payment(card: 1, time: Self.start + 30_500, amount: 7)).values[0] == 8)
    let later = driver.observe(Payment(card: 1, time: Self.start + 39_000 + 61_000, amount: 1))
    #expect(later.values[0] == 16 && later.observation.contains(.truncated))
    #expect(later.values[3] == Double((26...39).map { 1000 - $0 }.reduce(0, +) + 7))
    // When all that was dropped would have expired anyway, nothing is missing any more.
    let quiet = driver.observe(Payment(card: 1, time: Self.start + 40_000 + 4_300_000, amount: 1))
    #expect(!quiet.observation.contains(.truncated) && quiet.values[0] == 1)
  }

  @Test func aTableIsWarmingUntilTheLongestWindowIsBehindItsFirstEvent() throws {
    var driver = TableDriver(try Self.features("- {name: n, aggregate: count, window: 1h, lag: 1h}"))
    #expect(driver.observe(Payment(card: 1, time: Self.start)).observation == [.firstEvent, .warming])
    #expect(driver.observe(Payment(card: 1, time: Self.start + 7_199_999)).observation == .warming)
    #expect(driver.observe(Payment(card: 2, time: Self.start + 7_200_000)).observation == .firstEvent)
  }

  @Test func aLatePaymentIsAnsweredAndCountedButNotAdded() throws {
    var driver = TableDriver(try Self.features("- {name: n, aggregate: count, window: 24h}", lateness: "10m"))
    _ = driver.observe(Payment(card: 1, time: Self.start))
    _ = driver.observe(Payment(card: 1, time: Self.start + 3_600_000))
    let before = driver.table.digest()
    let late = driver.observe(Payment(card: 1, time: Self.start + 1000))
    #expect(late.values == [2] && late.observation.contains([.late, .outOfOrder]))
    #expect(driver.table.lateCount == 1 && driver.table.outOfOrderCount == 0)
    #expect(driver.table.digest() == before)
    #expect(driver.observe(Payment(card: 1, time: Self.start + 3_600_000)).values == [3])
  }

  @Test func theDigestIsOfTheContentsNotOfTheirLayout() throws {
    let features = FeatureSet.standard
    var first = TableDriver(features)
    var second = TableDriver(features)
    var third = TableDriver(features)
    var random = SplitMix64(seed: 5)
    let payments = (0..<2000).map { number in
      Payment(
        card: random.below(50), time: Self.start + Int64(number) * 1000, amount: Int64(random.below(5000)),
        country: random.below(8), merchant: random.below(9), device: random.below(3))
    }
    for payment in payments { _ = first.observe(payment) }
    // Other cards first, and one card's events out of order: the same events in the end.
    for card in (0..<50).reversed() {
      for payment in payments where payment.card == card { _ = second.observe(payment) }
    }
    #expect(first.table.count == second.table.count)
    #expect(first.table.digest() != second.table.digest(), "the history is complete since another time")
    second.table.completeSince = first.table.completeSince
    #expect(first.table.digest() == second.table.digest())
    for payment in payments.dropLast() { _ = third.observe(payment) }
    #expect(first.table.digest() != third.table.digest())
    var changed = payments.last!
    changed.amount += 1
    _ = third.observe(changed)
    #expect(first.table.digest() != third.table.digest())
  }

  @Test func segmentsRememberWhenTheyWereTouched() throws {
    var driver = TableDriver(try Self.features("- {name: n, aggregate: count, window: 1h}"))
    for card in 0..<2500 { _ = driver.observe(Payment(card: card, time: Self.start)) }
    #expect(driver.table.segmentCount == 3)
    let epoch = driver.table.advanceEpoch()
    _ = driver.observe(Payment(card: 1500, time: Self.start))
    #expect((0..<3).map { driver.table.touchedEpoch(segment: $0) >= epoch } == [false, true, false])
  }

  @Test func aCardIsDescribed() throws {
    var driver = TableDriver(FeatureSet.standard)
    for event in 0..<30 { _ = driver.observe(Payment(card: 3, time: Self.start + Int64(event), amount: Int64(event))) }
    let token = Array("card-3".utf8)
    let description = driver.table.describe(token.span.bytes)
    #expect(description?.eventCount == 30 && description?.newestEventTime == Self.start + 29)
    #expect(description?.newestEvents.map(\.amount) == Array((20..<30).reversed()))
    let stranger = Array("card-4".utf8)
    #expect(driver.table.describe(stranger.span.bytes) == nil)
  }
}
