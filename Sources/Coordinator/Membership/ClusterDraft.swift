import Wire

/// The state as it is to become: the edits of one transaction, and what is owed to others once it has committed.
struct ClusterDraft {
  private(set) var state: ClusterState
  /// What holds of the nodes now, beyond their records.
  var liveness: Liveness
  /// Carried out after the commit, in order.
  var effects: [Effect] = []
  /// Planned hand-overs to be begun or gone on with, with their successors.
  var wantedHandOvers: [PartitionID: Member] = [:]
  /// Copies of a differing state that have been dealt with.
  var givenUp: [Divergence] = []
  /// Of operations that were given up.
  var cancelledHandOvers: Set<PartitionID> = []

  private let base: ClusterState
  private var changedNodes: Set<NodeID> = []
  private var changedPartitions: Set<PartitionID> = []
  private var changedOperations: Set<OperationID> = []
  private var changedListItems: Set<UInt64> = []
  private var bundlesToStore: [(id: BundleID, contents: [UInt8])] = []

  init(_ state: ClusterState, _ liveness: Liveness) {
    self.state = state
    self.liveness = liveness
    base = state
  }

  // MARK: Edits

  mutating func updateNode(_ id: NodeID, _ body: (inout NodeRecord) -> Void) {
    guard let index = state.nodeIndex(id) else { preconditionFailure("\(id) is not known") }
    body(&state.nodes[index])
    changedNodes.insert(id)
  }

  /// Ids only rise, but for those that were given before the store was restored.
  mutating func addNode(_ node: NodeRecord) {
    precondition(state.node(node.id) == nil, "\(node.id) is somebody else's")
    state.nodes.append(node)
    state.nodes.sort { $0.id < $1.id }
    changedNodes.insert(node.id)
  }

  /// Changes one record. Whatever the change is, it raises the version, and the epoch never falls (R1, R2).
  mutating func updatePartition(at index: Int, _ body: (inout PartitionRecord) -> Void) {
    let before = state.partitions[index]
    body(&state.partitions[index])
    let after = state.partitions[index]
    precondition(after.version > before.version, "\(after.id): a change raises the record's version")
    precondition(after.epoch >= before.epoch, "\(after.id): epochs only rise")
    precondition(
      after.primary == before.primary || after.primary == nil || after.epoch > before.epoch, "\(after.id): a new primary has a new epoch")
    if let problem = after.problem { preconditionFailure(problem) }
    changedPartitions.insert(after.id)
  }

  mutating func addOperation(_ record: OperationRecord) {
    precondition(record.id > state.operations.last?.id ?? OperationID(0), "operations' ids only rise")
    state.operations.append(record)
    changedOperations.insert(record.id)
  }

  mutating func updateOperation(_ id: OperationID, _ body: (inout OperationRecord) -> Void) {
    guard let index = state.operations.firstIndex(where: { $0.id == id }) else { preconditionFailure("\(id) is not known") }
    body(&state.operations[index])
    changedOperations.insert(id)
  }

  mutating func forgetOperation(_ id: OperationID) {
    state.operations.removeAll { $0.id == id }
    changedOperations.insert(id)
  }

  mutating func appendAudit(_ record: AuditRecord) {
    precondition(record.number == (state.audit.last?.number ?? 0) + 1, "the audit log has no gaps")
    state.audit.append(record)
    if state.audit.count > Self.auditMax { state.audit.removeFirst(state.audit.count - Self.auditMax) }
  }

  mutating func found(_ partitions: [PartitionRecord]) {
    precondition(state.partitions.isEmpty, "partitions are founded once")
    state.partitions = partitions
    changedPartitions.formUnion(partitions.map(\.id))
    state.nextPartition = PartitionID((partitions.map(\.id.rawValue).max() ?? 0) + 1)
  }

