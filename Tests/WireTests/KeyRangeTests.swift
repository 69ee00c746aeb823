import Testing

@testable import Wire

@Suite struct KeyRangeTests {
  @Test func `tiles cover the key space without gap or overlap, as wide as each other but for one`() {
    for count in Array(1...130) + [255, 256, 257, 999, 1_000, 4_096, 65_535, 65_536] {
      let tiles = KeyRange.tiles(count)
      #expect(tiles.count == count)
      #expect(tiles[0].first == KeyHash(0) && tiles[count - 1].last == KeyHash(.max), "\(count)")
      var widths: Set<UInt64> = []
      for (index, tile) in tiles.enumerated() {
        if index > 0, tile.first.rawValue != tiles[index - 1].last.rawValue &+ 1 {
          Issue.record("\(count) tiles: a gap or an overlap before \(tile)")
        }
        widths.insert(tile.last.rawValue - tile.first.rawValue)
      }
      #expect(widths.max()! - widths.min()! <= 1, "\(count)")
    }
  }

  @Test func `a range holds its ends and nothing beside them`() {
    let range = KeyRange(first: KeyHash(10), last: KeyHash(20))
    #expect([10, 15, 20].allSatisfy { range.contains(KeyHash($0)) })
    #expect(![0, 9, 21, .max].contains { range.contains(KeyHash($0)) })
    #expect(range.description == "[000000000000000a, 0000000000000014]")
  }

  @Test func `a random id reads its own 32 digits and nothing else`() {
    let id = StorageID(high: 0x0a, low: .max)
    #expect(id.description == "000000000000000affffffffffffffff")
    #expect(StorageID(id.description) == id)
    for bad in ["", "0a", id.description + "0", String(repeating: "g", count: 32)] { #expect(StorageID(bad) == nil) }
  }

  @Test func `an epoch after a restore is above every epoch before it`() {
    #expect(Epoch(restore: 1, number: 0) > Epoch(restore: 0, number: .max))
    #expect(Epoch(restore: 2, number: 7).description == "e2.7" && Epoch(7).description == "e7")
  }
}
