import Testing
import Wire

@testable import Models

/// Feature values of hot entities by their definition: every event is kept here, and what a table would have dropped counts by
/// stretches of time.
private struct CoarseOracle {
  let features: FeatureSet
  private var kept: [Int: [Payment]] = [:]
  private var dropped: [Int: [Payment]] = [:]

  init(_ features: FeatureSet) { self.features = features }

  private var reachMax: Int64 {
    features.features.reduce(0) {
      switch $1.aggregate {
      case .statistic(_, let window, _), .distinct(_, let window, _): max($0, window.length + window.lag)
      default: $0
      }
    }
  }

  /// As `Ring.evict` says it.
  private func evicted(_ events: [Payment], newest: Int64) -> Int {
    var start = 0
    while start < events.count, events[start].time <= newest - reachMax - features.allowedLateness {
      let next = start + 1 < events.count ? events[start + 1].time : newest
      if next > newest - features.allowedLateness { break }
      start += 1
    }
    return start
  }

  mutating func observe(_ payment: Payment) -> (values: [Double], isRough: Bool) {
    let card = payment.card
    var events = kept[card] ?? []
    if events.isEmpty || payment.time >= events.last!.time {
      evict(&events, card, newest: payment.time)
      if events.count == features.eventsPerEntityMax { dropped[card, default: []].append(events.removeFirst()) }
      events.append(payment)
      kept[card] = events
      return values(payment, events, dropped[card] ?? [])
    }
    let newest = events.last!.time
    let position = events.firstIndex { $0.time > payment.time }!
    var with = events
    with.insert(payment, at: position)
    let answer = values(payment, with, dropped[card] ?? [])
    guard payment.time >= newest - features.allowedLateness else { return answer }
    if events.count == features.eventsPerEntityMax {
      if position == 0 {
        dropped[card, default: []].append(payment)
        return answer
      }
      dropped[card, default: []].append(with.removeFirst())
    }
    evict(&with, card, newest: newest)
    kept[card] = with
    return answer
  }

  private mutating func evict(_ events: inout [Payment], _ card: Int, newest: Int64) {
    let count = evicted(events, newest: newest)
    guard count > 0 else { return }
    events.removeFirst(count)
    dropped[card] = nil
  }

  private func values(_ payment: Payment, _ kept: [Payment], _ dropped: [Payment]) -> (values: [Double], isRough: Bool) {
    var isRough = false
    let values = features.features.map { feature -> Double in
      switch feature.aggregate {
      case .statistic(let statistic, let window, let filter):
        let exact = kept.filter { $0.time > payment.time - window.lag - window.length && $0.time <= payment.time - window.lag }
        let rough = dropped.filter {
          stretch($0.time, window) > stretch(payment.time - window.lag - window.length, window)
            && stretch($0.time, window) <= stretch(payment.time - window.lag, window)
        }
        if !rough.isEmpty { isRough = true }
        return value(statistic, (exact + rough).filter { passes(filter, $0) }.map(\.amount), payment)
      case .distinct(let field, let window, let filter):
        let left = stretch(payment.time - window.length, window)
        var events = kept.filter { $0.time > payment.time - window.length && $0.time <= payment.time }
        if dropped.contains(where: { stretch($0.time, window) > left }) {
          isRough = true
          events = (kept + dropped).filter { stretch($0.time, window) > left } + [payment]
        }
        return Double(Set(events.filter { passes(filter, $0) }.map { $0.value(field) }).subtracting([0]).count)
      default: return .nan
      }
    }
    return (values, isRough)
  }

  private func stretch(_ time: Int64, _ window: Window) -> Int64 { time / window.resolution! }

  private func passes(_ filter: EventFilter?, _ payment: Payment) -> Bool {
    guard let filter else { return true }
    return filter.conditions.allSatisfy { $0.values.contains(UInt16(payment.value($0.field))) }
  }

