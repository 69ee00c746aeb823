import Wire

extension ClusterDraft {
  /// Founds the partitions once enough workers are there: empty logs everywhere, so every replica is in sync.
  mutating func bootstrap(_ policy: CoordinatorPolicy) {
    let fit = state.nodes.filter { liveness.fit.contains($0.id) && !$0.draining }
    guard state.partitions.isEmpty, fit.count >= max(policy.expectedWorkers, state.settings.minInSync) else { return }
    let first = Epoch(restore: state.cluster.restores, number: 1)
    var placement = ReplicaPlacement(nodes: fit, partitions: [])
    let members = Dictionary(uniqueKeysWithValues: fit.map { ($0.id, $0.member) })
    let ranges = KeyRange.tiles(policy.partitions)
    found(
      ranges.enumerated().map { index, range in
        let replicas = placement.place(state.settings.replicas)
        return PartitionRecord(
          id: PartitionID(UInt32(index + 1)), range: range, epoch: first, version: RecordVersion(1),
          primary: members[replicas[0]], isr: replicas.compactMap { members[$0] }.sorted { $0.node < $1.node },
          replicas: replicas)
      })
    note(.partitionsFounded(count: ranges.count, workers: fit.count))
  }

  /// Gives partitions with too few replicas one more, and lets go of those that have been replaced. A partition whose
  /// only copy is on a dead node stays with it: another node would begin empty.
  mutating func reviewReplicas(_ policy: CoordinatorPolicy) {
    var learners = state.partitions.reduce(0) { sum, partition in
      sum + partition.learners.count { !liveness.lost.contains($0) }
    }
    let hosts = state.nodes.filter {
      liveness.fit.contains($0.id) && !liveness.limping.contains($0.id) && !liveness.full.contains($0.id) && !$0.draining
    }
    var placement = ReplicaPlacement(nodes: hosts, partitions: state.partitions)
    for index in state.partitions.indices {
      let partition = state.partitions[index]
      let present = partition.replicas.filter { !liveness.lost.contains($0) }
      if partition.isr.count >= state.settings.replicas, spare(partition) != nil, let primary = partition.primary {
        // It leaves when the epoch changes (`settleHandOvers`).
        wantHandOver(partition.id, to: primary.node, policy)
      } else if present.count < state.settings.replicas, partition.replicas.count < ClusterLimit.replicas,
        learners < policy.learnersMax, let primary = partition.primary, liveness.fit.contains(primary.node),
        let node = placement.add(to: partition.replicas)
      {
        learners += 1
        updatePartition(at: index) { $0.place(node) }
        note(.replicaPlaced(partition.id, node))
      }
    }
  }

  /// A replica beyond the number wanted, which nothing depends on.
  func spare(_ partition: PartitionRecord) -> NodeID? {
    guard partition.replicas.count > state.settings.replicas, !isMoving(partition.id) else { return nil }
    return partition.replicas.last { partition.electable($0) == nil && liveness.lost.contains($0) }
      ?? partition.replicas.last { partition.electable($0) == nil }
  }

  /// Whether an operation is copying it at the moment.
  func isMoving(_ id: PartitionID) -> Bool {
    state.openOperations.contains { if case .move(id, _, _) = $0.request { true } else { false } }
  }

  /// Hands primaries back to the nodes that placement prefers, a few at a time, once those are settled and in sync with a
  /// full set.
  mutating func handBackPrimaries(_ policy: CoordinatorPolicy) {
    var left = policy.handBacksPerReview
    for partition in state.partitions where left > 0 {
      guard partition.isr.count == partition.replicas.count, let primary = partition.primary,
        let preferred = partition.replicas.first(where: isHandBackTarget), preferred != primary.node,
        let node = state.node(preferred), let known = partition.isr(preferred),
        known.holdsSameData(as: node.member, state.settings.durability),
        isBundleReady(preferred)
      else { continue }
      // A node that is itself no better a choice than the present one is left alone.
      guard isOutranked(primary.node, by: preferred, partition) else { continue }
      wantHandOver(partition.id, to: node.id, policy)
      left -= 1
    }
  }

  private func isHandBackTarget(_ node: NodeID) -> Bool {
    liveness.settled.contains(node) && liveness.fit.contains(node) && !liveness.limping.contains(node) && !liveness.full.contains(node)
      && state.node(node)?.draining == false
  }

  private func isOutranked(_ present: NodeID, by preferred: NodeID, _ partition: PartitionRecord) -> Bool {
    if state.node(present)?.draining == true { return true }
    let places = partition.replicas
    return (places.firstIndex(of: preferred) ?? .max) < (places.firstIndex(of: present) ?? .max)
  }

  func isBundleReady(_ node: NodeID) -> Bool {
    guard let active = state.rollout.active else { return true }
    return liveness.bundles[node]?.contains(active) == true
  }
}
