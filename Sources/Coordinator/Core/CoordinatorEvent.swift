import Wire

/// Something an operator wants to find in the log afterwards.
public enum CoordinatorEvent: Equatable, Sendable {
  case nodeJoined(NodeID, name: String)
  case nodeRestarted(NodeID, name: String, Incarnation)
  case storageReplaced(NodeID, name: String)
  case nodeReturned(NodeID, name: String)
  case nodeGone(NodeID, name: String, reason: String)
  case joinRefused(name: String, reason: String)
  case conditionChanged(NodeID, name: String, NodeCondition, HealthReport.Disk)
  case partitionsFounded(count: Int, workers: Int)
  case primaryChanged(PartitionID, from: NodeID?, to: NodeID, Epoch)
  case handedOver(PartitionID, from: NodeID?, to: NodeID, Epoch)
  case noPrimary(PartitionID)
  case removedFromISR(PartitionID, NodeID, reason: String)
  case addedToISR(PartitionID, NodeID)
  case proposalRefused(PartitionID, ISRAnswer.Outcome)
  case replicaPlaced(PartitionID, NodeID)
  case replicaDropped(PartitionID, NodeID)
  case bundleStored(BundleID, bytes: Int)
  case bundleActivated(BundleID)
  case operationStarted(OperationID, String, by: String)
  case operationEnded(OperationID, String, OperationRecord.State, note: String)
  case partitionsReplaced([PartitionID], by: [PartitionID], sealedMilliseconds: Int64)
  case transferIssued(TransferSession)
  case stateDiverged(PartitionID, NodeID, name: String, Offset, isGivenUp: Bool)
  case partitionForced(PartitionID, by: PartitionID, NodeID)
  case settingsChanged
  case settingsDiffer([String])
  case partitionsDiffer(configured: Int, founded: Int)
  case pauseNoticed(milliseconds: Int64)
  case conflict
  case storeRestored(restores: UInt32, waitsFor: Int)
  case storeRecovered(partitions: Int, restores: UInt32)
  case givenUp(NodeID, name: String)

  /// Whether it deserves more than the level `info`.
  public var isWarning: Bool {
    switch self {
    case .operationEnded(_, _, let state, _): state == .failed
    case .conditionChanged(_, _, let condition, _): condition != .well
    case .settingsDiffer, .partitionsDiffer, .partitionForced, .stateDiverged, .storageReplaced, .nodeGone, .joinRefused, .noPrimary,
      .pauseNoticed, .conflict, .storeRestored, .givenUp:
      true
    default: false
    }
  }

  /// Whether it is of use only to who looks for something: a primary may propose again and again.
  public var isDetail: Bool { if case .proposalRefused = self { true } else { false } }

  /// Static text; what varies is in `metadata`.
  public var message: String {
    switch self {
    case .nodeJoined: "worker joined"
    case .nodeRestarted: "worker restarted"
    case .storageReplaced: "worker came back with another disk, its roles are taken away"
    case .nodeReturned: "worker is back"
    case .nodeGone: "worker is gone"
    case .joinRefused: "worker refused"
    case .conditionChanged(_, _, .well, _): "worker is well again"
    case .conditionChanged(_, _, .stalled, _): "worker's disk gives no answer: others take over what it leads"
    case .conditionChanged: "worker limps: it is much slower than the others"
    case .partitionsFounded: "partitions placed for the first time"
    case .primaryChanged: "primary changed"
    case .handedOver: "primary handed over"
    case .noPrimary: "partition has no electable replica alive and waits"
    case .removedFromISR: "replica removed from the in-sync set"
    case .addedToISR: "replica added to the in-sync set"
    case .proposalRefused: "proposal refused"
    case .replicaPlaced: "replica placed"
    case .replicaDropped: "replica dropped"
    case .bundleStored: "bundle stored"
    case .bundleActivated: "bundle activated"
    case .operationStarted: "operation started"
    case .operationEnded: "operation is over"
    case .partitionsReplaced: "partitions have been replaced by their successors"
    case .partitionForced: "an operator had a copy take a partition's place; what it lacked is lost"
    case .transferIssued: "a copy is to be fed a snapshot"
    case .stateDiverged(_, _, _, _, isGivenUp: true):
      "a copy's state differs from the others' at a checkpoint: it is given up and made anew; report this, and test that machine's memory"
    case .stateDiverged:
      "a copy's state differs from the others' at a checkpoint, and there are too few without it: it stays until there are more"
    case .settingsChanged: "cluster settings changed by the configuration"
    case .settingsDiffer:
      "this coordinator's configuration differs from the cluster's settings, which hold: correct the file, or add change_settings: true"
    case .partitionsDiffer:
      "the configuration has another number of partitions than the cluster, which keeps its own: correct the file; splits and merges change the cluster"
    case .pauseNoticed: "the coordinator was paused; all leases start anew"
    case .storeRestored: "the store was restored from a backup: nothing is elected until every copy's worker has told what it has"
    case .storeRecovered: "every copy's worker has told what it has; primaries are elected again"
    case .givenUp: "an operator has the cluster go on without a worker's copies"
    case .conflict: "the store was changed by another coordinator; reading it again"
    }
  }

