import Wire

/// R2: what becomes of the records after a restore of the store.
extension ClusterDraft {
  /// Who has to tell what it has before anything is elected: whoever has a copy by the newest record of any partition. A copy that
  /// others have taken the place of knows less than they do, because each change was known to a primary of the copies before it.
  static func awaited(_ state: ClusterState, _ known: RestoreKnowledge) -> [NodeID] {
    guard case .partitions(let records) = known.resolve(state.partitions) else { return [] }
    let holders = Set(records.flatMap(\.replicas))
    return holders.filter { known.heard[$0] == nil && state.restore?.isGivenUp($0) != true }.sorted()
  }

  /// Takes the newest records for the truth once everybody has told. Nobody leads by them: each partition gets a new epoch.
  mutating func recover(_ known: RestoreKnowledge, expectedWorkers: Int) {
    guard let restore = state.restore, restore.isOpen, case .partitions(let records) = known.resolve(state.partitions) else { return }
    // A disk has gone in this very step: what was told before may be less than the others have now.
    guard !effects.contains(.recordsWanted) else { return }
    guard Self.awaited(state, known).isEmpty || planted(.restoreUnheard) && !known.heard.isEmpty else { return }
    // A backup from before the first partitions: somebody may have one all the same.
    guard !records.isEmpty || known.heard.count >= expectedWorkers else { return }
    let restores = max(state.cluster.restores, known.restoresSeen >= state.cluster.restores ? known.restoresSeen + 1 : 0)
    precondition(restores < 1 << 12, "the store is restored some thousand times at most")
    var recovered: [PartitionRecord] = []
    for newest in records {
      var record = newest
      record.version = newest.version.next
      record.primary = nil
      record.epoch = max(newest.epoch, known.highestEpochs[newest.id] ?? .none, Epoch(restore: restores, number: 0))
      if planted(.restoreWithoutEpochs) { record.epoch = state.partition(newest.id)?.epoch ?? newest.epoch }
      var missing = newest.replicas.filter(restore.isGivenUp)
      record.isr = holders(newest.isr, known, &missing)
      record.eligible = holders(newest.eligible, known, &missing)
      if !missing.isEmpty { leaveMissing(&record, newest, missing, known) }
      record.replicas.removeAll { state.node($0) == nil }
      recovered.append(record)
      if record.isr.isEmpty, record.eligible.isEmpty { note(.noPrimary(record.id)) }
    }
    recover(recovered, epochsFrom: restores, partitionsAbove: known.lastPartition)
    note(.storeRecovered(partitions: recovered.count, restores: restores))
  }

  /// The members as which those go on that still have what the record says (R1, R6). The others are `missing`.
  private mutating func holders(_ members: [Member], _ known: RestoreKnowledge, _ missing: inout [NodeID]) -> [Member] {
    members.compactMap { member in
      let now = holder(member, known)
      if now == nil, !missing.contains(member.node) { missing.append(member.node) }
      return now
    }
  }

  private mutating func holder(_ member: Member, _ known: RestoreKnowledge) -> Member? {
    guard state.restore?.isGivenUp(member.node) != true, let node = state.node(member.node), node.storage == member.storage
    else { return nil }
    if node.incarnation < member.incarnation {
      // An older copy of the disk: it is told so when it comes again.
      updateNode(node.id) { $0.incarnation = member.incarnation }
      return nil
    }
    if state.settings.durability == .fsync || node.incarnation == member.incarnation { return member }
    guard let (told, intactSince) = known.heard[node.id], told == node.member, intactSince <= member.incarnation else { return nil }
    return node.member
  }

  /// A copy that is lost, or was given up, may have known a newer record than all others, by which in-sync copies had left. While fewer
  /// than min_in_sync are missing, some copy that was in sync by that record is here, and none has a later log: whoever has the latest
  /// goes on alone until others have caught up. With more missing, nothing is known to hold everything, and an operator has to
  /// choose (R6). What is in memory alone is not enough for this: who else has lost it can't be seen.
  private func leaveMissing(_ record: inout PartitionRecord, _ newest: PartitionRecord, _ missing: [NodeID], _ known: RestoreKnowledge) {
    let isGivenUp = state.restore!.isGivenUp as (NodeID) -> Bool
    let rest = newest.replicas.filter { !isGivenUp($0) }
    record.isr = []
    record.eligible = []
    // At least one place to begin anew from.
    record.replicas = rest.isEmpty ? Array(state.nodes.map(\.id).filter { !isGivenUp($0) }.prefix(1)) : rest
    guard missing.count < state.settings.minInSync, state.settings.durability == .fsync else { return }
    let ends = known.logs[newest.id] ?? [:]
    let best = rest.filter { known.heard[$0] != nil && ends[$0] != nil && !missing.contains($0) }.max { ends[$0]! < ends[$1]! }
    if let best, let member = state.node(best)?.member { record.isr = [member] }
  }

  // MARK: Giving up

  func planGiveUp(_ node: NodeID, _ reason: String) -> Result<OperationPlan, Failure> {
    guard let restore = state.restore, restore.isOpen else {
      return .failure(
        Failure(
          .conflict,
          "a worker is given up only while a restored store waits for it: see 'assay partition force-election'"
        ))
    }
    guard !reason.allSatisfy(\.isWhitespace) else {
      return .failure(Failure(.malformed, "giving a worker up needs a reason, for the audit log"))
    }
    guard !restore.isGivenUp(node) else { return .failure(Failure(.conflict, "\(state.name(node)) has been given up already")) }
    guard restore.givenUp.count < ClusterLimit.nodes else {
      return .failure(Failure(.busy, "\(restore.givenUp.count) workers have been given up, and no more are", isRetriable: false))
    }
    guard !liveness.fit.contains(node) else {
      return .failure(Failure(.conflict, "\(state.name(node)) is there: what it has is known, or is about to be"))
    }
    return .success(
      OperationPlan(
        steps: [
          "\(state.name(node)) must be stopped, and stay so: with its present disk it is not taken back",
          "its copies leave; each partition that had one goes on from the latest log among the others, alone until they have caught up",
          "where \(state.settings.minInSync) copies or more are missing, nothing is elected: 'assay partition force-election' then "
            + "chooses, and acknowledged decisions may be lost",
        ], toleratedNow: 0, toleratedMeanwhile: 0, toleratedAfter: 0))
  }

  mutating func giveUpAfterRestore(_ node: NodeID) {
    let storage = state.node(node)?.storage ?? .none
    updateRestore { $0.givenUp.append(.init(node: node, storage: storage)) }
    note(.givenUp(node, name: state.name(node)))
    effects.append(.recordsWanted)
  }
}
