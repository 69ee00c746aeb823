import Wire

/// Draining: a worker hands over what it leads, then its copies where other workers can take them, and can then be
/// stopped without anybody noticing.
extension ClusterDraft {
  /// Numbers in the record.
  private enum Phase {
    static let leads: UInt8 = 1
    static let safety: UInt8 = 2
  }

  func planDrain(_ node: NodeID) -> Result<OperationPlan, Failure> {
    guard let record = state.node(node) else { return .failure(Self.unknown(node)) }
    if let other = state.openOperations.first(where: { $0.request == .drain(node) || $0.request == .remove(node) }) {
      return .failure(Failure(.conflict, "'\(record.name)' is being drained already, by operation \(other.id)"))
    }
    var steps = ["\(record.name) takes no new role"]
    for partition in state.partitions where partition.primary?.node == node {
      let heirs = heirs(of: partition, besides: node).map(state.name)
      steps.append(
        heirs.isEmpty
          ? "\(partition.id): waits for another in-sync replica to lead it" : "\(partition.id): \(heirs[0]) leads it")
    }
    var after = state
    after.leave(node)
    for partition in after.partitions
    where partition.isr.count < state.settings.minInSync && state.partition(partition.id)?.isr(node) != nil {
      steps.append(
        "\(partition.id): waits, because without \(record.name) it has \(partition.isr.count) in sync and needs \(state.settings.minInSync)"
      )
    }
    steps.append("\(record.name) can be stopped")
    let now = state.failuresTolerated(liveness.fit)
    return .success(
      OperationPlan(
        steps: Self.bounded(steps), toleratedNow: now, toleratedMeanwhile: now, toleratedAfter: after.failuresTolerated(liveness.fit)))
  }

  func planUndrain(_ node: NodeID) -> Result<OperationPlan, Failure> {
    guard let record = state.node(node) else { return .failure(Self.unknown(node)) }
    let now = state.failuresTolerated(liveness.fit)
    return .success(
      OperationPlan(
        steps: [record.draining ? "\(record.name) may have roles again" : "\(record.name) is not being drained: nothing to do"],
        toleratedNow: now, toleratedMeanwhile: now, toleratedAfter: now))
  }

  mutating func beginDrain(_ node: NodeID) { updateNode(node) { $0.draining = true } }

  /// Ends the drain under way, too.
  mutating func undrain(_ node: NodeID, by id: OperationID) {
    updateNode(node) { $0.draining = false }
    for record in state.openOperations where record.request == .drain(node) || record.request == .remove(node) {
      abortChildren(of: record.id)
      end(record.id, .aborted, "taken back by operation \(id.rawValue)")
    }
  }

  mutating func advanceDrain(_ record: OperationRecord, _ node: NodeID, _ policy: CoordinatorPolicy) {
    let leads = state.partitions.filter { $0.primary?.node == node }
    if !leads.isEmpty {
      handOver(leads, from: node, policy)
      let stuck = leads.filter { heirs(of: $0, besides: node).isEmpty }
      var note = "leads \(leads.count) partitions still"
      if let first = stuck.first { note += "; \(stuck.count) have no other replica in sync, such as \(first.id)" }
      return report(record.id, phase: Phase.leads, note)
    }
    let needed = state.partitions.filter { $0.isr(node) != nil && $0.isr.count - 1 < state.settings.minInSync }
    if let first = needed.first {
      return report(
        record.id, phase: Phase.safety, "not safe to stop: \(needed.count) partitions need its copy to commit, such as \(first.id)")
    }
    finish(record.id, "safe to stop \(state.name(node))")
  }

  /// Asks for as many hand-overs as may be under way, each to whoever leads least.
  mutating func handOver(_ leads: [PartitionRecord], from node: NodeID, _ policy: CoordinatorPolicy) {
    var counts = state.partitions.reduce(into: [NodeID: Int]()) { counts, partition in
      if let primary = partition.primary { counts[primary.node, default: 0] += 1 }
    }
    for (id, progress) in liveness.handOvers where state.partition(id)?.primary?.node == node {
      counts[progress.successor.node, default: 0] += 1
    }
    for partition in leads {
      let known = liveness.handOvers[partition.id]?.successor.node
      let able = heirs(of: partition, besides: node)
      let roomy = able.filter { !liveness.full.contains($0) }
      let heirs = roomy.isEmpty ? able : roomy
      guard let heir = heirs.first(where: { $0 == known }) ?? heirs.min(by: { counts[$0] ?? 0 < counts[$1] ?? 0 }) else { continue }
      wantHandOver(partition.id, to: heir, policy)
      if wantedHandOvers[partition.id] != nil, known == nil { counts[heir, default: 0] += 1 }
    }
  }

  mutating func cancelHandOvers(from node: NodeID) {
    cancelledHandOvers.formUnion(liveness.handOvers.keys.filter { state.partition($0)?.primary?.node == node })
  }

  /// In-sync replicas that may lead the partition in place of `node`, best first.
  func heirs(of partition: PartitionRecord, besides node: NodeID) -> [NodeID] {
    partition.replicas.filter { other in
      guard other != node, let record = state.node(other), let known = partition.isr(other) else { return false }
      return !record.draining && liveness.fit.contains(other) && known.holdsSameData(as: record.member, state.settings.durability)
        && isBundleReady(other)
    }
  }

  static func unknown(_ node: NodeID) -> Failure { Failure(.notFound, "there is no worker \(node) here") }

  static func bounded(_ steps: [String]) -> [String] {
    guard steps.count > OperationPlan.stepsMax else { return steps }
    let shown = OperationPlan.stepsMax - 2
    return Array(steps.prefix(shown)) + ["... and \(steps.count - shown - 1) more of the same", steps.last!]
  }
}

extension ClusterState {
  /// What the records would be without `node`, for a plan: it is in no in-sync set.
  mutating func leave(_ node: NodeID) {
    for index in partitions.indices { partitions[index].isr.removeAll { $0.node == node } }
  }
}
