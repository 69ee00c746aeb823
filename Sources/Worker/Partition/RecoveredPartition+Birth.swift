import Models
import Wire

/// Successors in a journal (R12). A `born` record stands behind the parents' seals, and says that these had committed: the
/// parents are applied that far, and the child is made of them once more. So what a split makes is on the disk with a few
/// bytes, at the same moment on which the replica calls itself prepared.
extension Dictionary where Key == PartitionID, Value == RecoveredPartition {
  /// A `born` record, in the place in which the journal has it.
  ///
  /// Its parents' logs may have been cut: then it was not needed any more, and the journal has its end too. That it has is seen when
  /// everything has been replayed (`RecoveredPartition.finish`).
  mutating func replayBirth(
    _ header: LogRecord, _ record: UnsafeRawBufferPointer, dedupHorizon: Int64, sinkCursor: Offset, bundle: (BundleID) -> Bundle?
  ) throws(ApplyError) {
    let id = header.partition
    let succession = try Self.succession(header, record)
    if let known = self[id] {
      // Known from a snapshot; from that of its birth, it may wait for its place in the map still.
      guard known.state.applied == PartitionState.birthEnd else { return }
      let needs = succession.parents.map { parent in
        Birth.Need(parent: parent, from: self[parent].map { $0.snapshots.count > 1 ? $0.snapshots[0] : .zero } ?? .zero)
      }
      return self[id]!.isBorn(by: succession, needs)
    }
    guard let child = succession.children.first(where: { $0.id == id }) else {
      throw .unreadable(id, .zero, "operation \(succession.operation) made no \(id)")
    }
    var parts: [PartitionState] = []
    var needs: [Birth.Need] = []
    for parent in succession.parents {
      guard self[parent]?.isReadable == true else {
        return self[id] = RecoveredPartition(id: id, dedupHorizon: dedupHorizon, sinkCursor: sinkCursor, lacks: .zero)
      }
      let snapshots = self[parent]!.snapshots
      needs.append(Birth.Need(parent: parent, from: snapshots.count > 1 ? snapshots[0] : .zero))
      // Sealed once, and not any more: nothing came of this child.
      guard let part = try self[parent]!.part(child.range, sealedBy: succession, bundle: bundle) else { return }
      parts.append(part)
    }
    self[id] = RecoveredPartition(id: id, succession, PartitionState.merged(parts), needs, sinkCursor: sinkCursor)
  }

  private static func succession(_ header: LogRecord, _ record: UnsafeRawBufferPointer) throws(ApplyError) -> Succession {
    do throws(WireError) {
      let payload = UnsafeRawBufferPointer(rebasing: record[LogRecord.headerSize..<header.length])
      return try Succession(reading: RawSpan(_unsafeBytes: payload))
    } catch {
      throw .unreadable(header.partition, .zero, "\(error)")
    }
  }
}

extension RecoveredPartition {
  /// What the sealed state has in `range`. The seal is known to have committed. Nil where it has been taken back: so it stands
  /// in a snapshot that was made later, or in commit marks before the `born` record of another loop.
  fileprivate mutating func part(
    _ range: KeyRange, sealedBy succession: Succession, bundle: (BundleID) -> Bundle?
  ) throws(ApplyError) -> PartitionState? {
    if succession.isForced { return try state.forcedPart(range, applying: uncommitted, bundle: bundle) }
    if let last = uncommitted.lastIndex(where: { $0.isSeal(of: succession) }) {
      let end = uncommitted[last].header.endOffset
      while let first = uncommitted.first, first.header.endOffset <= end { try applyNext(bundle) }
    }
    return state.seal?.succession == succession ? state.part(range) : nil
  }
}

extension HeldRecord {
  fileprivate func isSeal(of succession: Succession) -> Bool {
    guard header.kind == .seal else { return false }
    return chunk.withRecord(range) { record in
      let payload = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: record[LogRecord.headerSize..<header.length]))
      return (try? Succession(reading: payload)) == succession
    }
  }
}
