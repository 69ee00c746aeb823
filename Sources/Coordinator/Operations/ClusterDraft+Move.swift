import Wire

/// Moves: a partition gets a copy on another worker, which catches up and comes into the in-sync set (R9); then the
/// copy that it replaces leaves, in a change of epoch by a planned hand-over (R12). There are never fewer copies in sync
/// than before. How far a move is stands in the partition's record alone, so whoever comes next goes on with it.
extension ClusterDraft {
  private enum Phase {
    static let placing: UInt8 = 1
    static let copying: UInt8 = 2
    static let leaving: UInt8 = 3
  }

  func planMove(_ id: PartitionID, from: NodeID, to: NodeID) -> Result<OperationPlan, Failure> {
    guard let record = state.partition(id) else { return .failure(Self.unknown(id)) }
    guard let source = state.node(from) else { return .failure(Self.unknown(from)) }
    guard let target = state.node(to) else { return .failure(Self.unknown(to)) }
    guard record.replicas.contains(from) else {
      let holders = record.replicas.map(state.name).joined(separator: ", ")
      return .failure(Failure(.malformed, "'\(source.name)' has no copy of \(id): \(holders) have"))
    }
    guard !record.replicas.contains(to) else { return .failure(Failure(.malformed, "'\(target.name)' has a copy of \(id) already")) }
    guard !target.draining else {
      return .failure(Failure(.conflict, "'\(target.name)' is being drained: choose another, or undrain it first"))
    }
    guard liveness.fit.contains(to) else {
      return .failure(Failure(.unavailable, "'\(target.name)' is not there now: start it, or choose another"))
    }
    guard record.replicas.count < ClusterLimit.replicas else {
      return .failure(Failure(.busy, "\(id) has \(record.replicas.count) copies, and can't have one more meanwhile", isRetriable: false))
    }
    guard let primary = record.primary, liveness.fit.contains(primary.node) else {
      return .failure(Failure(.unavailable, "\(id) is led by nobody now, and only its leader can feed a new copy: try again when it is"))
    }
    var steps = ["\(target.name) gets a copy of \(id) from \(state.name(primary.node)), and comes in sync"]
    if from == primary.node {
      steps.append("\(source.name) takes no rows of \(id) for a moment, until \(target.name) holds everything; \(target.name) leads it")
    } else {
      steps.append("\(state.name(primary.node)) takes no rows of \(id) for a moment, and leads it in a new epoch")
    }
    steps.append("\(source.name)'s copy is given up")
    if let warning = zoneWarning(record, from: source, to: target) { steps.append(warning) }
    var after = state
    after.replace(id, from, with: target.member)
    let now = state.failuresTolerated(liveness.fit)
    return .success(
      OperationPlan(steps: steps, toleratedNow: now, toleratedMeanwhile: now, toleratedAfter: after.failuresTolerated(liveness.fit)))
  }

  private func zoneWarning(_ record: PartitionRecord, from: NodeRecord, to: NodeRecord) -> String? {
    let others = record.replicas.filter { $0 != from.id }.compactMap { state.node($0)?.zone }
    guard !to.zone.isEmpty, others.contains(to.zone), !others.contains(from.zone) else { return nil }
    return "beware: \(record.id) then has two copies in zone \(to.zone), and none in \(from.zone)"
  }