  private func value(_ statistic: Aggregate.Statistic, _ amounts: [Int64], _ payment: Payment) -> Double {
    let count = Double(amounts.count)
    let sum = amounts.reduce(0, +)
    switch statistic {
    case .count: return count
    case .sum: return Double(sum)
    case .mean: return amounts.isEmpty ? .nan : Double(sum) / count
    case .min: return amounts.min().map { Double($0) } ?? .nan
    case .max: return amounts.max().map { Double($0) } ?? .nan
    case .stddev, .zscore:
      guard amounts.count >= 2 else { return .nan }
      let squares = amounts.reduce(0.0) {
        let distance = Double(Int64(amounts.count) * $1 - sum)
        return $0 + distance * distance
      }
      let deviation = (squares / (count * count * (count - 1))).squareRoot()
      if statistic == .stddev { return deviation }
      return deviation > 0 ? (Double(payment.amount) - Double(sum) / count) / deviation : .nan
    }
  }
}

@Suite("Windows: hot entities with a resolution")
struct WindowsCoarseTests {
  static func features(_ lines: [String], eventsMax: Int = 64, lateness: String = "20m") throws -> FeatureSet {
    try FeatureSet.parse(
      yaml: "version: 1\nallowed_lateness: \(lateness)\nevents_per_entity_max: \(eventsMax)\nfeatures:\n"
        + lines.map { "  - {\($0)}\n" }.joined(), schema: .standard)
  }

  static let lines = [
    "name: count, aggregate: count, window: 1h, resolution: 1m", "name: count2, aggregate: count, window: 3h, resolution: 5m",
    "name: sum, aggregate: sum, window: 1h, resolution: 1m", "name: mean, aggregate: mean, window: 2h, resolution: 1m",
    "name: min, aggregate: min, window: 1h, resolution: 1m", "name: max, aggregate: max, window: 2h, resolution: 5m",
    "name: stddev, aggregate: stddev, window: 1h, resolution: 1m", "name: zscore, aggregate: zscore, window: 2h, resolution: 1m",
    "name: lagged, aggregate: sum, window: 1h, lag: 30m, resolution: 1m",
    "name: lagged_max, aggregate: max, window: 1h, lag: 30m, resolution: 1m",
    "name: ecom, aggregate: count, window: 2h, where: {channel: [ecommerce, moto]}, resolution: 1m",
    "name: ecom_min, aggregate: min, window: 2h, where: {channel: [ecommerce, moto]}, resolution: 1m",
    "name: merchants, aggregate: distinct, of: merchant, window: 1h, resolution: 1m",
    "name: devices, aggregate: distinct, of: device, window: 3h, resolution: 5m, where: {channel: [ecommerce, moto]}",
  ]

  static func payment(_ now: inout Int64, _ random: inout SplitMix64, cards: Int = 6) -> Payment {
    now += random.below(3_000) == 0 ? 6 * 3_600_000 : Int64(random.below(20_000))
    // Half of them are of one card: hundreds an hour, of which 64 are kept.
    var payment = Payment(card: random.below(2) == 0 ? 0 : random.below(cards))
    payment.time = random.below(8) == 0 ? now - Int64(random.below(1_500_000)) : now
    payment.amount = random.below(400) == 0 ? 900_000_000 : Int64(random.below(1000))
    payment.channel = random.below(7)
    payment.merchant = random.below(60)
    payment.device = random.below(300)
    return payment
  }

