import Glibc
import Wire

/// Reads a journal directory at start: proves every block, hands every record on, and judges what the end is.
///
/// A block that fails at sequence s is a torn tail if, and only if, nothing that survives testifies that s had been on
/// disk: every block and segment header carries the highest sequence known to be durable when it was written, and a
/// closed or idle journal ends with a mark that covers everything. So in `.fsync` mode any header behind s convicts;
/// in `.replicated` mode blocks behind a hole that were written before s was synced do not. The journal is then cut
/// at s: later segments are removed, the rest of this one is overwritten with zeros and synced before the first
/// append, so no stale block can ever continue a new chain. A crash on the way leads to the same judgement again.
///
/// Where only the process has ended since, and not the machine, a last block that had been written to its end is damaged, whatever the
/// marks say (`JournalBoot`).
struct JournalRecoverer {
  let directory: String
  let cluster: ClusterID
  let storage: StorageID
  let system: FileSystem

  /// Where appending goes on.
  struct Tail {
    let file: File
    let number: UInt32
    let segmentBytes: Int
    let offset: Int
  }

  /// Whether whatever a killed process had written must be there still.
  private func isSameBoot() throws(JournalError) -> Bool {
    do throws(FileError) { return try JournalBoot.isSame(in: directory, system) } catch { throw .file(error) }
  }

  typealias Replay = (LogRecord, UnsafeRawBufferPointer, JournalPosition) throws -> Void

  /// `tail` is nil for a journal that has no begun segment.
  func run(_ replay: Replay) throws(JournalError) -> (tail: Tail?, recovery: JournalRecovery) {
    let start = try start()
    let numbers = try removeCut(below: start.segment)
    var recovery = JournalRecovery()
    recovery.first = start.segment
    // What was removed had been on disk, and so had everything before the first block that is left.
    let before = JournalSequence(start.first.rawValue - 1)
    recovery.last = before
    var walk = JournalWalk(storage: storage, expected: start.first, durable: before)
    let buffer = SegmentBuffer()
    var current: (header: JournalSegmentHeader, end: Int, reason: JournalBlockError)?
    var begun = 0

    for (index, number) in numbers.enumerated() {
      guard number == start.segment + UInt32(index) else {
        let missing = start.segment + UInt32(index)
        throw .segmentMissing(path: JournalSegments.path(directory, missing), number: missing)
      }
      guard let header = try header(of: number), header.first == walk.expected else { break }
      walk.learn(header.durable)
      let path = JournalSegments.path(directory, number)
      let bytes = try buffer.load(path, system)
      let stop = try walk.walk(bytes, from: JournalSegmentHeader.span) {
        (block, at, records) throws(JournalError) in
        recovery.bytes += block.length
        recovery.last = block.sequence
        recovery.endsWithMark = records.isEmpty
        let first = JournalPosition(segment: number, offset: UInt32(at + JournalBlock.headerSize))
        let unreadable = try JournalWalk.forEachRecord(records) { (record, raw, offset) throws(JournalError) in
          recovery.records += 1
          do { try replay(record, raw, first + offset) } catch { throw JournalError.replay(error) }
        }
        if let unreadable { throw .unreadableRecord(path: path, offset: Int(first.offset), unreadable) }
      }
      current = (header, stop.offset, stop.reason)
      begun = index + 1
    }
    recovery.segments = begun
    let later = numbers[begun...]
    if current == nil, start != .beginning {
      let path = JournalSegments.path(directory, start.segment)
      throw numbers.isEmpty
        ? .segmentMissing(path: path, number: start.segment)
        : .damaged(path: path, offset: 0, sequence: start.first, durable: before, reason: "the segment does not begin as it did")
    }
    let tail = try settle(current, later: Array(later), walk: walk, buffer: buffer, &recovery)
    return (tail, recovery)
  }

  /// Where the journal begins.
  private func start() throws(JournalError) -> JournalStart {
    let path = "\(directory)/\(JournalStart.name)"
    do throws(FileError) {
      guard let bytes = try system.contents(path, limit: 4096) else { return .beginning }
      if let start = JournalStart(reading: bytes) { return start }
    } catch { throw .file(error) }
    throw .damaged(path: path, offset: 0, sequence: JournalSequence(1), durable: .none, reason: "it does not say where the journal begins")
  }

  /// Segments that were to be removed when the process ended.
  private func removeCut(below first: UInt32) throws(JournalError) -> [UInt32] {
    let numbers = try JournalSegments.numbers(in: directory, system)
    do throws(FileError) {
      for number in numbers where number < first { try system.removeFile(JournalSegments.path(directory, number)) }
    } catch { throw .file(error) }
    return numbers.filter { $0 >= first }
  }

