import Testing
import Wire

@testable import Models

@Suite("Load for benchmarks") struct GeneratorLoadSourceTests {
  @Test func recordsAreWholeAndIdsAreUnique() {
    var source = LoadSource(seed: 1, prefix: 0xABCD_0001, cards: 1_000)
    var out: [UInt8] = [9]
    source.append(3_000, at: 1_800_000_000_000, to: &out)
    source.append(2_000, at: 1_800_000_000_500, to: &out)
    #expect(out.count == 1 + 5_000 * source.recordLength)
    var ids: Set<String> = []
    var cards: [String: Int] = [:]
    for i in 0..<5_000 {
      let start = 1 + i * source.recordLength
      let view = TransactionView(trusted: out.span.bytes.extracting(start..<start + source.recordLength))
      #expect(view.length == source.recordLength)
      #expect(view.extras.byteCount == 0 && view.ip.byteCount == 4)
      #expect(view.id.testText.hasPrefix("abcd0001"))
      #expect(view.amount >= 50 && view.currency == .euro && view.mcc != nil && view.country != .none)
      let latest: Int64 = i < 3_000 ? 1_800_000_000_000 : 1_800_000_000_500
      #expect((latest - 2_000...latest).contains(view.eventTime))
      ids.insert(view.id.testText)
      cards[view.card.testText, default: 0] += 1
    }
    #expect(ids.count == 5_000)
    // Zipf over 1000 cards: the busiest has 1 / H(1000) = 13.4 % of all.
    #expect((500...850).contains(cards.values.max()!))
    #expect(cards.count > 300)
  }

  @Test func sourcesOfOnePrefixAgreeAndOthersDiffer() {
    func bytes(_ seed: UInt64, _ prefix: UInt32) -> [UInt8] {
      var source = LoadSource(seed: seed, prefix: prefix, cards: 100)
      var out: [UInt8] = []
      source.append(100, at: 1_800_000_000_000, to: &out)
      return out
    }
    #expect(bytes(1, 2) == bytes(1, 2))
    #expect(bytes(1, 2) != bytes(1, 3))
    #expect(bytes(1, 2) != bytes(2, 2))
  }

  @Test func aliasTableKeepsItsWeights() {
    let table = AliasTable(weights: [1, 0, 2, 5])
    var random = SyntheticRandom(seed: 3)
    var counts = [0, 0, 0, 0]
    for _ in 0..<80_000 { counts[table.draw(random.next())] += 1 }
    #expect(counts[1] == 0)
    for (count, expected) in zip(counts, [10_000, 0, 20_000, 50_000]) { #expect((count - expected).magnitude < 800) }
  }

  @Test func hexadecimalIsTheUsualOne() {
    var random = SyntheticRandom(seed: 4)
    for value in [0, 1, .max, 0x0123_4567_89AB_CDEF] + (0..<100).map({ _ in random.next() }) {
      var out: [UInt8] = []
      out.appendText(bound: 16) { $0.put(hexadecimal: value) }
      #expect(String(decoding: out, as: UTF8.self) == hexadecimal(value))
    }
  }
}
