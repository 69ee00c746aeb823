import Glibc
import Testing
import Wire

@testable import Worker

/// What a follower that has fallen behind is fed from the journal.
@Suite struct PartitionReaderTests {
  private static let partition = PartitionID(3)

  private static func record(
    _ kind: LogRecord.Kind, at offset: UInt64, epoch: UInt64, of partition: PartitionID = partition, payload: Int = 100
  ) -> [UInt8] {
    let header = LogRecord(
      partition: partition, kind: kind, count: 1, epoch: Epoch(epoch), baseOffset: Offset(offset), loggedTime: 0, commitOffset: .zero,
      length: LogRecord.headerSize + payload)
    var bytes = [UInt8](repeating: UInt8(epoch), count: header.length)
    bytes.withUnsafeMutableBytes { header.seal($0) }
    return bytes
  }

  private static func read(_ journal: Journal, _ range: Range<UInt64>, of log: EpochTable, maxBytes: Int = 1 << 20) throws -> (
    records: [UInt8], end: Offset
  )? {
    var reader = PartitionReader(journal: journal, partition: partition, at: journal.beginning)
    return try reader.read(Offset(range.lowerBound)..<Offset(range.upperBound), of: log, maxBytes: maxBytes)
  }

  @Test func `it reads hardly further than what is wanted`() throws {
    let directory = TemporaryDirectory()
    let journal = try JournalFixture.open(directory.path)
    defer { journal.close() }
    journal.start(JournalProbe().callbacks)
    var ticket = JournalTicket.none
    var log = EpochTable()
    for offset in 0..<2_000 as Range<UInt64> {
      ticket = journal.append(Self.record(.decided, at: offset, epoch: 1) + Self.record(.decided, at: offset, epoch: 1, of: PartitionID(4)))
      log.append(epoch: Epoch(1), base: Offset(offset), count: 1)
    }
    journal.waitUntilDurable(ticket)
    #expect(journal.lastSegment > 3)
    // Whoever looks there can't go on.
    #expect(unlink(JournalSegments.path(journal.directory, 3)) == 0)
    let wanted = try Self.read(journal, 5..<8, of: log, maxBytes: 1_000)
    #expect(wanted?.end == Offset(8) && wanted?.records == (5..<8).flatMap { Self.record(.decided, at: $0, epoch: 1) })
    let piece = try Self.read(journal, 5..<2_000, of: log, maxBytes: 1_000)
    let size = Self.record(.decided, at: 0, epoch: 1).count
    #expect(piece?.records.count == 1_000 / size * size, "as many as fit")
    #expect(throws: JournalError.self) { try Self.read(journal, 5..<2_000, of: log) }
  }

  @Test func `R8: what a truncation has voided is left out, also where that stands further on, and also another copy's`() throws {
    let directory = TemporaryDirectory()
    let journal = try JournalFixture.open(directory.path)
    defer { journal.close() }
    journal.start(JournalProbe().callbacks)
    var log = EpochTable()
    var written: [UInt8] = []
    for offset in 0..<6 as Range<UInt64> { written += Self.record(.decided, at: offset, epoch: 1) }
    written += Self.record(.truncated, at: 3, epoch: 2, payload: 0)
    for offset in 3..<6 as Range<UInt64> { written += Self.record(.decided, at: offset, epoch: 2) }
    written += Self.record(.dropped, at: 0, epoch: 2, payload: 0)
    for offset in 0..<8 as Range<UInt64> {
      log.append(epoch: Epoch(offset < 3 ? 1 : offset < 5 ? 2 : 3), base: Offset(offset), count: 1)
      written += Self.record(.decided, at: offset, epoch: log.lastEpoch.rawValue)
    }
    journal.waitUntilDurable(journal.append(written))
    let found = try Self.read(journal, 1..<8, of: log)
    let epochs = try ShardRig.split(try #require(found).records).map(\.0.epoch)
    #expect(epochs == [1, 1, 2, 2, 3, 3, 3].map { Epoch($0) })
    log.append(epoch: Epoch(3), base: Offset(8), count: 1)
    let missing = try Self.read(journal, 8..<9, of: log)
    #expect(missing?.end == nil)
  }
}
