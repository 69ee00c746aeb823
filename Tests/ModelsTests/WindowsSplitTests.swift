import Testing
import Wire

@testable import Models

@Suite("Windows: a split or merged table goes on as one that was whole all along")
struct WindowsSplitTests {
  /// Runs one stream through a whole table and through one that is split and merged on the way.
  @Test(arguments: [WindowsTests.windows, WindowsTests.lagsAndFilters]) func featuresAreThoseOfAnUnsplitTable(_ yaml: String) throws {
    let features = try FeatureSet.parse(yaml: yaml, schema: .standard)
    for seed in 1...4 as ClosedRange<UInt64> {
      var random = SplitMix64(seed: seed)
      var stream = PaymentStream(seed: seed)
      var whole = EntityTable(features: features)
      var left = EntityTable(features: features)
      var right = Split(table: EntityTable(features: features))
      var at = KeyHash(0)
      for step in 0..<8_000 {
        let (bytes, key) = stream.next()
        switch step % 4_000 {
        case 1_500:
          at = KeyHash(random.next() >> 2 | 1 << 61)
          let parent = left
          left = parent.part(KeyRange(first: KeyHash(0), last: KeyHash(at.rawValue - 1)))
          right = Split(table: parent.part(KeyRange(first: at, last: KeyHash(.max))), isSplit: true)
          let count = left.count + right.table.count
          #expect(count == whole.count)
          #expect(parent.digest() == whole.digest(), "what it came from is as it was")
        case 3_000:
          left.absorb(right.take())
          #expect(left.digest() == whole.digest(), "seed \(seed): merged again")
        default: break
        }
        let expected = Self.observe(bytes, key, &whole)
        let found = right.isSplit && key >= at ? Self.observe(bytes, key, &right.table) : Self.observe(bytes, key, &left)
        guard expected.1 == found.1, expected.0.elementsEqual(found.0, by: { $0.bitPattern == $1.bitPattern }) else {
          Issue.record("seed \(seed), step \(step): \(found) and not \(expected)")
          return
        }
      }
    }
  }

  @Test func mergingTablesOfOtherFeaturesGivesThoseOfTheFirst() throws {
    let short = try FeatureSet.parse(
      yaml: "version: 1\nallowed_lateness: 1h\nfeatures:\n  - {name: n, aggregate: count, window: 1h}\n", schema: .standard)
    let long = try FeatureSet.parse(yaml: WindowsTests.windows, schema: .standard)
    var stream = PaymentStream(seed: 9)
    let middle = KeyHash(1 << 63)
    var whole = EntityTable(features: long)
    var low = EntityTable(features: short)
    var high = EntityTable(features: long)
    for step in 0..<6_000 {
      if step == 3_000 {
        // As a bundle switch would have done it to the whole.
        low.absorb(high)
        high = EntityTable(features: short)
        whole.rebuild(features: short)
      }
      let (bytes, key) = stream.next()
      let expected = Self.observe(bytes, key, &whole)
      let found = step < 3_000 && key >= middle ? Self.observe(bytes, key, &high) : Self.observe(bytes, key, &low)
      guard step >= 3_000 else { continue }
      #expect(expected.0 == found.0, "step \(step)")
    }
    #expect(low.count == whole.count)
  }

  static func observe(_ bytes: [UInt8], _ key: KeyHash, _ table: inout EntityTable) -> ([Double], Observation) {
    var out = [Double](repeating: 0, count: table.features.count)
    let seen = out.withUnsafeMutableBufferPointer { table.observe(TransactionView(trusted: bytes.span.bytes), keyHash: key, into: $0) }
    return (out, seen)
  }
}

private struct Split: ~Copyable {
  var table: EntityTable
  var isSplit = false

  mutating func take() -> EntityTable {
    var taken = EntityTable(features: table.features)
    swap(&taken, &table)
    isSplit = false
    return taken
  }
}

/// Payments of 200 cards, some out of order.
private struct PaymentStream {
  private var random: SplitMix64
  private var now = WindowsStateTests.start
  private var builder = TransactionBuilder()
  private var bytes: [UInt8] = []

  init(seed: UInt64) { random = SplitMix64(seed: seed &* 77) }

  mutating func next() -> ([UInt8], KeyHash) {
    now += Int64(random.below(20_000))
    let delay = random.below(10) == 0 ? Int64(random.below(5_400_000)) : 0
    let payment = Payment(
      card: random.below(200), time: now - delay, amount: Int64(random.below(random.below(50) == 0 ? 1 << 40 : 100_000)),
      country: random.below(6), mcc: random.below(900), channel: random.below(4), merchant: random.below(30), terminal: random.below(9),
      device: random.below(50))
    payment.record(into: &bytes, builder: &builder)
    return (bytes, TransactionView(trusted: bytes.span.bytes).keyHash)
  }
}
