import Wire

extension ClusterDraft {
  /// Brings every partition's record in line with who is there: elects where the primary is gone, restarted or stripped,
  /// and takes dead followers out of in-sync sets.
  mutating func failOver() {
    let members = Dictionary(uniqueKeysWithValues: state.nodes.map { ($0.id, $0) })
    var leads = state.partitions.reduce(into: [NodeID: Int]()) { counts, partition in
      if isServed(partition, members), let primary = partition.primary { counts[primary.node, default: 0] += 1 }
    }
    for index in state.partitions.indices {
      let partition = state.partitions[index]
      let lost = Set(partition.isr.filter { isLost($0, members) }.map(\.node))
      if isServed(partition, members) {
        if let relief = relief(of: partition, members, leads) {
          leads[relief.member.node, default: 0] += 1
          elect(relief.member, at: index, dropping: relief.dropping, reason: relief.reason)
        }
        let leader = state.partitions[index].primary?.node
        shrink(index, lost.filter { $0 != leader }, reason: "gone")
        shrink(index, dispensable(state.partitions[index]), reason: "much slower than the others")
      } else if let member = candidate(for: partition, members, leads) {
        leads[member.node, default: 0] += 1
        let dropped = lost.subtracting([member.node])
        elect(member, at: index, dropping: mayLeave(dropped, partition) ? dropped : [], reason: "gone")
      }
    }
  }

  /// Whether it is led, or will be by itself.
  func hasCandidate(_ partition: PartitionRecord) -> Bool {
    let members = Dictionary(uniqueKeysWithValues: state.nodes.map { ($0.id, $0) })
    return isServed(partition, members) || candidate(for: partition, members, [:]) != nil
  }

  /// Whether no commit is to wait for this member: it may not answer for long, or never.
  private func isLost(_ member: Member, _ members: [NodeID: NodeRecord]) -> Bool {
    members[member.node]?.state == .gone || liveness.stalled.contains(member.node)
  }

  /// Whether the primary on record is still that node, disk and process, not given up, and able to make anything durable.
  private func isServed(_ partition: PartitionRecord, _ members: [NodeID: NodeRecord]) -> Bool {
    guard let primary = partition.primary, let node = members[primary.node] else { return false }
    return node.member == primary && !isLost(primary, members)
  }

  /// Who is to be primary (R6): in sync rather than eligible, then whoever leads least, then by preference. Nil: nobody
  /// electable is there.
  private func candidate(
    for partition: PartitionRecord, _ members: [NodeID: NodeRecord], _ leads: [NodeID: Int],
    where isWanted: (NodeID) -> Bool = { _ in true }
  ) -> Member? {
    func rank(_ node: NodeID) -> Int? {
      guard let now = members[node], liveness.fit.contains(node), now.state == .alive, isWanted(node),
        let known = partition.electable(node) ?? (planted(.uncleanElection) ? now.member : nil),
        known.holdsSameData(as: now.member, state.settings.durability) || planted(.electWiped)
      else { return nil }
      return (reach(of: node, in: partition) < state.settings.minInSync ? 8 : 0)
        + (liveness.limping.contains(node) || liveness.full.contains(node) ? 4 : 0)
        + (partition.isr(node) == nil ? 2 : 0) + (now.draining ? 1 : 0)
    }
    let ranked = partition.replicas.enumerated().compactMap { place, node in
      rank(node).map { (node: node, cost: ($0, leads[node] ?? 0, place)) }
    }
    return ranked.min { $0.cost < $1.cost }.flatMap { members[$0.node]?.member }
  }

  mutating func elect(_ member: Member, at index: Int, dropping dead: Set<NodeID>, reason: String) {
    let before = state.partitions[index]
    let minInSync = state.settings.minInSync
    updatePartition(at: index) { $0.elect(member, dropping: dead, minInSync: minInSync) }
    note(.primaryChanged(before.id, from: before.primary?.node, to: member.node, state.partitions[index].epoch))
    for node in dead.sorted() { note(.removedFromISR(before.id, node, reason: why(node, reason))) }
  }

