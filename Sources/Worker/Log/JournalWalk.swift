import Wire

/// Reads the blocks of one segment in order. Pure: bytes in, records out; what an end means is judged by recovery,
/// which sees all segments.
public struct JournalWalk {
  /// Sequence that the next block must have.
  public private(set) var expected: JournalSequence
  /// Highest sequence that anything read so far testifies to have been on disk.
  public private(set) var durable: JournalSequence
  public let storage: StorageID

  public init(storage: StorageID, expected: JournalSequence, durable: JournalSequence) {
    self.storage = storage
    self.expected = expected
    self.durable = durable
  }

  /// Takes a segment header's testimony.
  public mutating func learn(_ mark: JournalSequence) { durable = max(durable, mark) }

  /// Walks `segment` (a whole file) from `offset`, handing each proven block and its records to `visit`.
  /// Returns where it stopped and why: the first place that does not hold the next good block.
  public mutating func walk<E: Error>(
    _ segment: UnsafeRawBufferPointer, from offset: Int,
    visit: (JournalBlock, _ at: Int, _ records: UnsafeRawBufferPointer) throws(E) -> Void
  ) throws(E) -> (offset: Int, reason: JournalBlockError) {
    var at = offset
    while true {
      let rest = UnsafeRawBufferPointer(rebasing: segment[min(at, segment.count)...])
      let block: JournalBlock
      let records: UnsafeRawBufferPointer
      do throws(JournalBlockError) {
        block = try JournalBlock(readingHeader: rest, storage: storage)
        guard block.sequence == expected, block.durable < block.sequence else {
          throw .outOfSequence(block.sequence, expected: expected)
        }
        durable = max(durable, block.durable)
        records = try block.provenRecords(in: rest)
      } catch {
        return (at, error)
      }
      try visit(block, at, records)
      expected = expected.next
      at += block.span
    }
  }

  /// What the block headers at or behind `offset` testify, whether or not their records are whole: a torn block was
  /// written after what its mark covers. `durable` is the highest mark, `highest` the highest sequence.
  public static func testimony(
    in segment: UnsafeRawBufferPointer, from offset: Int, storage: StorageID
  ) -> (durable: JournalSequence, highest: JournalSequence) {
    var durable = JournalSequence.none
    var highest = JournalSequence.none
    var at = JournalBlock.aligned(offset)
    while at + JournalBlock.headerSize <= segment.count {
      let rest = UnsafeRawBufferPointer(rebasing: segment[at...])
      if let block = try? JournalBlock(readingHeader: rest, storage: storage), block.durable < block.sequence {
        durable = max(durable, block.durable)
        highest = max(highest, block.sequence)
      }
      at += JournalBlock.alignment
    }
    return (durable, highest)
  }

  /// Splits a proven block's records. `offset` counts from the first record.
  public static func forEachRecord<E: Error>(
    _ records: UnsafeRawBufferPointer, _ body: (LogRecord, UnsafeRawBufferPointer, _ offset: Int) throws(E) -> Void
  ) throws(E) -> LogRecordError? {
    var at = 0
    while at < records.count {
      let record: LogRecord
      do throws(LogRecordError) {
        record = try LogRecord(reading: UnsafeRawBufferPointer(rebasing: records[at...]))
      } catch {
        return error
      }
      try body(record, UnsafeRawBufferPointer(rebasing: records[at..<at + record.length]), at)
      at += record.length
    }
    return nil
  }
}