  /// Judges the end at `current` and makes it safe to append there.
  private func settle(
    _ current: (header: JournalSegmentHeader, end: Int, reason: JournalBlockError)?, later: [UInt32],
    walk: JournalWalk, buffer: SegmentBuffer, _ recovery: inout JournalRecovery
  ) throws(JournalError) -> Tail? {
    let number = current?.header.number ?? recovery.first
    let end = current?.end ?? 0
    let path = JournalSegments.path(directory, number)
    var durable = walk.durable
    var highest = JournalSequence.none
    var stale: Range<Int>?
    let isSameBoot = try isSameBoot()
    var isDamage = false
    if current != nil {
      let bytes = try buffer.load(path, system)
      isDamage = isSameBoot && JournalBoot.wasWhole(bytes, at: end, storage: storage)
      stale = SegmentBuffer.nonZero(bytes, from: end)
      (durable, highest) = Self.higher(
        (durable, highest), JournalWalk.testimony(in: bytes, from: end, storage: storage))
    }
    var dirtyLater = false
    for number in later {
      let bytes = try buffer.load(JournalSegments.path(directory, number), system)
      if let header = try? JournalSegmentHeader(reading: bytes), header.storage == storage {
        durable = max(durable, header.durable)
      } else if isSameBoot, SegmentBuffer.nonZero(bytes, from: JournalSegmentHeader.span) != nil {
        isDamage = true
      }
      dirtyLater = dirtyLater || SegmentBuffer.nonZero(bytes, from: 0) != nil
      (durable, highest) = Self.higher((durable, highest), JournalWalk.testimony(in: bytes, from: 0, storage: storage))
    }

    let failed = walk.expected
    guard durable < failed && !isDamage || planted(.cutDamagedLog) else {
      let reason = current?.reason ?? .noBlock
      throw .damaged(path: path, offset: end, sequence: failed, durable: durable, reason: reason.description)
    }
    if stale != nil || dirtyLater {
      recovery.cut = JournalRecovery.Cut(
        position: JournalPosition(segment: number, offset: UInt32(end)), sequence: failed,
        reason: current?.reason ?? .noBlock, droppedWholeBlocks: highest > failed)
    }
    do throws(FileError) {
      for number in later.reversed() { try system.removeFile(JournalSegments.path(directory, number)) }
      if !later.isEmpty { try system.syncDirectory(directory) }
      guard let current else { return nil }
      let file = try system.openFile(path, O_RDWR)
      if try file.size() < current.header.segmentBytes { try file.allocate(current.header.segmentBytes) }
      if let stale { try SegmentBuffer.zero(file, stale) }
      // Also without a cut: what a killed process wrote may stand only in the page cache.
      try file.sync()
      return Tail(file: file, number: number, segmentBytes: current.header.segmentBytes, offset: end)
    } catch { throw .file(error) }
  }

  private static func higher(
    _ a: (JournalSequence, JournalSequence), _ b: (JournalSequence, JournalSequence)
  ) -> (JournalSequence, JournalSequence) { (max(a.0, b.0), max(a.1, b.1)) }

  /// The header of a begun segment of this storage; nil for a spare and for a torn or damaged header.
  private func header(of number: UInt32) throws(JournalError) -> JournalSegmentHeader? {
    let path = JournalSegments.path(directory, number)
    let page: [UInt8]
    do throws(FileError) {
      let file = try system.openFile(path, O_RDONLY)
      defer { file.close() }
      page = try file.read(JournalSegmentHeader.size, at: 0)
    } catch { throw .file(error) }
    let header: JournalSegmentHeader
    do throws(JournalSegmentError) {
      header = try page.withUnsafeBufferPointer { (raw) throws(JournalSegmentError) in
        try JournalSegmentHeader(reading: UnsafeRawBufferPointer(raw))
      }
    } catch {
      if case .version = error { throw .directoryForeign(path: path, what: error.description) }
      return nil
    }
    guard header.cluster == cluster else {
      throw .directoryForeign(path: path, what: "it is of cluster \(header.cluster), this is \(cluster)")
    }
    guard header.storage == storage else {
      throw .directoryForeign(path: path, what: "it is of storage \(header.storage), this is \(storage)")
    }
    guard header.number == number else {
      throw .directoryForeign(path: path, what: "it is segment \(header.number) under another's name")
    }
    return header
  }
}

/// Memory for one whole segment at a time, reused from segment to segment.
final class SegmentBuffer {
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  deinit { memory.deallocate() }

  /// The contents of a segment file, valid until the next load. Read in large pieces, ahead of their use.
  func load(_ path: String, _ system: FileSystem) throws(JournalError) -> UnsafeRawBufferPointer {
    do throws(FileError) {
      let file = try system.openFile(path, O_RDONLY)
      defer { file.close() }
      let size = try file.size()
      guard size <= 2 << 30 else { throw FileError(call: "read", path: path, code: EFBIG) }
      if memory.count < size {
        memory.deallocate()
        memory = .allocate(byteCount: size, alignment: JournalBlock.alignment)
      }
      _ = posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
      let read = try file.read(UnsafeMutableRawBufferPointer(rebasing: memory[0..<size]), at: 0)
      return UnsafeRawBufferPointer(rebasing: memory[0..<read])
    } catch { throw .file(error) }
  }

  /// The pages from the first to the last that hold anything but zeros, at or behind `offset` (a multiple of 4096).
  static func nonZero(_ bytes: UnsafeRawBufferPointer, from offset: Int) -> Range<Int>? {
    func isZero(_ page: Int) -> Bool {
      let page = UnsafeRawBufferPointer(rebasing: bytes[page..<min(page + JournalBlock.alignment, bytes.count)])
      guard let first = page.first else { return true }
      return first == 0 && memcmp(page.baseAddress!, page.baseAddress! + 1, page.count - 1) == 0
    }
    let pages = stride(from: offset, to: bytes.count, by: JournalBlock.alignment)
    guard let first = pages.first(where: { !isZero($0) }) else { return nil }
    let last = pages.reversed().first { !isZero($0) }!
    return first..<last + JournalBlock.alignment
  }

  static func zero(_ file: File, _ range: Range<Int>) throws(FileError) {
    let zeros = [UInt8](repeating: 0, count: min(range.count, 256 * 1024))
    var at = range.lowerBound
    while at < range.upperBound {
      let count = min(zeros.count, range.upperBound - at)
      try zeros.withUnsafeBufferPointer { (all) throws(FileError) in
        try file.write(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(all)[0..<count]), at: at)
      }
      at += count
    }
  }
}