  /// R2: what the partitions are after a restore of the store, as the workers know them. Together they have all keys.
  mutating func recover(_ partitions: [PartitionRecord], epochsFrom restores: UInt32, partitionsAbove last: PartitionID) {
    changedPartitions.formUnion(state.partitions.map(\.id) + partitions.map(\.id))
    state.partitions = partitions.sorted { $0.range.first < $1.range.first }
    state.cluster.restores = restores
    state.nextPartition = PartitionID(max(state.nextPartition.rawValue, last.rawValue + 1, state.cluster.partitionsFrom))
    state.nextTransfer = TransferID(max(state.nextTransfer.rawValue, state.cluster.transfersFrom))
    state.restore?.isOpen = false
    if let problem = state.map.problem { preconditionFailure(problem) }
  }

  mutating func updateRestore(_ body: (inout RestoreRecord) -> Void) {
    guard state.restore != nil else { preconditionFailure("the store was not restored") }
    body(&state.restore!)
  }

  /// R12: others take the place of these. Together they have the same keys.
  mutating func replacePartitions(_ old: [PartitionID], with new: [PartitionRecord]) {
    precondition(new.allSatisfy { $0.id < state.nextPartition && state.partition($0.id) == nil }, "ids are taken before, and once")
    state.partitions.removeAll { old.contains($0.id) }
    state.partitions.append(contentsOf: new)
    state.partitions.sort { $0.range.first < $1.range.first }
    changedPartitions.formUnion(old + new.map(\.id))
    if let problem = state.map.problem { preconditionFailure(problem) }
  }

  /// R2: an id is given once.
  mutating func takePartitionID() -> PartitionID {
    defer { state.nextPartition = PartitionID(state.nextPartition.rawValue + 1) }
    return state.nextPartition
  }

  /// R13: a number is given once.
  mutating func takeTransferID() -> TransferID {
    defer { state.nextTransfer = TransferID(state.nextTransfer.rawValue + 1) }
    return state.nextTransfer
  }

  /// The newest of all items, in the place of the one that has its text.
  mutating func putListItem(_ record: ListItemRecord) {
    precondition(record.item.version > state.listCounter.last, "list versions only rise")
    if let index = state.listItems.firstIndex(where: { $0.item.isSame(as: record.item) }) { removeListItem(at: index) }
    state.listItems.append(record)
    state.listCounter.last = record.item.version
    changedListItems.insert(record.item.version)
  }

  /// Nobody is told of a drop any more: whoever has not heard of it yet begins anew.
  mutating func forgetListDrop(at index: Int) {
    state.listCounter.floor = max(state.listCounter.floor, state.listItems[index].item.version)
    removeListItem(at: index)
  }

  private mutating func removeListItem(at index: Int) { changedListItems.insert(state.listItems.remove(at: index).item.version) }

  mutating func updateRollout(_ body: (inout RolloutRecord) -> Void) { body(&state.rollout) }

  mutating func updateSettings(_ settings: ClusterSettings) { state.settings = settings }

  mutating func store(_ id: BundleID, _ contents: [UInt8]) {
    guard state.bundles.insert(id).inserted else { return }
    bundlesToStore.append((id, contents))
  }

  mutating func note(_ event: CoordinatorEvent) { effects.append(.note(event)) }

  // MARK: Outcome

