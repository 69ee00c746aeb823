import Models
import Testing
import Wire

@testable import Worker

@Suite struct IntakeBatchTests {
  static func table(_ ends: [UInt64]) -> RoutingTable {
    var first: UInt64 = 0
    let records = ends.enumerated().map { index, last in
      defer { first = last &+ 1 }
      return PartitionRecord(
        id: PartitionID(UInt32(index)), range: KeyRange(first: KeyHash(first), last: KeyHash(last)), epoch: Epoch(1),
        version: RecordVersion(1), primary: nil, isr: [], replicas: [NodeID(1)])
    }
    return RoutingTable(
      ClusterMap(
        cluster: ClusterID(high: 1, low: 1), version: MapVersion(1), settings: ClusterSettings(replicas: 1, minInSync: 1), nodes: [],
        partitions: records))
  }

  @Test func `a key's owner is the one that a plain search finds, however uneven the ranges are`() {
    var random = SeededRandom(seed: 3)
    for count in [1, 2, 3, 7, 16, 64, 200] {
      for isEven in [true, false] {
        let ends =
          isEven
          ? KeyRange.tiles(count).map(\.last.rawValue)
          : Set((0..<count - 1).map { _ in random.next() >> UInt64(random.below(40)) }).sorted() + [.max]
        let table = Self.table(ends)
        let keys = (0..<500).map { _ in random.next() >> UInt64(random.below(50)) } + ends + ends.map { $0 &+ 1 } + [0, .max]
        for key in keys {
          let owner = ends.firstIndex { key <= $0 }
          guard table.index(of: KeyHash(key)) == owner else {
            Issue.record("\(KeyHash(key)) of \(ends.count) ranges: \(table.index(of: KeyHash(key))), not \(String(describing: owner))")
            return
          }
        }
      }
    }
  }

  @Test func `rows are grouped by partition in the order of arrival, and rejected ones keep their place`() throws {
    let table = Self.table(KeyRange.tiles(5).map(\.last.rawValue))
    var intake = IntakeBatch()
    for size in [40, 1, 17] {
      let rows = (0..<size).map { ShardRig.transaction("t\($0)", card: "card-\($0 % 11)", amount: $0 % 6 == 5 ? -1 : 100) }
      let submit = Submit(firstSent: 0, deadlineMilliseconds: 0, flags: [], rowCount: size)
      var out = WireWriter()
      submit.write(rows: RawSpan(), to: &out)
      let payload = out.bytes + rows.flatMap { $0 }
      try intake.prepare(submit, payload.span.bytes, schema: .standard, table: table, now: ShardRig.start)
      #expect(intake.rejected.map(\.row) == (0..<size).filter { $0 % 6 == 5 })
      #expect(intake.rejected.allSatisfy { $0.1.reason == .negativeAmount })
      let expected = (0..<size).filter { $0 % 6 != 5 }.map { row in
        (table.index(of: KeyHash(of: Array("card-\(row % 11)".utf8).span.bytes, kind: .card)), row)
      }.sorted { $0 < $1 }
      #expect(intake.rows.map(\.index) == expected.map(\.1))
      #expect(intake.rows.map { Int($0.partition.rawValue) } == expected.map(\.0))
      for row in intake.rows { #expect(Array(payload[row.range]) == rows[row.index]) }
    }
  }
}
