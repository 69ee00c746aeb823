import Wire

/// The journal thread's own state: cuts gathered batches into blocks, writes and syncs them. Used by that thread
/// alone once the journal has started.
final class JournalWriter: @unchecked Sendable {
  struct Segment {
    var file: File
    var number: UInt32
    var bytes: Int
    /// Where the next block begins; 0 before the segment's header is written.
    var offset: Int
  }

  private var segment: Segment
  /// Sequence of the last block written, and of the last one synced.
  private var last: JournalSequence
  private var synced: JournalSequence
  private var lastTicket = JournalTicket.none
  private var unsyncedBytes = 0
  /// When the oldest unsynced byte was written; when the journal last had something to do.
  private var unsyncedSince: UInt64 = 0
  private var quietSince: UInt64
  /// The last block is a mark: it says that everything before it is durable.
  private var isMarked: Bool
  private var open = true

  private let cluster: ClusterID
  private let storage: StorageID
  private let options: JournalOptions
  private let preparer: JournalPreparer
  private var places: [JournalWritten] = []
  private let page = UnsafeMutableRawBufferPointer.allocate(byteCount: JournalBlock.alignment, alignment: 16)

  init(
    segment: Segment, recovery: JournalRecovery, cluster: ClusterID, storage: StorageID, options: JournalOptions,
    preparer: JournalPreparer
  ) {
    self.segment = segment
    last = recovery.last
    // Recovery has synced what it found; after a kill that is still to be said on disk.
    synced = recovery.last
    isMarked = recovery.endsWithMark || recovery.last == .none
    quietSince = monotonicNanoseconds()
    self.cluster = cluster
    self.storage = storage
    self.options = options
    self.preparer = preparer
  }

  deinit { page.deallocate() }

  /// When `tick` has something to do, if no append comes first. Monotonic nanoseconds.
  var deadline: UInt64 {
    if synced < last, case .replicated(let every, _) = options.durability { return unsyncedSince + every }
    return isMarked ? .max : quietSince + options.idleMarkAfter
  }

  /// Writes all of `gather` in as few blocks as segment and block bounds allow, and syncs as the durability asks.
  func write(_ gather: JournalGather, journal: Journal, _ callbacks: Journal.Callbacks) throws(JournalError) {
    var batch = 0
    var at = 0
    while batch < gather.lengths.count {
      let from = (batch: batch, byte: at)
      while batch < gather.lengths.count {
        let grown = at + gather.lengths[batch] - from.byte
        let fits = segment.offset + JournalBlock.headerSize + grown <= segment.bytes && segment.offset > 0
        guard fits, grown <= options.blockBytesMax || batch == from.batch else { break }
        at += gather.lengths[batch]
        batch += 1
      }
      if batch == from.batch {
        try nextSegment(journal, callbacks)
        continue
      }
      do throws(FileError) {
        try journal.disk.watch { () throws(FileError) in try writeBlock(gather, from.byte..<at) }
      } catch { throw .file(error) }
      place(gather, from.batch..<batch)
      journal.publish(
        written: JournalPosition(segment: segment.number, offset: UInt32(segment.offset)), bytes: at - from.byte)
      places.withUnsafeBufferPointer(callbacks.onWritten)
      preparer.advance(to: segment.offset)
      try syncIfDue(journal, callbacks)
    }
    isMarked = false
    quietSince = monotonicNanoseconds()
  }

