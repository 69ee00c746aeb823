import Wire

/// Prints a segment file as far as it can be read, damaged or not: for `assay inspect log`. Needs no other file, and
/// believes no storage id but the file's own.
///
/// One line for the segment, one for each block, one for each record; a place that can't be read is named, with the
/// reason, and reading goes on at the next page where a block begins.
public struct JournalInspector {
  public struct Summary: Equatable, Sendable {
    public var blocks = 0
    public var records = 0
    /// Places that should hold something and can't be read.
    public var damaged = 0
  }

  /// Print records too, not only blocks.
  public var showsRecords: Bool

  public init(showsRecords: Bool = true) { self.showsRecords = showsRecords }

  @discardableResult
  public func inspect(_ segment: UnsafeRawBufferPointer, _ print: (String) -> Void) -> Summary {
    var summary = Summary()
    var storage: StorageID?
    do throws(JournalSegmentError) {
      let header = try JournalSegmentHeader(reading: segment)
      storage = header.storage
      print(
        "segment \(header.number)  cluster \(header.cluster)  storage \(header.storage)  first \(header.first)  "
          + "durable \(header.durable)  \(header.segmentBytes) bytes")
      if segment.count != header.segmentBytes { print("  the file has \(segment.count) bytes") }
    } catch {
      print("segment header: \(error)")
      if error != .notBegun { summary.damaged += 1 }
    }

    var at = JournalSegmentHeader.span
    var expected: JournalSequence?
    while at < segment.count {
      let rest = UnsafeRawBufferPointer(rebasing: segment[at...])
      guard let block = Self.header(rest, storage) else {
        let end = Self.nextBlock(segment, after: at, storage) ?? segment.count
        at = report(segment, at..<end, print, &summary)
        continue
      }
      storage = storage ?? block.storage
      summary.blocks += 1
      print("\(at)  block \(block.sequence)  \(block.length) bytes  durable \(block.durable)")
      if let expected, block.sequence != expected { print("  OUT OF SEQUENCE: \(expected) belongs here") }
      expected = block.sequence.next
      at = records(of: block, at, segment, storage, print, &summary)
    }
    print("\(summary.blocks) blocks, \(summary.records) records, \(summary.damaged) damaged places")
    return summary
  }

  /// Prints a block's records; returns where the next block may begin.
  private func records(
    of block: JournalBlock, _ at: Int, _ segment: UnsafeRawBufferPointer, _ storage: StorageID?,
    _ print: (String) -> Void,
    _ summary: inout Summary
  ) -> Int {
    let rest = UnsafeRawBufferPointer(rebasing: segment[at...])
    var next = at + block.span
    var end = block.length
    do throws(JournalBlockError) { _ = try block.provenRecords(in: rest) } catch {
      print("  DAMAGED: \(error)")
      summary.damaged += 1
      // The length may be what is damaged least, but another block inside of it proves it wrong.
      if let inner = Self.nextBlock(segment, after: at, storage), inner < next { next = inner }
      end = min(end, rest.count, next - at)
    }
    let first = JournalBlock.headerSize
    let found = UnsafeRawBufferPointer(rebasing: rest[min(first, end)..<end])
    let unreadable = JournalWalk.forEachRecord(found) { record, _, offset in
      summary.records += 1
      guard showsRecords else { return }
      print(
        "  \(at + first + offset)  \(record.partition) \(record.epoch) \(record.kind) \(record.baseOffset)..<\(record.endOffset)  "
          + "\(record.length) bytes  time \(record.loggedTime)")
    }
    if let unreadable { print("  the rest of this block can't be split into records: \(unreadable)") }
    return min(next, segment.count)
  }

  private func report(
    _ segment: UnsafeRawBufferPointer, _ range: Range<Int>, _ print: (String) -> Void, _ summary: inout Summary
  ) -> Int {
    if segment[range].contains(where: { $0 != 0 }) {
      summary.damaged += 1
      print("\(range.lowerBound)  DAMAGED: no block can be read in \(range.count) bytes")
    } else {
      print("\(range.lowerBound)  \(range.count) zeros")
    }
    return range.upperBound
  }

  private static func header(_ bytes: UnsafeRawBufferPointer, _ storage: StorageID?) -> JournalBlock? {
    if let storage { return try? JournalBlock(readingHeader: bytes, storage: storage) }
    // The segment's own header is lost: a block that is whole in itself tells the storage.
    guard bytes.count >= JournalBlock.headerSize else { return nil }
    func word(_ at: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
    return try? JournalBlock(readingHeader: bytes, storage: StorageID(high: word(16), low: word(24)))
  }

  private static func nextBlock(_ segment: UnsafeRawBufferPointer, after at: Int, _ storage: StorageID?) -> Int? {
    var next = JournalBlock.aligned(at + 1)
    while next < segment.count {
      if header(UnsafeRawBufferPointer(rebasing: segment[next...]), storage) != nil { return next }
      next += JournalBlock.alignment
    }
    return nil
  }
}
