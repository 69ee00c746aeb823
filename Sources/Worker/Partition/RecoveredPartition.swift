import DequeModule
import Models
import Wire

/// Rebuilds one partition from its newest snapshot and its records, in the order in which the journal holds them. Applies
/// only what a later record's commit mark proves committed (R14); the rest waits for a primary, which this replica may
/// become.
///
/// The journal also holds records from before the snapshot, and among them may be some that a later truncation voided:
/// whatever begins below the snapshot is passed over, and so is what lies above it in a history that ended below it.
public struct RecoveredPartition {
  public let id: PartitionID
  public private(set) var log: EpochTable
  public private(set) var state: PartitionState
  public private(set) var uncommitted = Deque<HeldRecord>()
  /// Committed, and beyond what the sinks have.
  public private(set) var undelivered = Deque<HeldRecord>()
  public let sinkCursor: Offset
  /// Every bundle that the log names, also beyond what has been applied.
  public private(set) var bundles: [Bundle] = []
  /// Offsets of the snapshots on this disk, oldest first.
  public let snapshots: [Offset]
  /// For the next checkpoint to be in time.
  public private(set) var bytesSinceCheckpoint = 0
  public private(set) var lastCheckpointAt: Int64?
  public private(set) var lastDecidedEnd = Offset.zero
  /// End of the last decisions below the snapshot that are still in the journal.
  private(set) var decidedBelow = Offset.zero
  /// Where it began as a successor (R12).
  private(set) var birth: Birth?

  /// Where the state began: the snapshot's offset.
  private let base: Offset
  /// Run of valid records below the base that the journal still holds.
  private var below: Range<Offset>
  /// A record behind a place where others are missing: void, if this was not the last word.
  private var gap: Offset?

  public init(id: PartitionID, dedupHorizon: Int64, sinkCursor: Offset, snapshot: RestoredSnapshot? = nil, snapshots: [Offset] = []) {
    self.id = id
    self.sinkCursor = sinkCursor
    self.snapshots = snapshots
    state = snapshot?.state ?? PartitionState(dedupHorizon: dedupHorizon)
    log = snapshot?.log ?? EpochTable()
    bundles = state.bundles
    base = snapshot?.offset ?? .zero
    below = base..<base
    lastCheckpointAt = snapshot?.header.loggedTime
  }

  /// One whose beginning can't be read any more.
  init(id: PartitionID, dedupHorizon: Int64, sinkCursor: Offset, lacks gap: Offset) {
    self.init(id: id, dedupHorizon: dedupHorizon, sinkCursor: sinkCursor)
    self.gap = gap
  }

  /// The snapshot that it was read from is that of its birth.
  mutating func isBorn(by succession: Succession, _ needs: [Birth.Need]) {
    birth = Birth(succession: succession, digest: state.digest(), needs: needs)
  }

  /// Whether nothing of the log is missing so far.
  var isReadable: Bool { gap == nil }

  /// Records from here on are in the journal.
  public var logStart: Offset {
    if birth != nil, base == .zero { return PartitionState.birthEnd }
    return below.upperBound == base ? below.lowerBound : base
  }

  /// A successor at its birth.
  init(id: PartitionID, _ succession: Succession, _ state: PartitionState, _ needs: [Birth.Need], sinkCursor: Offset) {
    self.id = id
    self.sinkCursor = sinkCursor
    self.state = state
    snapshots = []
    base = .zero
    below = base..<base
    log = Shard.birthLog(succession)
    bundles = state.bundles
    birth = Birth(succession: succession, digest: state.digest(), needs: needs)
  }