  private func writeBlock(_ gather: JournalGather, _ range: Range<Int>) throws(FileError) {
    let (bytes, padded) = gather.block(range)
    let records = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[JournalBlock.headerSize...])
    seal(bytes, recordsChecksum: crc32c(records))
    try segment.file.write(UnsafeRawBufferPointer(start: bytes.baseAddress, count: padded), at: segment.offset)
    let span = JournalBlock.aligned(bytes.count)
    if padded < span {
      // Whole pages, so that the kernel never has to read one first.
      let zeros = UnsafeMutableRawBufferPointer(rebasing: page[0..<span - padded])
      zeros.initializeMemory(as: UInt8.self, repeating: 0)
      try segment.file.write(UnsafeRawBufferPointer(zeros), at: segment.offset + padded)
    }
    lengthOfLast = bytes.count
    segment.offset += span
    if unsyncedBytes == 0 { unsyncedSince = monotonicNanoseconds() }
    unsyncedBytes += span
  }

  private var lengthOfLast = 0

  private func seal(_ block: UnsafeMutableRawBufferPointer, recordsChecksum: UInt32) {
    last = last.next
    JournalBlock(
      length: block.count, sequence: last, storage: storage, durable: synced, recordsChecksum: recordsChecksum
    )
    .write(to: block)
  }

  /// Notes where the batches of the block just written stand.
  private func place(_ gather: JournalGather, _ batches: Range<Int>) {
    places.removeAll(keepingCapacity: true)
    let start = segment.offset - JournalBlock.aligned(lengthOfLast)
    var position = JournalPosition(segment: segment.number, offset: UInt32(start + JournalBlock.headerSize))
    for index in batches {
      lastTicket = JournalTicket(gather.first.rawValue + UInt64(index))
      places.append(JournalWritten(ticket: lastTicket, position: position, length: gather.lengths[index]))
      position = position + gather.lengths[index]
    }
  }

  private func syncIfDue(_ journal: Journal, _ callbacks: Journal.Callbacks) throws(JournalError) {
    switch options.durability {
    case .fsync: try sync(journal, callbacks)
    case .replicated(let every, let behind):
      if unsyncedBytes >= behind || monotonicNanoseconds() >= unsyncedSince + every { try sync(journal, callbacks) }
    }
  }

  private func sync(_ journal: Journal, _ callbacks: Journal.Callbacks) throws(JournalError) {
    guard synced < last else { return }
    do throws(FileError) {
      try journal.disk.watchSync { () throws(FileError) in try segment.file.sync() }
    } catch { if !planted(.ignoreFailedSync) { throw .file(error) } }
    synced = last
    unsyncedBytes = 0
    journal.publish(durable: lastTicket)
    callbacks.onDurable(lastTicket)
  }

  /// Goes over to the prepared segment; where the present one has not begun yet, begins it.
  private func nextSegment(_ journal: Journal, _ callbacks: Journal.Callbacks) throws(JournalError) {
    if segment.offset > 0 {
      // A later segment may rely on every earlier one being whole on disk.
      try sync(journal, callbacks)
      do throws(FileError) {
        let spare = try journal.disk.watch { () throws(FileError) in try preparer.take() }
        segment.file.close()
        segment = Segment(file: spare.file, number: spare.number, bytes: options.segmentBytes, offset: 0)
      } catch { throw .file(error) }
    }
    page.initializeMemory(as: UInt8.self, repeating: 0)
    JournalSegmentHeader(
      number: segment.number, cluster: cluster, storage: storage, first: last.next, durable: synced,
      segmentBytes: segment.bytes
    ).write(to: page)
    do throws(FileError) {
      try journal.disk.watch { () throws(FileError) in try segment.file.write(UnsafeRawBufferPointer(page), at: 0) }
    } catch { throw .file(error) }
    segment.offset = JournalSegmentHeader.span
  }

  /// Time has passed without an append: syncs what is due, then says so on disk.
  func tick(journal: Journal, _ callbacks: Journal.Callbacks) throws(JournalError) {
    guard monotonicNanoseconds() >= deadline else { return }
    if synced < last { return try sync(journal, callbacks) }
    try mark(journal, callbacks)
  }

  private func mark(_ journal: Journal, _ callbacks: Journal.Callbacks) throws(JournalError) {
    guard !isMarked else { return }
    if segment.offset == 0 || segment.offset + JournalBlock.alignment > segment.bytes {
      try nextSegment(journal, callbacks)
    }
    page.initializeMemory(as: UInt8.self, repeating: 0)
    seal(UnsafeMutableRawBufferPointer(rebasing: page[0..<JournalBlock.headerSize]), recordsChecksum: 0)
    do throws(FileError) {
      try journal.disk.watch { () throws(FileError) in try segment.file.write(UnsafeRawBufferPointer(page), at: segment.offset) }
    } catch { throw .file(error) }
    segment.offset += JournalBlock.alignment
    journal.publish(written: JournalPosition(segment: segment.number, offset: UInt32(segment.offset)), bytes: 0)
    do throws(FileError) {
      try journal.disk.watchSync { () throws(FileError) in try segment.file.sync() }
    } catch { throw .file(error) }
    synced = last
    unsyncedBytes = 0
    isMarked = true
  }

  func close(journal: Journal, _ callbacks: Journal.Callbacks) throws(JournalError) {
    try sync(journal, callbacks)
    try mark(journal, callbacks)
    abandon()
  }

  func abandon() {
    if open { segment.file.close() }
    open = false
  }
}