  @Test(arguments: [1, 2] as [UInt64]) func valuesAreThoseOfTheDefinition(_ seed: UInt64) throws {
    print("windows: coarse: seed \(seed)")
    let features = try Self.features(Self.lines)
    var driver = TableDriver(features)
    var oracle = CoarseOracle(features)
    var random = SplitMix64(seed: seed)
    var now: Int64 = 1_700_000_000_000
    var (rough, roughOutOfOrder, late) = (0, 0, 0)
    for number in 0..<8_000 {
      let payment = Self.payment(&now, &random)
      let (expected, isRough) = oracle.observe(payment)
      let (values, observation) = driver.observe(payment)
      if isRough { rough += 1 }
      if isRough, observation.contains(.outOfOrder) { roughOutOfOrder += 1 }
      if observation.contains(.late) {
        late += 1
        continue
      }
      guard !observation.contains(.truncated) else { return #expect(Bool(false), "event \(number) is flagged") }
      for (index, feature) in features.features.enumerated() {
        var agrees = WindowsTests.agree(feature, values[index], expected[index])
        if case .distinct = feature.aggregate, isRough {
          agrees = (values[index] - expected[index]).magnitude <= max(3, expected[index] * 0.1)
        }
        if case .statistic(.stddev, _, _) = feature.aggregate { agrees = agrees || (values[index] / expected[index] - 1).magnitude < 1e-9 }
        if case .statistic(.zscore, _, _) = feature.aggregate { agrees = agrees || (values[index] - expected[index]).magnitude < 1e-9 }
        guard agrees else {
          return #expect(Bool(false), "event \(number) \(payment): \(feature.name) is \(values[index]), not \(expected[index])")
        }
      }
    }
    #expect(rough > 2_000 && roughOutOfOrder > 200 && late > 20, "\(rough), \(roughOutOfOrder), \(late)")
  }

  @Test func aHotEntityStaysBoundedAndItsCountsAreExact() throws {
    let features = try Self.features(
      [
        "name: n, aggregate: count, window: 24h, resolution: 1m",
        "name: cards, aggregate: distinct, of: device, window: 24h, resolution: 1m",
      ], eventsMax: 256)
    var driver = TableDriver(features)
    var worst = 0.0
    var memory = 0
    let start: Int64 = 1_700_000_000_000 / 60_000 * 60_000
    // Two a second for an hour, each of a device of its own.
    for number in 0..<7_200 {
      let payment = Payment(card: 1, time: start + Int64(number) * 500, amount: 5, device: number + 1)
      let values = driver.observe(payment).values
      guard values[0] == Double(number + 1) else { return #expect(values[0] == Double(number + 1)) }
      worst = max(worst, (values[1] / Double(number + 1) - 1).magnitude)
      if number == 3_600 { memory = driver.table.memoryBytes }
    }
    #expect(worst < 0.08, "\(worst): three standard errors and a half")
    #expect(driver.table.memoryBytes < memory * 5 / 4 && memory < 300_000, "\(memory), then \(driver.table.memoryBytes)")
    // A day later nothing of it is left.
    let values = driver.observe(Payment(card: 1, time: start + 3 * 86_400_000, amount: 5, device: 1)).values
    #expect(values == [1, 1] && driver.table.memoryBytes < memory / 4)
  }

  @Test func aSmallCountIsExactWhereTheRingHasTheWholeWindow() throws {
    let features = try Self.features(["name: m, aggregate: distinct, of: merchant, window: 1m, resolution: 10s"], lateness: "0s")
    var driver = TableDriver(features)
    for number in 0..<500 {
      let time = 1_700_000_000_000 + Int64(number) * 2_000
      #expect(driver.observe(Payment(card: 1, time: time, amount: 1, merchant: number)).values[0] == Double(min(number, 30)))
    }
  }

  // MARK: As state

  @Test(arguments: [3, 4] as [UInt64]) func summariesAreInDigestSnapshotAndSplit(_ seed: UInt64) throws {
    print("windows: coarse: seed \(seed)")
    let features = try Self.features(Self.lines)
    var random = SplitMix64(seed: seed)
    var now: Int64 = 1_700_000_000_000
    var live = TableDriver(features)
    var twin = TableDriver(features)
    for _ in 0..<3_000 {
      let payment = Self.payment(&now, &random)
      _ = live.observe(payment)
      _ = twin.observe(payment)
    }
    let before = live.table.digest()
    #expect(twin.table.digest() == before)
    // Written down while it goes on.
    let facts = live.table.beginWalk()
    var writer = EntityRecordWriter(facts)
    var records: [UInt8] = []
    var later = (now, random)
    while let images = live.table.walkOn(bytes: 300, entities: 1) {
      writer.write(images, to: &records) { _ in }
      for _ in 0..<50 { _ = live.observe(Self.payment(&later.0, &later.1)) }
    }
    #expect(writer.stateDigest() == before && live.table.digest() != before)
    var restored = TableDriver(features)
    var read = facts
    read.layouts[0].fingerprint ^= seed & 1
    restored.table = try EntityTable(restoring: read, features: [features])
    try records.withUnsafeBytes { try restored.table.restore($0) }
    #expect(restored.table.digest() == before)
    // Split, and put together again.
    let halves = KeyRange.tiles(2)
    var whole = TableDriver(features)
    whole.table = twin.table.part(halves[0])
    whole.table.absorb(twin.table.part(halves[1]))
    #expect(whole.table.digest() == before)
    for _ in 0..<2_000 {
      let payment = Self.payment(&now, &random)
      let expected = twin.observe(payment)
      for values in [restored.observe(payment), whole.observe(payment)] {
        #expect(values.values.map(\.bitPattern) == expected.values.map(\.bitPattern) && values.observation == expected.observation)
      }
    }
    #expect(restored.table.digest() == twin.table.digest() && whole.table.digest() == twin.table.digest())
    // Each byte of it counts: a summary cut short is refused.
    #expect(throws: WireError.self) {
      var short = try EntityTable(restoring: facts, features: [features])
      try records.dropLast(3).withUnsafeBytes { try short.restore($0) }
    }
  }

  @Test func otherFeaturesKeepWhatTheyShareAndSayWhatTheyLack() throws {
    let first = try Self.features(Self.lines)
    let second = try Self.features(Array(Self.lines.prefix(3)) + ["name: n, aggregate: count, window: 2h, resolution: 10m"], eventsMax: 32)
    var random = SplitMix64(seed: 7)
    var now: Int64 = 1_700_000_000_000
    var live = TableDriver(first)
    for _ in 0..<3_000 { _ = live.observe(Self.payment(&now, &random)) }
    var expected = live.observe(Payment(card: 0, time: now, amount: 7))
    live.table.rebuild(features: second)
    let unmoved = live.table.digest()
    live.table.migrateAll()
    #expect(live.table.digest() == unmoved, "whether an entity has been laid out anew or not")
    var again = live.observe(Payment(card: 0, time: now, amount: 7))
    #expect(again.values[0] == expected.values[0] + 1 && again.values[1] == expected.values[1] + 1)
    #expect(again.observation.contains(.truncated), "nothing is known by stretches of ten minutes")
    for _ in 0..<3_000 { _ = live.observe(Self.payment(&now, &random, cards: 2)) }
    expected = again
    again = live.observe(Payment(card: 0, time: now, amount: 7))
    #expect(!again.observation.contains(.truncated))
  }

  @Test func mistakesAreNamed() {
    func message(_ line: String) -> String? {
      do throws(DefinitionError) {
        _ = try FeatureSet.parse(yaml: "version: 1\nfeatures:\n  - {\(line)}\n", schema: .standard)
        return nil
      } catch {
        return error.message
      }
    }
    #expect(message("name: a, aggregate: count, window: 90d, resolution: 1m")?.contains("129660 stretches of 1m; at most 4096") == true)
    #expect(message("name: a, aggregate: distinct, of: ip, window: 1h, lag: 1h, resolution: 1m")?.contains("lag has no resolution") == true)
    #expect(message("name: a, aggregate: is_new, of: ip, window: 1h, resolution: 1m")?.contains("takes no 'resolution'") == true)
    #expect(message("name: a, aggregate: count, window: 1d, resolution: 1m") == nil)
  }
}
