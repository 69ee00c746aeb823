import Wire

@testable import Worker

/// What one disk's journal says of each partition, kept up with every write: the logs as a restart would find them.
final class LogMirror {
  struct Entry {
    var header: LogRecord
    /// Of the whole record.
    var hash: UInt64
    var bytes: [UInt8]
  }

  struct Log {
    /// In order of offsets; may begin above zero once the log has been cut.
    var entries: [Entry] = []
    /// Prefix that no loss of power can take.
    var durableEnd = Offset.zero
    /// Number of entries that were found to be the committed history's.
    var proven = 0

    var end: Offset { entries.last?.header.endOffset ?? .zero }

    /// Index of the entry that begins at `offset`.
    func index(of offset: Offset) -> Int? {
      var low = 0
      var high = entries.count
      while low < high {
        let middle = (low + high) / 2
        if entries[middle].header.baseOffset < offset { low = middle + 1 } else { high = middle }
      }
      return low < entries.count && entries[low].header.baseOffset == offset ? low : nil
    }
  }

  private(set) var logs: [PartitionID: Log] = [:]
  var storage = StorageID.none { didSet { directory = "storage-\(storage)" } }
  private var directory = ""

  func clear() { logs.removeAll() }

  /// Reads a journal from its beginning, as recovery does.
  func read(_ disk: Disk, _ storage: StorageID) {
    logs.removeAll()
    self.storage = storage
    var walk: JournalWalk?
    for (_, file) in disk.files.filter({ $0.value.journal == directory }).sorted(by: { $0.key < $1.key }) {
      file.bytes.withUnsafeBytes { bytes in
        guard let header = try? JournalSegmentHeader(reading: bytes), header.storage == storage else { return }
        if walk == nil { walk = JournalWalk(storage: storage, expected: header.first, durable: .none) }
        guard header.first == walk!.expected else { return }
        _ = walk!.walk(bytes, from: JournalSegmentHeader.span) { _, _, records in take(records) }
      }
    }
    synced()
  }

  /// A write to a segment of `journal`: a block, a segment's header or zeros.
  func written(_ journal: String, _ bytes: UnsafeRawBufferPointer) {
    guard journal == directory, bytes.count >= JournalBlock.headerSize,
      let block = try? JournalBlock(readingHeader: bytes, storage: storage),
      let records = try? block.provenRecords(in: bytes)
    else { return }
    take(records)
  }

  private func take(_ records: UnsafeRawBufferPointer) {
    _ = JournalWalk.forEachRecord(records) { header, raw, _ in
      if header.kind == .truncated { return truncate(header.partition, to: header.baseOffset) }
      if header.kind == .dropped { return logs[header.partition] = nil }
      guard !header.kind.isLocal else { return }
      truncate(header.partition, to: header.baseOffset)
      logs[header.partition, default: Log()].entries.append(Entry(header: header, hash: hash64(raw, seed: 0), bytes: Array(raw)))
    }
  }

  private func truncate(_ partition: PartitionID, to offset: Offset) {
    guard var log = logs.removeValue(forKey: partition) else { return }
    while let last = log.entries.last, last.header.endOffset > offset { log.entries.removeLast() }
    log.durableEnd = min(log.durableEnd, offset)
    log.proven = min(log.proven, log.entries.count)
    logs[partition] = log
  }

  func synced() {
    for partition in logs.keys { logs[partition]!.durableEnd = logs[partition]!.end }
  }

  func proved(_ partition: PartitionID, _ count: Int) { logs[partition]?.proven = count }
}
