import Wire

/// Operations made of moves: spreading the load evenly, and taking everything off a worker. They begin moves as operations
/// of their own, a few at a time, and look again whenever one is over.
extension ClusterDraft {
  private enum Phase {
    static let copies: UInt8 = 1
    static let leads: UInt8 = 2
  }

  /// Failed moves after which nothing more is tried.
  private static let failuresMax = 8

  private var hosts: [NodeRecord] { state.nodes.filter { liveness.fit.contains($0.id) && !$0.draining } }

  /// As if the moves under way were done.
  private var expected: [PartitionRecord] {
    var partitions = state.partitions
    for operation in state.openOperations {
      guard case .move(let id, let from, let to) = operation.request, let index = partitions.firstIndex(where: { $0.id == id }),
        partitions[index].replicas.contains(from)
      else { continue }
      partitions[index].replicas.removeAll { $0 == to }
      partitions[index].replicas[partitions[index].replicas.firstIndex(of: from)!] = to
    }
    return partitions
  }

  private var busy: Set<PartitionID> { Set(state.openOperations.flatMap(\.request.partitions)) }

  private func children(_ id: OperationID) -> [OperationRecord] { state.operations.filter { $0.requester == Self.requester(id) } }

  private static func requester(_ parent: OperationID) -> String { "operation \(parent.rawValue)" }

  /// True if it has begun.
  private mutating func beginMove(_ id: PartitionID, from: NodeID, to: NodeID, for parent: OperationRecord, wall: Int64) -> Bool {
    guard case .success = planMove(id, from: from, to: to) else { return false }
    let start = StartOperation(.move(id, from: from, to: to), isDryRun: false, token: 0)
    if case .success = self.start(start, by: Self.requester(parent.id), wall: wall) { return true }
    return false
  }

  // MARK: Rebalancing

  func planRebalance() -> Result<OperationPlan, Failure> {
    if let other = state.openOperations.first(where: { $0.request == .rebalance }) {
      return .failure(Failure(.conflict, "the cluster is being rebalanced already, by operation \(other.id.rawValue)"))
    }
    let plan = RebalancePlan(nodes: hosts, partitions: expected, busy: busy)
    var steps = plan.moves.map { "\($0.partition): the copy on \(state.name($0.from)) moves to \(state.name($0.to))" }
    steps += plan.leads.map { "\($0.partition): \(state.name($0.to)) leads it" }
    steps.append(steps.isEmpty ? "copies and leads are spread evenly: nothing to do" : "copies and leads are spread evenly")
    let now = state.failuresTolerated(liveness.fit)
    return .success(
      OperationPlan(steps: Self.bounded(steps), toleratedNow: now, toleratedMeanwhile: now, toleratedAfter: now))
  }

  mutating func advanceRebalance(_ operation: OperationRecord, _ policy: CoordinatorPolicy, wall: Int64) {
    let children = children(operation.id)
    var open = children.count { !$0.state.isOver }
    if let failure = children.last(where: { $0.state == .failed }), children.count(where: { $0.state == .failed }) >= Self.failuresMax {
      if open == 0 { end(operation.id, .failed, "too many moves have failed, the last one because \(failure.note)") }
      return
    }
    let plan = RebalancePlan(nodes: hosts, partitions: expected, busy: busy, movesMax: policy.movesMax)
    for move in plan.moves where open < policy.movesMax {
      if beginMove(move.partition, from: move.from, to: move.to, for: operation, wall: wall) { open += 1 }
    }
    if open > 0 || !plan.moves.isEmpty {
      let done = children.count { $0.state == .finished }
      return report(operation.id, phase: Phase.copies, "\(done) moves done, \(open) under way\(plan.isCut ? ", more to come" : "")")
    }
    for lead in plan.leads {
      guard let index = state.partitionIndex(lead.partition) else { continue }
      updatePartition(at: index) { $0.prefer(lead.to) }
    }
    handBackPrimaries(policy)
    let waiting = state.partitions.count { partition in
      partition.isr.count == partition.replicas.count
        && partition.replicas.first { id in hosts.contains { $0.id == id } } != partition.primary?.node
    }
    let moved = children.count { $0.state == .finished }
    guard waiting == 0 else { return report(operation.id, phase: Phase.leads, "\(moved) moves done; \(waiting) leads to hand over") }
    finish(operation.id, "copies and leads are spread evenly (\(moved) moves)")
  }

  // MARK: Removing a worker

  func planRemove(_ node: NodeID) -> Result<OperationPlan, Failure> {
    guard let record = state.node(node) else { return .failure(Self.unknown(node)) }
    if let other = state.openOperations.first(where: { $0.request == .drain(node) || $0.request == .remove(node) }) {
      return .failure(
        Failure(.conflict, "'\(record.name)' is being drained already, by operation \(other.id.rawValue): wait for it, or abort it"))
    }
    var steps = ["\(record.name) takes no new role"]
    var placement = ReplicaPlacement(nodes: hosts.filter { $0.id != node }, partitions: expected)
    var after = state
    for partition in state.partitions where partition.replicas.contains(node) {
      if let target = placement.add(to: partition.replicas, inPlaceOf: node) {
        steps.append("\(partition.id): the copy on \(record.name) moves to \(state.name(target))")
        if let member = state.node(target)?.member { after.replace(partition.id, node, with: member) }
      } else {
        steps.append("\(partition.id): waits for a worker that can take its copy; all that are there have one")
      }
    }
    steps.append("\(record.name) can be stopped for good")
    let now = state.failuresTolerated(liveness.fit)
    return .success(
      OperationPlan(
        steps: Self.bounded(steps), toleratedNow: now, toleratedMeanwhile: now, toleratedAfter: after.failuresTolerated(liveness.fit)))
  }

  mutating func advanceRemove(_ operation: OperationRecord, _ node: NodeID, _ policy: CoordinatorPolicy, wall: Int64) {
    let name = state.name(node)
    let copies = state.partitions.filter { $0.replicas.contains(node) }
    if copies.isEmpty { return finish(operation.id, "\(name) has nothing left: it can be stopped for good") }
    handOver(copies.filter { $0.primary?.node == node }, from: node, policy)
    let children = children(operation.id)
    var open = children.count { !$0.state.isOver }
    if let failure = children.last(where: { $0.state == .failed }), children.count(where: { $0.state == .failed }) >= Self.failuresMax {
      if open == 0 { end(operation.id, .failed, "too many moves have failed, the last one because \(failure.note)") }
      return
    }
    let busy = busy
    var placement = ReplicaPlacement(nodes: hosts, partitions: expected)
    var stuck: PartitionID?
    for partition in copies where !busy.contains(partition.id) && open < policy.movesMax {
      guard let target = placement.add(to: partition.replicas, inPlaceOf: node) else {
        stuck = stuck ?? partition.id
        continue
      }
      if beginMove(partition.id, from: node, to: target, for: operation, wall: wall) { open += 1 } else { stuck = stuck ?? partition.id }
    }
    var text = "\(copies.count) copies left, \(open) on their way"
    if open == 0, let stuck { text += "; no worker can take \(stuck) now: start another one" }
    report(operation.id, phase: Phase.copies, text)
  }

  /// What was begun on its behalf ends with it.
  mutating func abortChildren(of id: OperationID) {
    for child in children(id) where child.state == .running {
      if case .move(let partition, _, let to) = child.request { abortMove(child, partition, to) }
    }
  }
}
