import Wire

/// What a restore writes: the backup's contents, raised above everything that may have been given since the backup was taken (R2).
///
/// Epochs, by their high half; and the ids of partitions, operations, nodes and transfers, and the store's revision, which maps
/// carry: each goes on far above. What the workers have seen raises them once more where that was not enough.
public struct Restoration: Sendable {
  public let transaction: MetadataTransaction
  /// The number of this restore, from 1 on.
  public let restores: UInt32
  /// For whoever asks for it, what it does, line by line.
  public let steps: [String]

  /// - Parameters:
  ///   - current: what the store holds now; empty where it is new or was lost.
  ///   - requester: who asks, for the audit log.
  ///   - wall: milliseconds since the Unix epoch.
  public init(_ backup: BackupFile, over current: MetadataSnapshot, by requester: String, reason: String, wall: Int64)
    throws(MetadataStoreError)
  {
    var state = try ClusterState(backup.contents)
    let present: ClusterState? = current.entries.isEmpty ? nil : try ClusterState(current)
    if let present, present.cluster.id != state.cluster.id {
      throw MetadataStoreError(
        .format, "the backup is of cluster \(state.cluster.id), and the store has \(present.cluster.id): restore it where it belongs")
    }
    let restores = max(state.cluster.restores, present?.cluster.restores ?? 0) + 1
    guard restores <= ClusterRecord.restoresMax else {
      throw MetadataStoreError(.full, "the store has been restored \(restores - 1) times, and can't be once more: found a new cluster")
    }
    if let present { state.keep(present) }
    state.cluster.restores = restores
    // After the partitions that the backup has, and far above those that it does not know of.
    state.nextPartition = PartitionID(max(state.nextPartition.rawValue, state.cluster.partitionsFrom))
    state.nextTransfer = TransferID(max(state.nextTransfer.rawValue, state.cluster.transfersFrom))
    // What partitions have of items that the backup does not know of goes: they begin anew with those that it has.
    state.listCounter.last = max(state.listCounter.last, state.cluster.listVersionsAbove)
    state.listCounter.floor = state.listCounter.last
    state.listItems.removeAll { $0.item.operation == .drop }
    for key in [MetadataKey.nextPartition, .nextTransfer, .listCounter] where state.revisions[key] == nil {
      state.revisions[key] = state.revision
    }
    state.restore = RestoreRecord(takenAt: backup.takenAt, givenUp: state.restore?.givenUp ?? [])
    let ended = state.endOperations(wall: wall)
    state.audit.append(
      AuditRecord(
        after: state.audit.last, time: wall, who: ClusterDraft.cut(requester),
        what: ClusterDraft.cut("restore the store from a backup of revision \(backup.contents.revision), because: \(reason)"),
        outcome: "restored, for the \(restores). time"))
    self.restores = restores
    steps = Self.steps(backup, state, present, ended)
    transaction = Self.transaction(state.snapshot, backup, current, revisionMin: state.cluster.revisionMin)
  }

  private static func transaction(
    _ wanted: MetadataSnapshot, _ backup: BackupFile, _ current: MetadataSnapshot, revisionMin: UInt64
  ) -> MetadataTransaction {
    var transaction = MetadataTransaction()
    transaction.revisionMin = max(revisionMin, wanted.revision + 1)
    for (key, entry) in wanted.entries.sorted(by: { $0.key < $1.key }) {
      if key.isBundle {
        // A bundle's key is its contents' hash: what is there already is the same.
        if current.entries[key] == nil, let contents = backup.contents.entries[key]?.value {
          transaction.puts.append(.init(key: key, value: contents))
        }
      } else {
        transaction.puts.append(.init(key: key, value: entry.value))
      }
    }
    for key in current.entries.keys.sorted() where wanted.entries[key] == nil && !key.isBundle { transaction.deletes.append(key) }
    return transaction
  }

  private static func steps(_ backup: BackupFile, _ state: ClusterState, _ present: ClusterState?, _ ended: [OperationRecord]) -> [String] {
    var steps = [
      "the store of cluster '\(state.cluster.name)' goes back to revision \(backup.contents.revision): "
        + "\(state.nodes.count) workers, \(state.partitions.count) partitions, \(state.bundles.count) bundles"
    ]
    if let present {
      steps.append("what it holds now, revision \(present.revision), is replaced; bundles and the audit log stay")
    }
    steps.append("this is restore \(state.cluster.restores): epochs, ids and revisions go on above all that were given before")
    for record in ended { steps.append("operation \(record.id.rawValue) (\(record.request.name)), which was under way, is over") }
    steps.append(
      "when the coordinator runs, nothing is elected until every copy's worker has told what it has; the newest record of each partition "
        + "holds, also of partitions that were split or merged since")
    steps.append("workers that serve go on serving meanwhile; one that never comes back is given up with 'assay node give-up'")
    steps.append("what was published since the backup is to be published again, and hot items of lists are to be edited again")
    return steps
  }
}

extension ClusterState {
  /// What the present store knows and a backup can't: which processes and disks there have been since, and what operators did.
  fileprivate mutating func keep(_ present: ClusterState) {
    revision = max(revision, present.revision)
    nextPartition = max(nextPartition, present.nextPartition)
    nextTransfer = max(nextTransfer, present.nextTransfer)
    listCounter.last = max(listCounter.last, present.listCounter.last)
    bundles.formUnion(present.bundles)
    for index in nodes.indices {
      guard let known = present.node(nodes[index].id), known.storage == nodes[index].storage else { continue }
      // R6: one lower than known is distrusted.
      nodes[index].incarnation = max(nodes[index].incarnation, known.incarnation)
    }
    if let last = audit.last {
      if present.audit.contains(last) { audit = present.audit }
    } else {
      audit = present.audit
    }
    for one in present.restore?.givenUp ?? [] {
      guard restore?.givenUp.contains(one) != true else { continue }
      var record = restore ?? RestoreRecord(isOpen: false, takenAt: 0)
      record.givenUp.append(one)
      restore = record
    }
  }

  /// Nothing that was under way when the backup was taken is gone on with: the workers may be anywhere in it, or long beyond.
  fileprivate mutating func endOperations(wall: Int64) -> [OperationRecord] {
    let open = openOperations
    for record in open {
      guard let index = operations.firstIndex(where: { $0.id == record.id }) else { continue }
      operations[index].state = .failed
      operations[index].note = "the store was restored from a backup that was taken meanwhile"
      operations[index].endedAt = max(wall, 1)
      switch record.request {
      case .drain(let node), .remove(let node):
        if let index = nodeIndex(node) { nodes[index].draining = false }
      default: break
      }
    }
    return open
  }
}
