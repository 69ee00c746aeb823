import Wire

extension ClusterDraft {
  /// R4: a primary's proposal, accepted by compare-and-set on the record it names, or refused. Nil: not decidable yet,
  /// because its member may become fit at any moment.
  mutating func decide(_ proposal: ISRProposal, mayWait: Bool) -> ISRAnswer.Outcome? {
    guard let index = state.partitionIndex(proposal.partition) else {
      preconditionFailure("\(proposal.partition) is checked before it is decided on")
    }
    let record = state.partitions[index]
    if proposal.version != record.version, !planted(.noCompareAndSet) { return .outdated }  // a later version settles it already
    if let refusal = refusal(of: proposal, record) {
      if refusal == .notFit, mayWait, mayBecomeFit(proposal, record) { return nil }
      if !planted(.silentRefusal) { updatePartition(at: index) { $0.refuse() } }
      note(.proposalRefused(record.id, refusal))
      return refusal
    }
    let minInSync = state.settings.minInSync
    let others = record.isr.filter { $0.node != proposal.member.node }
    switch proposal.change {
    case .add:
      let member = planted(.expandOtherStorage) ? state.node(proposal.member.node)!.member : proposal.member
      updatePartition(at: index) { $0.setISR(others + [member], minInSync: minInSync) }
      note(.addedToISR(record.id, proposal.member.node))
    case .remove:
      let removed = record.isr.filter { $0.node == proposal.member.node }
      updatePartition(at: index) { $0.setISR(others, removed: removed, minInSync: minInSync) }
      note(.removedFromISR(record.id, proposal.member.node, reason: "asked for by the primary"))
    }
    return .accepted
  }

  /// A worker that is there may be loading the bundle, or prove at any moment that it is well. One that is gone is refused
  /// at once: until then its primary waits for acknowledgements that can't come. To be removed, a member waits for the others.
  private func mayBecomeFit(_ proposal: ISRProposal, _ record: PartitionRecord) -> Bool {
    let node = proposal.member.node
    switch proposal.change {
    case .add: return state.node(node)?.state == .alive && !liveness.limping.contains(node)
    case .remove: return record.isr(node) != nil
    }
  }

  private func refusal(of proposal: ISRProposal, _ record: PartitionRecord) -> ISRAnswer.Outcome? {
    let durability = state.settings.durability
    guard let primary = record.primary,
      proposal.epoch == record.epoch && proposal.proposer == primary.node && proposal.proposerIncarnation == primary.incarnation
        || planted(.noCompareAndSet)
    else { return .fenced }
    let member = proposal.member
    switch proposal.change {
    case .remove:
      if member.node == primary.node { return .ownRemoval }
      guard let known = record.isr(member.node) else { return .notFit }
      guard known.holdsSameData(as: member, durability) else { return .otherStorage }
      return mayLeave([member.node], record) ? nil : .notFit
    case .add:
      guard record.replicas.contains(member.node), let node = state.node(member.node) else { return .notFit }
      // R1, R9: the acknowledgements that admit it are those of the disk and the process that are there now.
      guard node.member == member || planted(.expandOtherStorage) else { return .otherStorage }
      guard node.state == .alive, liveness.fit.contains(member.node) else { return .notFit }
      // Commits would wait for it.
      if liveness.limping.contains(member.node), record.isr.count >= state.settings.minInSync { return .notFit }
      // R9: it must be able to decide at once.
      if let active = state.rollout.active, liveness.bundles[member.node]?.contains(active) != true { return .notFit }
      return nil
    }
  }
}
