import Wire

/// The truth about the cluster: exactly what is in the metadata store, decoded. Changed only by a committed transaction.
public struct ClusterState: Equatable, Sendable {
  public internal(set) var cluster: ClusterRecord
  public internal(set) var settings: ClusterSettings
  /// Ascending by id. A node is never removed: its id is its own for ever.
  public internal(set) var nodes: [NodeRecord]
  /// Ascending by range; tile the key space, or are none before the bootstrap.
  public internal(set) var partitions: [PartitionRecord]
  public internal(set) var rollout: RolloutRecord
  /// The id of the next partition. Those below have been given, and are never given again (R2).
  public internal(set) var nextPartition: PartitionID
  /// The last restore of the store; nil where there was none.
  public internal(set) var restore: RestoreRecord?
  /// The number of the next transfer session.
  public internal(set) var nextTransfer: TransferID
  /// Ascending by id: those under way, and the newest of those that are over.
  public internal(set) var operations: [OperationRecord]
  /// What operators have asked for, ascending by number.
  public internal(set) var audit: [AuditRecord]
  /// Hot items of lists, by rising version, with those that were dropped lately.
  public internal(set) var listItems: [ListItemRecord]
  public internal(set) var listCounter: ListCounter
  /// Bundles in the store.
  public internal(set) var bundles: Set<BundleID>
  /// The store's.
  public internal(set) var revision: UInt64
  /// Of each key, for compare-and-set.
  var revisions: [MetadataKey: UInt64]

  /// The transaction that founds a cluster on an empty store.
  public static func founding(_ cluster: ClusterRecord, _ settings: ClusterSettings) -> MetadataTransaction {
    precondition(settings.problem == nil, "settings are checked before a cluster is founded on them")
    var transaction = MetadataTransaction()
    transaction.replace(.cluster, at: 0, with: cluster.encoded)
    transaction.replace(.settings, at: 0, with: settings.encoded)
    transaction.replace(.rollout, at: 0, with: RolloutRecord().encoded)
    return transaction
  }

  /// Decodes a founded store's contents.
  public init(_ snapshot: MetadataSnapshot) throws(MetadataStoreError) {
    cluster = try Self.value(.cluster, snapshot)
    settings = try Self.value(.settings, snapshot)
    rollout = try Self.value(.rollout, snapshot)
    nextPartition = PartitionID(1)
    nextTransfer = TransferID(1)
    nodes = []
    partitions = []
    operations = []
    audit = []
    bundles = []
    listItems = []
    listCounter = ListCounter()
    restore = snapshot.entries[.restore] == nil ? nil : try Self.value(.restore, snapshot)
    revision = snapshot.revision
    revisions = snapshot.entries.mapValues(\.revision)
    for key in snapshot.entries.keys.sorted() {
      if key.text.hasPrefix(MetadataKey.nodePrefix) {
        nodes.append(try Self.value(key, snapshot))
      } else if key.text.hasPrefix(MetadataKey.partitionPrefix) {
        partitions.append(try Self.value(key, snapshot))
      } else if key.text.hasPrefix(MetadataKey.operationPrefix) {
        operations.append(try Self.value(key, snapshot))
      } else if key.text.hasPrefix(MetadataKey.auditPrefix) {
        audit.append(try Self.value(key, snapshot))
      } else if key.text.hasPrefix(MetadataKey.listItemPrefix) {
        listItems.append(try Self.value(key, snapshot))
      } else if key.text.hasPrefix(MetadataKey.bundlePrefix), let id = BundleID(key.text.dropFirst(MetadataKey.bundlePrefix.count)) {
        bundles.insert(id)
      } else if ![.cluster, .settings, .rollout, .nextPartition, .nextTransfer, .restore, .listCounter].contains(key) {
        throw MetadataStoreError(.format, "the store holds '\(key)', which this version does not know: run the newer version that wrote it")
      }
    }
    if snapshot.entries[.nextTransfer] != nil { nextTransfer = (try Self.value(.nextTransfer, snapshot) as TransferCounter).next }
    if snapshot.entries[.listCounter] != nil { listCounter = try Self.value(.listCounter, snapshot) }
    if snapshot.entries[.nextPartition] != nil {
      nextPartition = (try Self.value(.nextPartition, snapshot) as PartitionCounter).next
    } else if let last = partitions.map(\.id).max() {
      nextPartition = PartitionID(last.rawValue + 1)
    }
    operations.sort { $0.id < $1.id }
    partitions.sort { $0.range.first < $1.range.first }
    if let problem = map.problem {
      throw MetadataStoreError(.damaged, "the store's records contradict each other (\(problem)): restore it from its newest backup")
    }
  }

