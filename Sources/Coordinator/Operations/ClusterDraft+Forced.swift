import Wire

/// The forced election (R6): where no electable replica is left, or none that comes back, an operator has one of the
/// copies go on, whatever it lacks. Under a new id, so that nobody takes what the old one acknowledged for its own.
extension ClusterDraft {
  func planForced(_ id: PartitionID, _ node: NodeID, _ reason: String) -> Result<OperationPlan, Failure> {
    guard let record = state.partition(id) else { return .failure(Self.unknown(id)) }
    guard let chosen = state.node(node) else { return .failure(Self.unknown(node)) }
    guard !reason.allSatisfy(\.isWhitespace) else {
      return .failure(Failure(.malformed, "a forced election needs a reason, for the audit log"))
    }
    guard record.replicas.contains(node) else {
      let holders = record.replicas.map(state.name).joined(separator: ", ")
      return .failure(Failure(.malformed, "'\(chosen.name)' has no copy of \(id): \(holders) have"))
    }
    if hasCandidate(record) {
      let leader = record.primary.map { "it is led by \(state.name($0.node))" } ?? "an electable copy is there, and is elected by itself"
      return .failure(Failure(.conflict, "\(id) needs no forced election: \(leader)"))
    }
    guard liveness.fit.contains(node) else {
      return .failure(Failure(.unavailable, "'\(chosen.name)' is not there now: start it, or choose another"))
    }
    let electable = (record.isr + record.eligible).map { state.name($0.node) }
    var steps: [String] = []
    if electable.isEmpty {
      steps.append("no copy is known to hold everything that \(id) has acknowledged")
    } else {
      steps.append("\(electable.joined(separator: ", ")): holds everything; if it can come back, wait for it, and nothing is lost")
    }
    if let report = liveness.reports[node]?.first(where: { $0.partition == id }) {
      steps.append("\(chosen.name)'s copy ends at offset \(report.end) (\(report.epoch)); what was acknowledged beyond it is lost")
      let longer = record.replicas.filter { other in
        guard let theirs = liveness.reports[other]?.first(where: { $0.partition == id }), liveness.fit.contains(other) else { return false }
        return (theirs.epoch, theirs.end) > (report.epoch, report.end)
      }
      if !longer.isEmpty { steps.append("beware: \(longer.map(state.name).joined(separator: ", ")) may hold more") }
    } else {
      steps.append("how far \(chosen.name)'s copy reaches is not known; what was acknowledged beyond it is lost")
    }
    steps.append("transactions that are lost and come again are decided again, perhaps differently")
    steps.append("the keys of \(id) go on as \(state.nextPartition), led by \(chosen.name); the other copies are made anew from it")
    if state.settings.minInSync > 1 {
      steps.append("\(state.nextPartition) decides once \(state.settings.minInSync) copies are in sync")
    }
    let now = state.failuresTolerated(liveness.fit)
    return .success(OperationPlan(steps: Self.bounded(steps), toleratedNow: now, toleratedMeanwhile: now, toleratedAfter: now))
  }

  mutating func advanceForced(
    _ operation: OperationRecord, _ node: NodeID, _ succession: Succession, _ parent: PartitionRecord, _ progress: SuccessionProgress
  ) {
    if hasCandidate(parent) {
      let who = parent.primary.map { state.name($0.node) } ?? "an electable copy"
      return unwind(operation.id, succession, "not needed any more: \(who) is back, with everything")
    }
    guard let member = state.node(node)?.member, liveness.fit.contains(node) else {
      return report(operation.id, phase: 1, "waits for \(state.name(node)) to be there")
    }
    guard let told = progress.reports[node], told.member == member, let child = succession.children.first,
      told.children[child.id] != nil
    else { return report(operation.id, phase: 1, "\(state.name(node)) makes \(succession.children[0].id) of its copy") }
    guard told.parents[parent.id]?.isDelivered == true else {
      return report(operation.id, phase: 1, "decisions of \(parent.id) are on their way to its sinks")
    }
    let record = PartitionRecord(
      id: child.id, range: child.range, epoch: succession.epoch, version: RecordVersion(1), primary: member, isr: [member],
      replicas: [node] + parent.replicas.filter { $0 != node })
    replacePartitions([parent.id], with: [record])
    finish(operation.id, "\(child.id) has taken the place of \(parent.id), with what \(state.name(node)) had")
    note(.partitionForced(parent.id, by: child.id, node))
  }
}
