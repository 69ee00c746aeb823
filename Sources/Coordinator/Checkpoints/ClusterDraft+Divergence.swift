import Wire

/// R14: a copy whose state differs is given up, and another is made in its place, perhaps on the same worker.
extension ClusterDraft {
  /// The copy leaves in a change of epoch, so that what it has acknowledged can't be taken for the new one's (R4).
  mutating func giveUpDiverged() {
    for divergence in liveness.diverged {
      guard let index = state.partitionIndex(divergence.partition) else { continue }
      let record = state.partitions[index]
      let odd = divergence.member.node
      guard record.replicas.contains(odd), state.node(odd)?.member == divergence.member else { continue }
      let rest = record.isr.filter { $0.node != odd }
      // Whoever leads now goes on leading, unless it is the one.
      let order = [record.primary?.node].compactMap { $0 } + rest.map(\.node)
      let heir = order.first { node in
        node != odd && divergence.others.contains(node) && liveness.fit.contains(node) && isBundleReady(node)
          && record.isr(node)?.holdsSameData(as: state.node(node)!.member, state.settings.durability) == true
      }
      let isGivenUp = heir != nil && rest.count >= state.settings.minInSync
      note(.stateDiverged(record.id, odd, name: state.node(odd)?.name ?? "", divergence.offset, isGivenUp: isGivenUp))
      givenUp.append(divergence)
      guard let heir, isGivenUp, let member = state.node(heir)?.member else { continue }
      let minInSync = state.settings.minInSync
      updatePartition(at: index) { record in
        record.elect(member, dropping: [odd], minInSync: minInSync)
        record.drop(odd)
      }
    }
  }
}