  /// The store's contents again, but for the bundles', which come empty.
  public var snapshot: MetadataSnapshot {
    var values: [MetadataKey: [UInt8]] = [.cluster: cluster.encoded, .settings: settings.encoded, .rollout: rollout.encoded]
    if revisions[.nextPartition] != nil { values[.nextPartition] = PartitionCounter(next: nextPartition).encoded }
    if revisions[.nextTransfer] != nil { values[.nextTransfer] = TransferCounter(next: nextTransfer).encoded }
    if revisions[.listCounter] != nil { values[.listCounter] = listCounter.encoded }
    for record in listItems { values[.listItem(record.item.version)] = record.encoded }
    if let restore { values[.restore] = restore.encoded }
    for node in nodes { values[.node(node.id)] = node.encoded }
    for partition in partitions { values[.partition(partition.id)] = partition.encoded }
    for operation in operations { values[.operation(operation.id)] = operation.encoded }
    for record in audit { values[.audit(record.number)] = record.encoded }
    for bundle in bundles { values[.bundle(bundle)] = [] }
    var snapshot = MetadataSnapshot(revision: revision)
    for (key, value) in values { snapshot.entries[key] = .init(value: value, revision: revisions[key] ?? revision) }
    return snapshot
  }

  /// The map of this revision.
  public var map: ClusterMap {
    ClusterMap(
      cluster: cluster.id, version: MapVersion(revision), settings: settings, nodes: nodes, partitions: partitions,
      activeBundle: rollout.active, previousBundle: rollout.previous, candidateBundle: rollout.candidate)
  }

  public func node(_ id: NodeID) -> NodeRecord? { nodeIndex(id).map { nodes[$0] } }
  public func node(named name: String) -> NodeRecord? { nodes.first { $0.name == name } }

  /// Binary search.
  func nodeIndex(_ id: NodeID) -> Int? {
    var low = 0
    var high = nodes.count
    while low < high {
      let middle = (low + high) / 2
      if nodes[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low < nodes.count && nodes[low].id == id ? low : nil
  }

  public func partition(_ id: PartitionID) -> PartitionRecord? { partitionIndex(id).map { partitions[$0] } }

  func partitionIndex(_ id: PartitionID) -> Int? {
    // Ids follow ranges until a split: look there first.
    let guess = Int(id.rawValue) - 1
    if partitions.indices.contains(guess), partitions[guess].id == id { return guess }
    return partitions.firstIndex { $0.id == id }
  }

  /// How many partitions the cluster was founded with; nil before that, and once splits or merges have changed them.
  var foundedPartitions: Int? {
    guard !partitions.isEmpty, Int(nextPartition.rawValue) == partitions.count + 1 else { return nil }
    return partitions.count
  }

  private static func value<Value: WireValue>(
    _ key: MetadataKey, _ snapshot: MetadataSnapshot
  ) throws(MetadataStoreError) -> Value {
    guard let entry = snapshot.entries[key] else {
      throw MetadataStoreError(.damaged, "the store has no '\(key)': restore it from its newest backup")
    }
    do throws(WireError) {
      return try Value(reading: entry.value.span.bytes)
    } catch {
      throw MetadataStoreError(.damaged, "the store's '\(key)' can't be read (\(error)): restore it from its newest backup")
    }
  }
}