  public var metadata: [(key: String, value: String)] {
    switch self {
    case .nodeJoined(let node, let name), .storageReplaced(let node, let name), .nodeReturned(let node, let name):
      [("node", "\(node)"), ("name", name)]
    case .nodeRestarted(let node, let name, let incarnation):
      [("node", "\(node)"), ("name", name), ("incarnation", "\(incarnation)")]
    case .nodeGone(let node, let name, let reason): [("node", "\(node)"), ("name", name), ("reason", reason)]
    case .joinRefused(let name, let reason): [("name", name), ("reason", reason)]
    case .conditionChanged(let node, let name, let condition, let disk):
      [
        ("node", "\(node)"), ("name", name), ("condition", "\(condition)"), ("stalled_ms", "\(disk.stalledMilliseconds)"),
        ("sync_us", "\(disk.medianMicroseconds)"),
      ]
    case .partitionsFounded(let count, let workers): [("partitions", "\(count)"), ("workers", "\(workers)")]
    case .primaryChanged(let partition, let from, let to, let epoch), .handedOver(let partition, let from, let to, let epoch):
      [("partition", "\(partition)"), ("from", from.map { "\($0)" } ?? "none"), ("to", "\(to)"), ("epoch", "\(epoch)")]
    case .noPrimary(let partition): [("partition", "\(partition)")]
    case .removedFromISR(let partition, let node, let reason):
      [("partition", "\(partition)"), ("node", "\(node)"), ("reason", reason)]
    case .addedToISR(let partition, let node), .replicaPlaced(let partition, let node), .replicaDropped(let partition, let node):
      [("partition", "\(partition)"), ("node", "\(node)")]
    case .proposalRefused(let partition, let outcome): [("partition", "\(partition)"), ("outcome", "\(outcome)")]
    case .bundleStored(let bundle, let bytes): [("bundle", "\(bundle)"), ("bytes", "\(bytes)")]
    case .bundleActivated(let bundle): [("bundle", "\(bundle)")]
    case .operationStarted(let id, let what, let requester):
      [("operation", "\(id)"), ("kind", what), ("by", requester)]
    case .operationEnded(let id, let what, let state, let note):
      [("operation", "\(id)"), ("kind", what), ("state", "\(state)"), ("note", note)]
    case .transferIssued(let transfer):
      [
        ("partition", "\(transfer.partition)"), ("session", "\(transfer.id)"), ("from", "\(transfer.source.node)"),
        ("to", "\(transfer.target.node)"),
      ]
    case .stateDiverged(let partition, let node, let name, let offset, _):
      [("partition", "\(partition)"), ("node", "\(node)"), ("name", name), ("offset", "\(offset)")]
    case .partitionForced(let old, let new, let node): [("partition", "\(old)"), ("successor", "\(new)"), ("node", "\(node)")]
    case .pauseNoticed(let milliseconds): [("milliseconds", "\(milliseconds)")]
    case .partitionsReplaced(let parents, let children, let milliseconds):
      [
        ("parents", parents.map { "\($0)" }.joined(separator: " ")), ("children", children.map { "\($0)" }.joined(separator: " ")),
        ("sealed_ms", "\(milliseconds)"),
      ]
    case .partitionsDiffer(let configured, let founded): [("configured", "\(configured)"), ("partitions", "\(founded)")]
    case .settingsDiffer(let differences): [("differences", differences.joined(separator: ", "))]
    case .storeRestored(let restores, let count): [("restores", "\(restores)"), ("waits_for", "\(count)")]
    case .storeRecovered(let partitions, let restores): [("partitions", "\(partitions)"), ("restores", "\(restores)")]
    case .givenUp(let node, let name): [("node", "\(node)"), ("name", name)]
    case .settingsChanged, .conflict: []
    }
  }
}
