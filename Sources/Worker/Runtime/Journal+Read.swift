import Glibc
import Wire

/// A piece of the journal: whole records, and where to go on.
public struct JournalPiece: Sendable {
  public var bytes: [UInt8] = []
  /// Position of each record in `bytes`, in order.
  public var positions: [JournalPosition] = []
  /// First record not looked at yet; nil at the journal's present end.
  public var next: JournalPosition?
}

extension Journal {
  /// Records in journal order beginning with the one at `position`, across blocks and segments, as far as written.
  /// Only those that `keep` wants; at most `maxBytes` of them, but at least one; looks at no more than `scanMax`
  /// bytes of journal. For followers that catch up; safe from any thread, and blocks on the disk.
  public func read(
    at position: JournalPosition, maxBytes: Int, scanMax: Int = 16 * 1024 * 1024,
    keep: (LogRecord) -> Bool = { _ in true }
  ) throws(JournalError) -> JournalPiece {
    var piece = JournalPiece()
    var at = position
    var looked = 0
    while true {
      let end = JournalPosition(packed: written.load(ordering: .acquiring))
      guard at < end else {
        if position > end { throw .badPosition(position) }
        return piece
      }
      let limit = at.segment == end.segment ? Int(end.offset) : Int.max
      var reader = try SegmentReader(journal: self, at: at, limit: limit)
      defer { reader.close() }
      while let (record, raw, place) = try reader.next() {
        if looked >= scanMax || (!piece.bytes.isEmpty && piece.bytes.count + record.length > maxBytes) {
          piece.next = place
          return piece
        }
        looked += record.length
        guard keep(record) else { continue }
        piece.bytes.append(contentsOf: raw)
        piece.positions.append(place)
      }
      guard at.segment < end.segment else { return piece }
      at = JournalPosition(segment: at.segment + 1, offset: UInt32(JournalSegmentHeader.span))
    }
  }

  /// The one record at `position`.
  public func record(at position: JournalPosition) throws(JournalError) -> [UInt8] {
    let bytes = try read(at: position, maxBytes: 1).bytes
    guard !bytes.isEmpty else { throw .badPosition(position) }
    return bytes
  }
}

/// Steps through the records of one segment file from a record's or a block's beginning.
private struct SegmentReader {
  let file: File
  let storage: StorageID
  let number: UInt32
  /// End of what may be read in this file.
  let limit: Int
  var at: Int
  private var window: [UInt8] = []
  private var windowStart = 0
  private var atStart = true
  /// End of the present block's records, once its header has been read: what lies behind, up to the next page, is nothing.
  private var blockEnd: Int?

  init(journal: Journal, at position: JournalPosition, limit: Int) throws(JournalError) {
    let path = JournalSegments.path(journal.directory, position.segment)
    do throws(FileError) {
      file = try journal.system.openFile(path, O_RDONLY)
      self.limit = min(limit, try file.size())
    } catch {
      throw error.code == ENOENT ? .badPosition(position) : .file(error)
    }
    storage = journal.storage
    number = position.segment
    at = Int(position.offset)
    do throws(FileError) { blockEnd = try endOfBlock(around: at) } catch { throw .file(error) }
  }

  /// End of the records of the block in which a position lies; nil where it is at a block's own beginning, or in none.
  private func endOfBlock(around position: Int) throws(FileError) -> Int? {
    var page = position / JournalBlock.alignment * JournalBlock.alignment
    while page >= JournalSegmentHeader.span {
      let head = try file.read(JournalBlock.headerSize, at: page)
      let block = head.withUnsafeBytes { try? JournalBlock(readingHeader: $0, storage: storage) }
      if let block { return page < position && page + block.length > position ? page + block.length : nil }
      page -= JournalBlock.alignment
    }
    return nil
  }

  func close() { file.close() }

  /// The next record, or nil at the end of this segment's blocks. Its bytes are valid until the next call.
  mutating func next() throws(JournalError) -> (LogRecord, ArraySlice<UInt8>, JournalPosition)? {
    defer { atStart = false }
    while at < limit {
      if let end = blockEnd, at >= end {
        blockEnd = nil
        at = JournalBlock.aligned(at)
        continue
      }
      if at % JournalBlock.alignment == 0, try blockBegins() {
        at += JournalBlock.headerSize
        atStart = false  // a block may be a mark, and hold no record
        continue
      }
      if let record = try parse() {
        let place = JournalPosition(segment: number, offset: UInt32(at))
        let slice = window[(at - windowStart)..<(at - windowStart + record.length)]
        at += record.length
        return (record, slice, place)
      }
      // Padding behind a block's last record; at a page's beginning, the end of the segment's blocks.
      guard !atStart else { break }
      guard at % JournalBlock.alignment != 0 else { return nil }
      at = JournalBlock.aligned(at)
    }
    if atStart, at < limit { throw .badPosition(JournalPosition(segment: number, offset: UInt32(at))) }
    return nil
  }

  private mutating func blockBegins() throws(JournalError) -> Bool {
    try fill(JournalBlock.headerSize)
    guard let block = bytes({ try? JournalBlock(readingHeader: $0, storage: storage) }) else { return false }
    blockEnd = at + block.length
    return true
  }

  /// The record at `at`, or nil where zeros stand.
  private mutating func parse() throws(JournalError) -> LogRecord? {
    try fill(LogRecord.headerSize)
    while true {
      do throws(LogRecordError) {
        return try bytes { (raw) throws(LogRecordError) in try LogRecord(reading: raw) }
      } catch {
        let length = bytes {
          $0.count >= 8 ? Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))) : 0
        }
        if error == .truncated, length > window.count - (at - windowStart), length <= limit - at {
          try fill(length)
          continue
        }
        let padding = bytes {
          UnsafeRawBufferPointer(rebasing: $0.prefix(JournalBlock.aligned(at + 1) - at)).allSatisfy { $0 == 0 }
        }
        if padding || atStart { return nil }
        throw .unreadableRecord(path: file.path, offset: at, error)
      }
    }
  }

  private func bytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try window.withUnsafeBufferPointer { (all) throws(E) in
      try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(all)[(at - windowStart)...]))
    }
  }

  /// Makes `count` bytes from `at` on available, or all up to the limit.
  private mutating func fill(_ count: Int) throws(JournalError) {
    let wanted = min(count, limit - at)
    if at >= windowStart, at + wanted <= windowStart + window.count { return }
    let size = min(max(wanted, 256 * 1024), limit - at)
    do throws(FileError) { window = try file.read(size, at: at) } catch { throw .file(error) }
    windowStart = at
  }
}
