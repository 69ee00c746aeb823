import DequeModule
import Models
import Wire

/// Rebuilds one partition from its records, in the order in which the journal holds them. Applies only what a later
/// record's commit mark proves committed (R14); the rest waits for a primary, which this replica may become.
public struct RecoveredPartition {
  public let id: PartitionID
  public private(set) var log = EpochTable()
  public let state: PartitionState
  public private(set) var uncommitted = Deque<HeldRecord>()
  /// Committed, and beyond what the sinks have.
  public private(set) var undelivered = Deque<HeldRecord>()
  public let sinkCursor: Offset
  /// Every bundle that the log names, also beyond what has been applied.
  public private(set) var bundles: [Bundle] = []

  public init(id: PartitionID, dedupHorizon: Int64, sinkCursor: Offset) {
    self.id = id
    self.sinkCursor = sinkCursor
    state = PartitionState(dedupHorizon: dedupHorizon)
  }

  /// The next record of this partition in the journal.
  public mutating func replay(
    _ header: LogRecord, _ record: UnsafeRawBufferPointer, bundle: (BundleID) -> Bundle?
  ) throws(ApplyError) {
    if header.kind == .truncated {
      guard header.baseOffset >= state.applied else {
        throw .unreadable(id, header.baseOffset, "the log was cut below what had committed")  // R8
      }
      log.truncate(to: header.baseOffset)
      while let last = uncommitted.last, last.header.endOffset > header.baseOffset { uncommitted.removeLast() }
      return
    }
    if header.kind == .bundleActivated, let id = BundleID(activatedBy: record) {
      guard let found = bundle(id) else { throw .bundleMissing(self.id, id) }
      if !bundles.contains(where: { $0 === found }) { bundles.append(found) }
    }
    guard header.baseOffset == log.end else {
      throw .unreadable(id, header.baseOffset, "the log ends at \(log.end): records are missing")
    }
    log.append(epoch: header.epoch, base: header.baseOffset, count: header.count)
    uncommitted.append(HeldRecord(chunk: RecordChunk(records: Array(record)), range: 0..<record.count, header: header))
    while let first = uncommitted.first, first.header.endOffset <= header.commitOffset {
      let failure: ApplyError? = first.chunk.withRecord(first.range) { record in
        do throws(ApplyError) {
          try state.apply(first.header, record, bundle: bundle)
          return nil
        } catch {
          return error
        }
      }
      if let failure { throw failure }
      if first.header.kind == .decided, first.header.endOffset > sinkCursor { undelivered.append(first) }
      uncommitted.removeFirst()
      while let oldest = undelivered.first, oldest.header.endOffset <= state.sinkCursor { undelivered.removeFirst() }
    }
  }
}