  mutating func advanceMove(_ operation: OperationRecord, _ id: PartitionID, _ from: NodeID, _ to: NodeID, _ policy: CoordinatorPolicy) {
    guard let index = state.partitionIndex(id) else { return end(operation.id, .failed, "\(id) is not there any more") }
    let record = state.partitions[index]
    let (source, target) = (state.name(from), state.name(to))
    if operation.state == .aborting { return takeMoveBack(operation, record, to, policy) }
    guard record.replicas.contains(from) else {
      guard record.replicas.contains(to) else { return end(operation.id, .failed, "neither \(source) nor \(target) has a copy of \(id)") }
      return finish(operation.id, "\(target) has \(id) in place of \(source)")
    }
    if !record.replicas.contains(to) {
      guard state.node(to)?.draining == false else { return end(operation.id, .failed, "\(target) is being drained") }
      guard liveness.fit.contains(to) else { return report(operation.id, phase: Phase.placing, "waits for \(target) to be there") }
      guard copiesUnderWay < policy.movesMax else {
        return report(operation.id, phase: Phase.placing, "waits: \(copiesUnderWay) copies are being made")
      }
      updatePartition(at: index) { $0.place(to, before: from) }
      note(.replicaPlaced(id, to))
      return report(operation.id, phase: Phase.copying, "\(target) catches up")
    }
    guard record.isr(to) != nil else {
      let isThere = liveness.fit.contains(to)
      return report(operation.id, phase: Phase.copying, isThere ? "\(target) catches up" : "\(target) is gone; waits until it is back")
    }
    guard let primary = record.primary, liveness.fit.contains(primary.node) else {
      return report(operation.id, phase: Phase.leaving, "waits until \(id) is led again")
    }
    let successor = primary.node == from ? to : primary.node
    guard leaving(record, besides: successor).contains(from) else {
      return report(
        operation.id, phase: Phase.leaving,
        "waits: without \(source) there are too few in sync (\(record.isr.count) now, \(state.settings.minInSync) needed)")
    }
    guard primary.node != from || heirs(of: record, besides: from).contains(to) else {
      return report(operation.id, phase: Phase.leaving, "\(target) is in sync, and can't lead yet")
    }
    if let failure = liveness.handOverFailures[id] {
      report(operation.id, phase: Phase.leaving, "tries again to hand over: \(failure.reason), \(failure.count) times")
    } else {
      report(operation.id, phase: Phase.leaving, "\(target) is in sync; \(source) leaves")
    }
    wantHandOver(id, to: successor, policy)
  }

  /// Copies that are catching up for a move.
  private var copiesUnderWay: Int {
    state.openOperations.count { operation in
      guard case .move(let id, _, let to) = operation.request, let record = state.partition(id) else { return false }
      return record.replicas.contains(to) && record.isr(to) == nil
    }
  }

  /// The new copy goes, in a change of epoch too. Past the point at which the old one has gone there is nothing to take
  /// back.
  mutating func abortMove(_ operation: OperationRecord, _ id: PartitionID, _ to: NodeID) {
    cancelledHandOvers.insert(id)
    guard let record = state.partition(id), record.replicas.contains(to) else { return end(operation.id, .aborted, "given up") }
    let note = Self.cut("given up; the copy on \(state.name(to)) is taken away")
    updateOperation(operation.id) {
      $0.state = .aborting
      $0.note = note
    }
  }

  private mutating func takeMoveBack(_ operation: OperationRecord, _ record: PartitionRecord, _ to: NodeID, _ policy: CoordinatorPolicy) {
    guard record.replicas.contains(to) else { return end(operation.id, .aborted, "given up") }
    guard record.replicas.count > state.settings.replicas else {
      return end(operation.id, .aborted, "given up; \(state.name(to)) keeps its copy, which is needed")
    }
    guard let primary = record.primary, primary.node != to else {
      return end(operation.id, .aborted, "given up; \(state.name(to)) leads \(record.id), and keeps its copy")
    }
    wantHandOver(record.id, to: primary.node, policy)
  }
}

extension ClusterState {
  /// What the record would be after a move, for a plan.
  mutating func replace(_ id: PartitionID, _ from: NodeID, with member: Member) {
    guard let index = partitionIndex(id), let place = partitions[index].replicas.firstIndex(of: from) else { return }
    partitions[index].replicas[place] = member.node
    partitions[index].isr.removeAll { $0.node == from }
    partitions[index].isr.append(member)
    if partitions[index].primary?.node == from { partitions[index].primary = member }
  }
}