  /// The compare-and-set that turns the base into this draft; nil where nothing has changed.
  func transaction() -> MetadataTransaction? {
    var transaction = MetadataTransaction()
    func replace(_ key: MetadataKey, _ value: [UInt8]) {
      transaction.replace(key, at: base.revisions[key] ?? 0, with: value)
    }
    func remove(_ key: MetadataKey) {
      transaction.conditions.append(.init(key: key, revision: base.revisions[key] ?? 0))
      transaction.deletes.append(key)
    }
    for id in changedNodes.sorted() where state.node(id) != base.node(id) { replace(.node(id), state.node(id)!.encoded) }
    for id in changedPartitions.sorted() where state.partition(id) != base.partition(id) {
      if let record = state.partition(id) { replace(.partition(id), record.encoded) } else { remove(.partition(id)) }
    }
    if state.cluster != base.cluster {
      replace(.cluster, state.cluster.encoded)
      transaction.revisionMin = state.cluster.revisionMin
    }
    if let restore = state.restore, restore != base.restore { replace(.restore, restore.encoded) }
    if state.nextPartition != base.nextPartition { replace(.nextPartition, PartitionCounter(next: state.nextPartition).encoded) }
    if state.nextTransfer != base.nextTransfer { replace(.nextTransfer, TransferCounter(next: state.nextTransfer).encoded) }
    for id in changedOperations.sorted() where state.operation(id) != base.operation(id) {
      if let record = state.operation(id) {
        replace(.operation(id), record.encoded)
      } else {
        remove(.operation(id))
      }
    }
    let audited = base.audit.last?.number ?? 0
    for record in state.audit where record.number > audited { replace(.audit(record.number), record.encoded) }
    if let oldest = state.audit.first?.number { for record in base.audit where record.number < oldest { remove(.audit(record.number)) } }
    if state.listCounter != base.listCounter { replace(.listCounter, state.listCounter.encoded) }
    for version in changedListItems.sorted() {
      if let record = state.listItem(version) {
        replace(.listItem(version), record.encoded)
      } else if base.listItem(version) != nil {
        remove(.listItem(version))
      }
    }
    if state.rollout != base.rollout { replace(.rollout, state.rollout.encoded) }
    if state.settings != base.settings { replace(.settings, state.settings.encoded) }
    for bundle in bundlesToStore { replace(.bundle(bundle.id), bundle.contents) }
    return transaction.puts.isEmpty && transaction.deletes.isEmpty ? nil : transaction
  }

  /// Whether somebody became or stopped being a primary: such a map is pushed at once.
  var movesPrimaries: Bool {
    changedPartitions.contains { state.partition($0)?.epoch != base.partition($0)?.epoch }
  }

  /// The state after `transaction` has committed at `revision`.
  func committed(_ transaction: MetadataTransaction, at revision: UInt64) -> ClusterState {
    var state = state
    state.revision = revision
    for put in transaction.puts { state.revisions[put.key] = revision }
    for key in transaction.deletes { state.revisions[key] = nil }
    return state
  }
}

extension ClusterDraft {
  /// What is owed once a change is durable; never before (R1).
  enum Effect: Equatable, Sendable {
    case joined(SessionID, correlation: UInt64, NodeID)
    case proposalAnswered(SessionID, correlation: UInt64, ISRAnswer.Outcome, PartitionID)
    case bundlePublished(SessionID, correlation: UInt64, BundleID)
    case operationStarted(SessionID, correlation: UInt64, OperationID, OperationPlan)
    case operationAborted(SessionID, correlation: UInt64, OperationID)
    case listEdited(SessionID, correlation: UInt64, UInt64)
    case transferIssued(TransferSession)
    /// R2: every worker has to tell once more what it has.
    case recordsWanted
    case failed(SessionID, correlation: UInt64, Failure)
    case note(CoordinatorEvent)
  }

  /// Facts about the nodes that are in no record: they are true now, and may be false in a second.
  struct Liveness: Equatable, Sendable {
    /// Connected, heard within half the lease, of the incarnation on record: may be given something to do.
    var fit: Set<NodeID> = []
    /// Bundles that each node has reported as loaded.
    var bundles: [NodeID: Set<BundleID>] = [:]
    /// There, and not to be waited for: their disks give no answer. None of them is fit.
    var stalled: Set<NodeID> = []
    /// Fit, and much slower than the others.
    var limping: Set<NodeID> = []
    /// Fit, and without room for transactions.
    var full: Set<NodeID> = []
    /// Fit, and without a way to each other.
    var cuts: Set<NodePair> = []
    /// When each worker last said whom it hears.
    var reportedAt: [NodeID: Int64] = [:]
    /// Nodes that have been fit for long enough to be given their roles back.
    var settled: Set<NodeID> = []
    /// Nodes gone for so long that their replicas are placed anew.
    var lost: Set<NodeID> = []
    /// What the nodes have last said of their copies.
    var reports: [NodeID: [ReplicaReport]] = [:]
    /// What the workers have said of splits and merges under way.
    var successions: [OperationID: SuccessionProgress] = [:]
    /// Copies whose state was not the others' at a checkpoint.
    var diverged: [Divergence] = []
    /// Planned hand-overs under way, and those that came to nothing.
    var handOvers: [PartitionID: HandOverProgress] = [:]
    var handOverFailures: [PartitionID: HandOverFailure] = [:]
  }
}
