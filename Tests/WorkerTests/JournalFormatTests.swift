import Testing
import Wire

@testable import Worker

/// The bytes of blocks and segments, and what is refused.
@Suite struct JournalFormatTests {
  private static let storage = JournalFixture.storage

  private static func block(_ records: [UInt8], sequence: UInt64 = 5, durable: UInt64 = 4) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: JournalBlock.headerSize) + records
    let header = JournalBlock(
      length: bytes.count, sequence: JournalSequence(sequence), storage: storage, durable: JournalSequence(durable),
      recordsChecksum: records.withUnsafeBytes { crc32c($0) })
    bytes.withUnsafeMutableBytes { header.write(to: $0) }
    return bytes
  }

  private static var segmentHeader: [UInt8] {
    let header = JournalSegmentHeader(
      number: 7, cluster: JournalFixture.cluster, storage: storage, first: JournalSequence(5),
      durable: JournalSequence(4),
      segmentBytes: 65_536)
    var bytes = [UInt8](repeating: 0, count: JournalSegmentHeader.size)
    bytes.withUnsafeMutableBytes { header.write(to: $0) }
    return bytes
  }

  @Test func theBytesOnDiskNeverChange() throws {
    try expectGolden("journal-segment-header-1", Self.segmentHeader)
    try expectGolden("journal-block-1", Self.block(JournalFixture.golden))
    try expectGolden("journal-mark-1", Self.block([]))
    var identity = DirectoryIdentity(
      cluster: JournalFixture.cluster, node: NodeID(7), storage: Self.storage, incarnation: Incarnation(12),
      state: .open)
    try expectGolden("directory-identity-1", identity.bytes)
    identity.node = nil
    identity.state = .distrusted("fdatasync failed")
    try expectGolden("directory-identity-distrusted-1", identity.bytes)
    var facts = RoleFacts()
    facts.facts = [PartitionID(3): [1, 2, 3], PartitionID(70_000): []]
    try expectGolden("role-facts-1", facts.bytes)
    var cursors = OutboxCursors()
    cursors.files = [OutboxCursors.File(name: "decisions-3-00000012-0000000042.ndjson", bytes: 183_002)]
    cursors.ends = [PartitionID(7): Offset(120_034), PartitionID(8): Offset(0)]
    try expectGolden("outbox-cursors-1", cursors.bytes)
  }

  @Test func aBlockIsRefusedWithAnyBitChangedOrByteMissing() throws {
    let good = Self.block(JournalFixture.record(9, payload: 20))
    func proves(_ bytes: [UInt8]) -> Bool {
      bytes.withUnsafeBytes { bytes in
        guard let block = try? JournalBlock(readingHeader: bytes, storage: Self.storage) else { return false }
        return (try? block.provenRecords(in: bytes)) != nil
      }
    }
    #expect(proves(good))
    for index in good.indices {
      for bit in 0..<8 {
        var bad = good
        bad[index] ^= 1 << bit
        #expect(!proves(bad), "bit \(bit) of byte \(index)")
      }
      #expect(!proves(Array(good[..<index])))
    }
  }

  @Test func aSegmentHeaderIsRefusedWithAnyBitChangedOrByteMissing() {
    let good = Self.segmentHeader
    for index in good.indices {
      var bad = good
      bad[index] ^= 0x20
      #expect(throws: JournalSegmentError.self) { try bad.withUnsafeBytes { try JournalSegmentHeader(reading: $0) } }
      #expect(throws: JournalSegmentError.self) {
        try good[..<index].withUnsafeBytes { try JournalSegmentHeader(reading: $0) }
      }
    }
    let zeros = [UInt8](repeating: 0, count: 80)
    #expect(throws: JournalSegmentError.notBegun) {
      try zeros.withUnsafeBytes { try JournalSegmentHeader(reading: $0) }
    }
  }

  @Test func anotherStoragesBlockIsNoBlock() {
    let bytes = Self.block([])
    #expect(throws: JournalBlockError.foreignStorage(Self.storage)) {
      try bytes.withUnsafeBytes { try JournalBlock(readingHeader: $0, storage: StorageID(high: 1, low: 1)) }
    }
  }

  @Test func theInspectorReadsAroundDamage() throws {
    var segment =
      Self.segmentHeader + [UInt8](repeating: 0, count: JournalSegmentHeader.span - JournalSegmentHeader.size)
    for sequence in 5...8 as ClosedRange<UInt64> {
      let block = Self.block(
        JournalFixture.record(sequence, payload: 5000) + JournalFixture.record(sequence + 100), sequence: sequence,
        durable: sequence - 1)
      segment += block + [UInt8](repeating: 0, count: JournalBlock.aligned(block.count) - block.count)
    }
    segment += [UInt8](repeating: 0, count: 65_536 - segment.count)
    func inspect(_ bytes: [UInt8]) -> (JournalInspector.Summary, String) {
      var text = ""
      let summary = bytes.withUnsafeBytes { JournalInspector().inspect($0) { text += $0 + "\n" } }
      return (summary, text)
    }
    #expect(inspect(segment).0 == JournalInspector.Summary(blocks: 4, records: 8, damaged: 0))

    var damaged = segment
    damaged[4096 + 20] ^= 1  // the first block's header
    damaged[4096 + 8192 + 60] ^= 1  // the second block's first record
    let (summary, text) = inspect(damaged)
    #expect(summary == JournalInspector.Summary(blocks: 3, records: 4, damaged: 2))
    #expect(text.contains("4096  DAMAGED: no block can be read in 8192 bytes") && text.contains("12288  block #6"))

    // Without the segment's header, and cut anywhere, it still tells what is left.
    let headless = [UInt8](repeating: 0, count: 4096) + damaged[4096...]
    #expect(inspect(headless).0 == summary)
    for end in stride(from: 0, to: segment.count, by: 997) { #expect(inspect(Array(segment[..<end])).0.blocks <= 4) }
  }
}
