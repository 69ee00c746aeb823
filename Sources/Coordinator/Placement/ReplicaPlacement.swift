import Wire

/// Chooses nodes for replicas: over as many zones as there are, then by least load, then by id, so that the same cluster
/// is always placed in the same way.
struct ReplicaPlacement {
  private struct Load {
    var node: NodeID
    var zone: String
    var replicas = 0
    var primaries = 0
  }

  /// Ascending by id.
  private var loads: [Load]

  /// `partitions` are those placed already.
  init(nodes: [NodeRecord], partitions: [PartitionRecord]) {
    loads = nodes.sorted { $0.id < $1.id }.map { Load(node: $0.id, zone: $0.zone) }
    for partition in partitions { count(partition.replicas) }
  }

  /// Nodes for a new partition, at most `count`, the preferred primary first.
  mutating func place(_ count: Int) -> [NodeID] {
    guard let first = best(excluding: [], by: { ($0.primaries, $0.replicas) }) else { return [] }
    var chosen = [first]
    while chosen.count < count, let next = substitute(for: chosen) { chosen.append(next) }
    self.count(chosen)
    return chosen
  }

  /// One more node for a partition that is on `present`; nil when all nodes have it.
  mutating func add(to present: [NodeID], inPlaceOf leaving: NodeID? = nil) -> NodeID? {
    guard let node = substitute(for: present, leaving) else { return nil }
    if let index = loads.firstIndex(where: { $0.node == node }) { loads[index].replicas += 1 }
    return node
  }

  private func substitute(for present: [NodeID], _ leaving: NodeID? = nil) -> NodeID? {
    let zones = loads.filter { present.contains($0.node) && $0.node != leaving }.map(\.zone)
    return best(excluding: present) { load in (zones.count { $0 == load.zone }, load.replicas) }
  }

  private func best(excluding present: [NodeID], by cost: (Load) -> (Int, Int)) -> NodeID? {
    loads.filter { !present.contains($0.node) }.min { cost($0) < cost($1) }?.node
  }

  private mutating func count(_ replicas: [NodeID]) {
    for (place, node) in replicas.enumerated() {
      guard let index = loads.firstIndex(where: { $0.node == node }) else { continue }
      loads[index].replicas += 1
      if place == 0 { loads[index].primaries += 1 }
    }
  }
}