  private func why(_ node: NodeID, _ otherwise: String) -> String {
    liveness.stalled.contains(node) ? "its disk gives no answer" : otherwise
  }

  /// Whether members may leave the in-sync set. Where enough others stay they are not electable any more; and nothing commits without
  /// them either while those have not been heard, which may have lost their disks while no coordinator was there to hear of it.
  func mayLeave(_ members: Set<NodeID>, _ partition: PartitionRecord) -> Bool {
    let rest = partition.isr.filter { !members.contains($0.node) }
    let minInSync = state.settings.minInSync
    return rest.count < minInSync || rest.count { liveness.fit.contains($0.node) } >= minInSync
  }

  private mutating func shrink(_ index: Int, _ dead: Set<NodeID>, reason: String) {
    guard !dead.isEmpty else { return }
    let minInSync = state.settings.minInSync
    guard mayLeave(dead, state.partitions[index]) else { return }
    updatePartition(at: index) { record in
      let removed = record.isr.filter { dead.contains($0.node) }
      record.setISR(record.isr.filter { !dead.contains($0.node) }, removed: removed, minInSync: minInSync)
    }
    for node in dead.sorted() { note(.removedFromISR(state.partitions[index].id, node, reason: why(node, reason))) }
  }
}

// Primaries and members that are there, and hold the others up.
extension ClusterDraft {
  private struct Relief {
    var member: Member
    var dropping: Set<NodeID>
    var reason: String
  }

  /// Somebody to lead in place of a primary that lives and can't do it as well: it reaches too few replicas to commit
  /// anything and another one reaches enough; or it is much slower than the others. Only the record changes: the old primary
  /// hears of it by the map, and needs the new one's word for every commit until then (R10).
  private func relief(of partition: PartitionRecord, _ members: [NodeID: NodeRecord], _ leads: [NodeID: Int]) -> Relief? {
    guard let primary = partition.primary?.node, liveness.fit.contains(primary) else { return nil }
    let minInSync = state.settings.minInSync
    if reach(of: primary, in: partition) < minInSync {
      // By what it has said since the primary did: where everybody is cut off, nobody moves.
      let saidAt = liveness.reportedAt[primary] ?? .min
      let member = candidate(for: partition, members, leads) { node in
        node != primary && reach(of: node, in: partition) >= minInSync && (liveness.reportedAt[node] ?? .min) >= saidAt
      }
      guard let member else { return nil }
      let apart = partition.isr.map(\.node).filter { $0 != member.node && liveness.cuts.contains(NodePair($0, member.node)) }
      return Relief(member: member, dropping: Set(apart), reason: "cut from the others")
    }
    guard liveness.limping.contains(primary) else { return nil }
    let member = candidate(for: partition, members, leads) { node in
      node != primary && partition.isr(node) != nil && !liveness.limping.contains(node) && isBundleReady(node)
        && reach(of: node, in: partition) >= minInSync
    }
    return member.map { Relief(member: $0, dropping: dispensable(partition, besides: $0.node), reason: "much slower than the others") }
  }

  /// How many replicas `node` can have commits from, itself counted.
  private func reach(of node: NodeID, in partition: PartitionRecord) -> Int {
    partition.replicas.count { other in
      other == node || liveness.fit.contains(other) && !liveness.cuts.contains(NodePair(node, other))
    }
  }

  /// In-sync replicas that limp, where enough others are in sync: but for the primary, or `leader`, who is to be it.
  private func dispensable(_ partition: PartitionRecord, besides leader: NodeID? = nil) -> Set<NodeID> {
    guard !liveness.limping.isEmpty, let leader = leader ?? partition.primary?.node else { return [] }
    let limping = partition.isr.map(\.node).filter { $0 != leader && liveness.limping.contains($0) }
    let others = partition.isr.count { !limping.contains($0.node) && liveness.fit.contains($0.node) }
    return others >= state.settings.minInSync ? Set(limping) : []
  }
}
