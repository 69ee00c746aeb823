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
      let gone = Set(partition.isr.filter { members[$0.node]?.state == .gone }.map(\.node))
      if isServed(partition, members) {
        shrink(index, gone.subtracting([partition.primary?.node].compactMap { $0 }))
      } else if let member = candidate(for: partition, members, leads) {
        leads[member.node, default: 0] += 1
        elect(member, at: index, dropping: gone.subtracting([member.node]), reason: "gone")
      }
    }
  }

  /// Whether it is led, or will be by itself.
  func hasCandidate(_ partition: PartitionRecord) -> Bool {
    let members = Dictionary(uniqueKeysWithValues: state.nodes.map { ($0.id, $0) })
    return isServed(partition, members) || candidate(for: partition, members, [:]) != nil
  }

  /// Whether the primary on record is still that node, disk and process, and not given up.
  private func isServed(_ partition: PartitionRecord, _ members: [NodeID: NodeRecord]) -> Bool {
    guard let primary = partition.primary, let node = members[primary.node] else { return false }
    return node.member == primary && node.state != .gone
  }

  /// Who is to be primary (R6): in sync rather than eligible, then whoever leads least, then by preference. Nil: nobody
  /// electable is there.
  private func candidate(
    for partition: PartitionRecord, _ members: [NodeID: NodeRecord], _ leads: [NodeID: Int]
  ) -> Member? {
    func rank(_ node: NodeID) -> Int? {
      guard let now = members[node], liveness.fit.contains(node), now.state == .alive,
        let known = partition.electable(node) ?? (planted(.uncleanElection) ? now.member : nil),
        known.holdsSameData(as: now.member, state.settings.durability) || planted(.electWiped)
      else { return nil }
      return (partition.isr(node) == nil ? 2 : 0) + (now.draining ? 1 : 0)
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
    for node in dead.sorted() { note(.removedFromISR(before.id, node, reason: reason)) }
  }

  private mutating func shrink(_ index: Int, _ dead: Set<NodeID>) {
    guard !dead.isEmpty else { return }
    let minInSync = state.settings.minInSync
    updatePartition(at: index) { record in
      let removed = record.isr.filter { dead.contains($0.node) }
      record.setISR(record.isr.filter { !dead.contains($0.node) }, removed: removed, minInSync: minInSync)
    }
    for node in dead.sorted() { note(.removedFromISR(state.partitions[index].id, node, reason: "gone")) }
  }
}
