extension ClusterMap {
  /// Index in `partitions` of the one that owns `key`; nil while there are none. Binary search.
  public func partitionIndex(for key: KeyHash) -> Int? {
    var low = 0
    var high = partitions.count
    while low < high {
      let middle = (low + high) / 2
      if partitions[middle].range.last < key { low = middle + 1 } else { high = middle }
    }
    return low < partitions.count && partitions[low].range.contains(key) ? low : nil
  }

  /// The partition that owns `key`; nil while there are none.
  public func partition(for key: KeyHash) -> PartitionRecord? { partitionIndex(for: key).map { partitions[$0] } }

  /// Linear in the partitions: for the few questions that come with an id and no key.
  public func partition(_ id: PartitionID) -> PartitionRecord? { partitions.first { $0.id == id } }

  /// Binary search by id.
  public func node(_ id: NodeID) -> NodeRecord? {
    var low = 0
    var high = nodes.count
    while low < high {
      let middle = (low + high) / 2
      if nodes[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low < nodes.count && nodes[low].id == id ? nodes[low] : nil
  }

  /// The node that may act as primary for `key`; nil while the partition has none.
  public func primary(for key: KeyHash) -> NodeRecord? {
    partition(for: key)?.primary.flatMap { node($0.node) }
  }
}

extension ClusterMap {
  /// Workers that hold replicas of the same partitions as `node`, ascending.
  public func companions(of node: NodeID) -> [NodeID] {
    var found: Set<NodeID> = []
    for partition in partitions where partition.replicas.contains(node) { found.formUnion(partition.replicas) }
    found.remove(node)
    return found.sorted()
  }
}