  /// The next record of this partition in the journal.
  public mutating func replay(
    _ header: LogRecord, _ record: UnsafeRawBufferPointer, bundle: (BundleID) -> Bundle?
  ) throws(ApplyError) {
    switch header.kind {
    case .truncated: return try truncate(to: header.baseOffset)
    case .dropped: return drop()
    case .born, .unborn: return  // `replayBirth`
    default: break
    }
    if header.baseOffset < base { return passOver(header, record) }
    // What is missing before it may lie in segments that were cut, of a copy whose end comes later.
    guard isNext(header) else { return }
    if header.kind.namesBundle, let id = BundleID(namedBy: record) {
      guard let found = bundle(id) else { throw .bundleMissing(self.id, id) }
      if !bundles.contains(where: { $0 === found }) { bundles.append(found) }
    }
    log.append(epoch: header.epoch, base: header.baseOffset, count: header.count)
    note(header)
    uncommitted.append(HeldRecord(chunk: RecordChunk(records: Array(record)), range: 0..<record.count, header: header))
    try applyCommitted(header.commitOffset, bundle)
  }

  /// Everything has been replayed.
  public func finish() throws(ApplyError) {
    guard let gap else { return }
    throw .unreadable(id, gap, "the log ends at \(log.end): records are missing")
  }

  private mutating func applyCommitted(_ commit: Offset, _ bundle: (BundleID) -> Bundle?) throws(ApplyError) {
    while let first = uncommitted.first, first.header.endOffset <= commit { try applyNext(bundle) }
  }

  mutating func applyNext(_ bundle: (BundleID) -> Bundle?) throws(ApplyError) {
    let first = uncommitted.removeFirst()
    let failure: ApplyError? = first.chunk.withRecord(first.range) { record in
      do throws(ApplyError) {
        try state.apply(first.header, record, bundle: bundle)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
    if first.header.kind.hasDecisions, first.header.endOffset > sinkCursor { undelivered.append(first) }
    while let oldest = undelivered.first, oldest.header.endOffset <= state.sinkCursor { undelivered.removeFirst() }
  }

  /// Whether the log goes on with this record.
  private mutating func isNext(_ header: LogRecord) -> Bool {
    // What was committed before stands here again, after this copy was dropped and made anew.
    if header.endOffset <= state.applied { return false }
    // A history that the snapshot, which has committed, does not know.
    if header.epoch < log.lastEpoch { return false }
    if header.baseOffset == log.end { return true }
    gap = min(gap ?? header.baseOffset, header.baseOffset)
    return false
  }

  private mutating func note(_ header: LogRecord) {
    if header.kind.hasDecisions { lastDecidedEnd = header.endOffset }
    if header.kind == .checkpoint {
      bytesSinceCheckpoint = 0
      lastCheckpointAt = header.loggedTime
    } else {
      bytesSinceCheckpoint += header.length
    }
  }

  /// In the snapshot; but followers may ask for it, and its decisions may not have been delivered.
  private mutating func passOver(_ header: LogRecord, _ record: UnsafeRawBufferPointer) {
    guard log.epoch(at: header.baseOffset) == header.epoch, header.endOffset <= base else { return }
    below = header.baseOffset == below.upperBound ? below.lowerBound..<header.endOffset : header.baseOffset..<header.endOffset
    guard header.kind.hasDecisions else { return }
    decidedBelow = max(decidedBelow, header.endOffset)
    lastDecidedEnd = max(lastDecidedEnd, header.endOffset)
    guard header.endOffset > max(sinkCursor, state.sinkCursor), undelivered.last.map({ $0.header.endOffset <= header.baseOffset }) ?? true
    else { return }
    undelivered.append(HeldRecord(chunk: RecordChunk(records: Array(record)), range: 0..<record.count, header: header))
  }

  private mutating func truncate(to offset: Offset) throws(ApplyError) {
    if let known = gap, offset <= known { gap = nil }
    let end = max(offset, base)
    guard end >= state.applied else { throw .unreadable(id, offset, "the log was cut below what had committed") }  // R8
    log.truncate(to: end)
    while let last = uncommitted.last, last.header.endOffset > end { uncommitted.removeLast() }
  }

  /// Whatever came before is of a copy that is gone.
  private mutating func drop() {
    gap = nil
    birth = nil
    below = base..<base
    if base == .zero {
      state = PartitionState(dedupHorizon: state.dedupHorizon)
      log = EpochTable()
      undelivered.removeAll()
      bundles = []
    } else {
      log.truncate(to: state.applied)
    }
    uncommitted.removeAll()
  }
}
