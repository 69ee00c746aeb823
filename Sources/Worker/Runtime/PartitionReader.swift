import Models
import Wire

/// One partition's valid records out of the journal that all partitions share.
struct PartitionReader {
  let journal: Journal
  /// Nil for all of them.
  let partition: PartitionID?
  let start: JournalPosition

  init(journal: Journal, partition: PartitionID?, at start: JournalPosition) {
    self.journal = journal
    self.partition = partition
    self.start = start
  }

  /// Records of `log` from `range.lowerBound` on, as far as `range.upperBound` or `maxBytes`, at least one; nil where the journal
  /// has not got them (yet). Reads no further than it must: an entry's epoch and offset tell whether it is the log's own or was
  /// voided by a truncation that stands further on, and whose copy it was written for doesn't matter (R8).
  mutating func read(_ range: Range<Offset>, of log: EpochTable, maxBytes: Int) throws -> (records: [UInt8], end: Offset)? {
    var out: [UInt8] = []
    var next = range.lowerBound
    try forEach(pieceBytes: maxBytes) { header, bytes in
      guard !header.kind.isLocal, header.baseOffset == next, log.epoch(at: next) == header.epoch else { return true }
      if !out.isEmpty, out.count + bytes.count > maxBytes { return false }
      out.append(contentsOf: bytes)
      next = header.endOffset
      return next < range.upperBound && out.count < maxBytes
    }
    return out.isEmpty ? nil : (out, next)
  }

  /// The record of `log` that an offset is of; nil where the journal has not got it.
  mutating func record(containing offset: Offset, of log: EpochTable) throws -> [UInt8]? {
    var found: [UInt8]?
    try forEach(pieceBytes: 1 << 20) { header, bytes in
      guard !header.kind.isLocal, header.baseOffset <= offset, log.epoch(at: header.baseOffset) == header.epoch else { return true }
      guard offset < header.endOffset else { return true }
      found = Array(bytes)
      return false
    }
    return found
  }

  /// The partition as its snapshot and the log behind it make it, once everything up to `ticket` is in the journal.
  static func rebuild(
    _ partition: RecoveredPartition, journal: Journal, from start: JournalPosition, after ticket: JournalTicket,
    bundle: (BundleID) -> Bundle?
  ) throws -> RecoveredPartition {
    var recovered = partition
    journal.waitUntilDurable(ticket)
    var reader = PartitionReader(journal: journal, partition: partition.id, at: start)
    try reader.forEach { header, bytes in
      try bytes.withUnsafeBytes { try recovered.replay(header, $0, bundle: bundle) }
      return true
    }
    try recovered.finish()
    return recovered
  }

  /// A partition that began as the successor of others is made of them once more: the whole journal is replayed (R12).
  static func rebuildSuccessor(
    _ partition: PartitionID, _ restored: [PartitionID: RecoveredPartition], journal: Journal, after ticket: JournalTicket,
    dedupHorizon: Int64, sinkCursor: Offset, bundle: (BundleID) -> Bundle?
  ) throws -> RecoveredPartition? {
    journal.waitUntilDurable(ticket)
    var partitions = restored
    var reader = PartitionReader(journal: journal, partition: nil, at: journal.beginning)
    try reader.forEach { header, bytes in
      try bytes.withUnsafeBytes { bytes in
        switch header.kind {
        case .born: try partitions.replayBirth(header, bytes, dedupHorizon: dedupHorizon, sinkCursor: sinkCursor, bundle: bundle)
        case .unborn: partitions[header.partition] = nil
        default:
          let new = RecoveredPartition(id: header.partition, dedupHorizon: dedupHorizon, sinkCursor: sinkCursor)
          try partitions[header.partition, default: new].replay(header, bytes, bundle: bundle)
        }
      }
      return true
    }
    return partitions[partition]
  }

  private mutating func forEach(pieceBytes: Int = 4 << 20, _ body: (LogRecord, ArraySlice<UInt8>) throws -> Bool) throws {
    var position: JournalPosition? = start
    while let at = position {
      let piece = try journal.read(at: at, maxBytes: pieceBytes) { partition == nil || $0.partition == partition }
      var offset = 0
      while offset < piece.bytes.count {
        let header = try piece.bytes[offset...].withUnsafeBytes { try LogRecord(reading: $0) }
        guard try body(header, piece.bytes[offset..<offset + header.length]) else { return }
        offset += header.length
      }
      position = piece.next
    }
  }
}
