import Testing
import Wire

@testable import Models

/// Snapshots of a table: what a walk copies is the table as it was when the walk began, whatever happens meanwhile.
@Suite("Windows: walks and what is restored from them")
struct EntityWalkTests {
  private static let start = WindowsStateTests.start

  private static func payment(_ number: Int, _ random: inout SplitMix64) -> Payment {
    let delay = random.below(6) == 0 ? Int64(random.below(1_000_000)) : 0
    return Payment(
      card: random.below(40), time: start + Int64(number) * 8000 - delay,
      amount: random.below(50) == 0 ? 1 << 40 : Int64(random.below(1000)),
      country: random.below(8), channel: random.below(7), merchant: random.below(12))
  }

  struct Written {
    var facts: EntityFacts
    var records: [UInt8] = []
    var digest = StateDigest(high: 0, low: 0)

    /// As it comes back from a disk.
    func restored(_ features: [Int: FeatureSet], relaidOut: Bool = false) throws -> EntityTable {
      var out = WireWriter()
      facts.write(to: &out)
      let bytes = out.bytes
      var reader = WireReader(bytes.span.bytes)
      var read = try EntityFacts(from: &reader)
      try reader.finish()
      if relaidOut { for index in read.layouts.indices { read.layouts[index].fingerprint ^= 1 } }
      var table = try EntityTable(restoring: read, features: read.layouts.map { features[$0.slot]! })
      try records.withUnsafeBytes { try table.restore($0) }
      return table
    }
  }

  /// Walks in small pieces with `between` after each.
  static func walk(_ driver: inout TableDriver, bytes: Int, between: (inout TableDriver) -> Void) -> Written {
    var written = Written(facts: driver.table.beginWalk())
    var writer = EntityRecordWriter(written.facts)
    while let images = driver.table.walkOn(bytes: bytes, entities: 3) {
      writer.write(images, to: &written.records) { _ in }
      between(&driver)
    }
    #expect(writer.count == written.facts.count && !driver.table.isWalking)
    written.digest = writer.stateDigest()
    return written
  }

  @Test(arguments: [31, 32, 33, 34] as [UInt64]) func whatIsRestoredDecidesAsTheTableThatWentOn(seed: UInt64) throws {
    print("windows: walk: seed \(seed)")
    let features = try WindowsRebuildTests.features(WindowsRebuildTests.wide)
    var random = SplitMix64(seed: seed)
    var live = TableDriver(features)
    var twin = TableDriver(features)
    for number in 0..<2000 {
      let payment = Self.payment(number, &random)
      _ = live.observe(payment)
      _ = twin.observe(payment)
    }
    let before = live.table.digest()
    var later = 2000
    let written = Self.walk(&live, bytes: 1 + random.below(3000)) { driver in
      for _ in 0..<20 {
        _ = driver.observe(Self.payment(later, &random))
        later += 1
      }
    }
    #expect(live.table.digest() != before && written.digest == before)
    for relaidOut in [false, true] {
      var restored = TableDriver(features)
      restored.table = try written.restored([0: features], relaidOut: relaidOut)
      #expect(restored.table.digest() == before && restored.table.count == twin.table.count)
      var reference = TableDriver(features)
      reference.table = try written.restored([0: features])
      var again = SplitMix64(seed: seed &+ 1)
      for number in 2000..<4000 {
        let payment = Self.payment(number, &again)
        let (values, observation) = restored.observe(payment)
        let (expected, expectedObservation) = relaidOut ? reference.observe(payment) : twin.observe(payment)
        #expect(values.map(\.bitPattern) == expected.map(\.bitPattern) && observation == expectedObservation)
      }
      #expect(restored.table.digest() == (relaidOut ? reference.table.digest() : twin.table.digest()))
    }
  }

  /// R14: whoever restores has exactly what whoever went on has, also of what an older feature set kept.
  @Test func entitiesOfOlderFeatureSetsKeepTheirEventsAndColumns() throws {
    print("windows: walk: seed 35")
    let wide = try WindowsRebuildTests.features(WindowsRebuildTests.wide)
    let narrow = try WindowsRebuildTests.features(["name: n, aggregate: count, window: 1m"])
    var random = SplitMix64(seed: 35)
    var live = TableDriver(wide)
    for number in 0..<1000 { _ = live.observe(Self.payment(number, &random)) }
    live.table.rebuild(features: narrow)
    for number in 1000..<1010 { _ = live.observe(Self.payment(number, &random)) }
    let written = Self.walk(&live, bytes: 500) { _ in }
    #expect(written.facts.layouts.count == 2)
    var restored = TableDriver(wide)
    restored.table = try written.restored([0: wide, 1: narrow])
    #expect(restored.table.digest() == live.table.digest())
    live.table.rebuild(features: wide)
    restored.table.rebuild(features: wide)
    for number in 1010..<2000 {
      let payment = Self.payment(number, &random)
      #expect(live.observe(payment).values.map(\.bitPattern) == restored.observe(payment).values.map(\.bitPattern))
    }
    #expect(restored.table.digest() == live.table.digest())
  }

  @Test func aSwitchOfFeaturesDuringAWalkChangesNothingOfIt() throws {
    print("windows: walk: seed 36")
    let wide = try WindowsRebuildTests.features(WindowsRebuildTests.wide)
    let narrow = try WindowsRebuildTests.features(WindowsRebuildTests.narrow)
    var random = SplitMix64(seed: 36)
    var live = TableDriver(wide)
    for number in 0..<1000 { _ = live.observe(Self.payment(number, &random)) }
    let before = live.table.digest()
    var rounds = 0
    let written = Self.walk(&live, bytes: 200) { driver in
      driver.table.rebuild(features: rounds % 2 == 0 ? narrow : wide)
      _ = driver.observe(Self.payment(1000 + rounds, &random))
      rounds += 1
    }
    #expect(rounds > 10 && written.digest == before)
    let restored = try written.restored([0: wide])
    #expect(restored.digest() == before)
  }

  @Test func aWalkThatIsGivenUpLeavesNothingBehind() throws {
    var driver = TableDriver(try WindowsRebuildTests.features(WindowsRebuildTests.wide))
    for card in 0..<100 { _ = driver.observe(Payment(card: card, time: Self.start, amount: 1)) }
    _ = driver.table.beginWalk()
    _ = driver.table.walkOn(bytes: 100)
    driver.table.endWalk()
    #expect(driver.table.walkOn(bytes: 100) == nil)
    let written = Self.walk(&driver, bytes: 1000) { _ in }
    #expect(written.digest == driver.table.digest())
  }

  @Test func recordsAreRefusedAtEveryShorterLength() throws {
    let features = try WindowsRebuildTests.features(WindowsRebuildTests.wide)
    var driver = TableDriver(features)
    _ = driver.observe(Payment(card: 1, time: Self.start, amount: 5, country: 1, merchant: 2))
    let written = Self.walk(&driver, bytes: 1000) { _ in }
    for length in 1..<written.records.count {
      var short = written
      short.records = Array(written.records[..<length])
      #expect(throws: WireError.self) { _ = try short.restored([0: features]) }
    }
    for index in [0, 1, 2, 3, 4, 6] {
      var bad = written
      bad.records[index] = 0xFF
      #expect(throws: WireError.self) { _ = try bad.restored([0: features]) }
    }
  }
}
