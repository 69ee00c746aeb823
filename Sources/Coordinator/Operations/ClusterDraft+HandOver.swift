import Wire

/// Planned hand-overs (R12): the primary is asked to pause; once the successor holds everything it is elected, in an epoch
/// of its own, like any other (R2).
extension ClusterDraft {
  /// Asks for one, if it may be tried now. Asked for anew in every draft in which it is still wanted.
  /// - Parameter node: an in-sync replica; the primary itself where only the epoch is to change.
  mutating func wantHandOver(_ id: PartitionID, to node: NodeID, _ policy: CoordinatorPolicy) {
    guard let record = state.partition(id), let primary = record.primary, liveness.fit.contains(primary.node),
      liveness.fit.contains(node), let member = state.node(node)?.member,
      record.isr(node)?.holdsSameData(as: member, state.settings.durability) == true,
      !isBeingReplaced(id), liveness.handOverFailures[id]?.isResting != true
    else { return }
    if liveness.handOvers[id] == nil, wantedHandOvers[id] == nil {
      let underWay = Set(liveness.handOvers.keys).union(wantedHandOvers.keys).count
      guard underWay < policy.handOversMax else { return }
    }
    // One that has been drained for another one is on its way.
    if let known = liveness.handOvers[id], known.isDrained { return }
    // The primary has paused by this version once, and does not do so again: it is asked by a newer one.
    if let index = state.partitionIndex(id), liveness.handOverFailures[id]?.version == record.version {
      return updatePartition(at: index) { $0.refuse() }
    }
    wantedHandOvers[id] = member
  }

  /// A split or merge seals it: no other pause beside that.
  private func isBeingReplaced(_ id: PartitionID) -> Bool {
    state.openOperations.contains { $0.request.makesSuccessors && $0.request.partitions.contains(id) }
  }

  /// Elects those that hold everything. In the same step the copies leave that are not wanted any more: whoever gets one
  /// there later begins in a newer epoch, so that what the old copy acknowledged can't be taken for the new one's (R4).
  mutating func settleHandOvers() {
    let members = Dictionary(uniqueKeysWithValues: state.nodes.map { ($0.id, $0.member) })
    for (id, progress) in liveness.handOvers.sorted(by: { $0.key < $1.key }) where progress.isDrained {
      guard let index = state.partitionIndex(id) else { continue }
      let record = state.partitions[index]
      guard record.version == progress.version, members[progress.successor.node] == progress.successor,
        liveness.fit.contains(progress.successor.node),
        record.isr(progress.successor.node)?.holdsSameData(as: progress.successor, state.settings.durability) == true
      else { continue }
      let leaving = leaving(record, besides: progress.successor.node)
      let minInSync = state.settings.minInSync
      updatePartition(at: index) { record in
        record.elect(progress.successor, dropping: leaving, minInSync: minInSync)
        for node in record.replicas where leaving.contains(node) { record.drop(node) }
      }
      note(.handedOver(id, from: record.primary?.node, to: progress.successor.node, state.partitions[index].epoch))
      for node in leaving.sorted() { note(.replicaDropped(id, node)) }
    }
  }

  /// Copies that nothing needs any more: the sources of moves whose targets are in sync, and what is beyond the number
  /// wanted. Without them enough stay in sync, alive, to commit (R4, R6).
  func leaving(_ record: PartitionRecord, besides successor: NodeID) -> Set<NodeID> {
    var leaving: Set<NodeID> = []
    func mayLeave(_ node: NodeID) -> Bool {
      guard node != successor, record.replicas.contains(node) else { return false }
      let rest = record.isr.filter { $0.node != node && !leaving.contains($0.node) }
      return rest.count >= state.settings.minInSync && rest.count { liveness.fit.contains($0.node) } >= state.settings.minInSync
    }
    for operation in state.openOperations {
      guard case .move(record.id, let from, let to) = operation.request else { continue }
      if operation.state == .running, record.isr(to) != nil, mayLeave(from) { leaving.insert(from) }
      if operation.state == .aborting, record.replicas.count > state.settings.replicas, mayLeave(to) { leaving.insert(to) }
    }
    if record.isr.count >= state.settings.replicas, let spare = spare(record), mayLeave(spare) { leaving.insert(spare) }
    return leaving
  }

  /// A worker whose disk is full refuses what it leads: others lead it for as long as that lasts, where one with room is in sync.
  mutating func relieveFull(_ policy: CoordinatorPolicy) {
    for node in liveness.full.sorted() {
      let leads = state.partitions.filter { partition in
        partition.primary?.node == node && heirs(of: partition, besides: node).contains { !liveness.full.contains($0) }
      }
      if !leads.isEmpty { handOver(leads, from: node, policy) }
    }
  }

  // MARK: As an operation

  func planHandOver(_ id: PartitionID, to node: NodeID) -> Result<OperationPlan, Failure> {
    guard let record = state.partition(id) else { return .failure(Self.unknown(id)) }
    guard let target = state.node(node) else { return .failure(Self.unknown(node)) }
    guard let primary = record.primary, liveness.fit.contains(primary.node) else {
      return .failure(Failure(.unavailable, "\(id) is led by nobody who could hand it over; it is elected by itself when it can be"))
    }
    let now = state.failuresTolerated(liveness.fit)
    func plan(_ steps: [String]) -> Result<OperationPlan, Failure> {
      .success(OperationPlan(steps: steps, toleratedNow: now, toleratedMeanwhile: now, toleratedAfter: now))
    }
    if primary.node == node { return plan(["\(target.name) leads \(id) already: nothing to do"]) }
    guard heirs(of: record, besides: primary.node).contains(node) else {
      let able = heirs(of: record, besides: primary.node).map(state.name).joined(separator: ", ")
      return .failure(
        Failure(
          .unavailable,
          "'\(target.name)' can't lead \(id) now: a successor is alive, in sync, not being drained and has the bundle loaded"
            + (able.isEmpty ? "; nobody else is" : "; \(able) \(able.contains(",") ? "are" : "is")")))
    }
    return plan([
      "\(state.name(primary.node)) takes no rows of \(id) for a moment, until \(target.name) holds everything; its clients send again",
      "\(target.name) leads \(id), and is preferred from now on",
    ])
  }

  mutating func advanceHandOver(_ record: OperationRecord, _ id: PartitionID, _ node: NodeID, _ policy: CoordinatorPolicy) {
    guard let index = state.partitionIndex(id) else { return end(record.id, .failed, "\(id) is not there any more") }
    let partition = state.partitions[index]
    if partition.primary?.node == node {
      if partition.replicas.first != node { updatePartition(at: index) { $0.prefer(node) } }
      return finish(record.id, "\(state.name(node)) leads \(id)")
    }
    guard let primary = partition.primary, let target = state.node(node), target.state == .alive, !target.draining,
      partition.isr(node) != nil
    else {
      return end(record.id, .failed, "\(state.name(node)) can't lead \(id) any more: it is gone, out of sync or being drained")
    }
    // A coordinator that has just started has heard nobody yet.
    guard heirs(of: partition, besides: primary.node).contains(node) else {
      return report(record.id, phase: 1, "waits for \(target.name)")
    }
    if let failure = liveness.handOverFailures[id], failure.count >= policy.handOverTries {
      return end(record.id, .failed, "\(id) stays where it is: \(failure.reason), \(failure.count) times")
    }
    report(record.id, phase: 1, "\(state.name(primary.node)) hands over to \(state.name(node))")
    wantHandOver(id, to: node, policy)
  }
}
