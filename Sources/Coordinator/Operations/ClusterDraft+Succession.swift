import Wire

/// Split and merge (R12). Prepare: the parents' primaries seal their logs at one entry each, and every in-sync replica
/// makes the children from its copy. Commit: one transaction that puts the children in the parents' place. Abort: the
/// record says `aborting` before anybody unseals, and is over once the parents' primaries have unsealed.
extension ClusterDraft {
  private enum Phase {
    static let sealing: UInt8 = 1
    static let unsealing: UInt8 = 2
  }

  // MARK: Plans

  func planSplit(_ id: PartitionID, at: KeyHash) -> Result<OperationPlan, Failure> {
    guard let parent = state.partition(id) else { return .failure(Self.unknown(id)) }
    guard at > parent.range.first, at <= parent.range.last else {
      return .failure(Failure(.malformed, "\(id) has the keys \(parent.range): \(at) does not split them (a single key never splits)"))
    }
    guard state.partitions.count < ClusterLimit.partitions else {
      return .failure(Failure(.busy, "the cluster has \(ClusterLimit.partitions) partitions, and takes no more", isRetriable: false))
    }
    if let failure = unready([parent]) { return .failure(failure) }
    let (first, second) = (state.nextPartition, PartitionID(state.nextPartition.rawValue + 1))
    let holders = parent.isr.map { state.name($0.node) }.joined(separator: ", ")
    return .success(
      plan([
        "\(id) is sealed at one offset; its clients are told to send again in a moment",
        "\(holders): each makes \(first) of [\(parent.range.first), \(KeyHash(at.rawValue - 1))] and \(second) of [\(at), \(parent.range.last)]",
        "\(first) and \(second) take the place of \(id), led by \(parent.primary.map { state.name($0.node) } ?? "nobody")",
      ]))
  }

  func planMerge(_ a: PartitionID, _ b: PartitionID) -> Result<OperationPlan, Failure> {
    let ids = inOrder(a, b)
    guard let low = state.partition(ids[0]) else { return .failure(Self.unknown(ids[0])) }
    guard let high = state.partition(ids[1]) else { return .failure(Self.unknown(ids[1])) }
    guard low.id != high.id, low.range.last.rawValue &+ 1 == high.range.first.rawValue else {
      return .failure(Failure(.malformed, "\(low.id) \(low.range) and \(high.id) \(high.range) are not side by side"))
    }
    if Set(low.replicas) != Set(high.replicas) || low.isr.map(\.node) != high.isr.map(\.node) {
      return .failure(
        Failure(
          .conflict,
          "\(low.id) is on \(low.replicas.map(state.name).joined(separator: ", ")) and \(high.id) on "
            + "\(high.replicas.map(state.name).joined(separator: ", ")): move them onto the same workers first, all in sync"))
    }
    if let failure = unready([low, high]) { return .failure(failure) }
    let holders = low.isr.map { state.name($0.node) }.joined(separator: ", ")
    return .success(
      plan([
        "\(low.id) and \(high.id) are sealed at one offset each; their clients are told to send again in a moment",
        "\(holders): each makes \(state.nextPartition) of [\(low.range.first), \(high.range.last)]",
        "\(state.nextPartition) takes their place, led by \(low.primary.map { state.name($0.node) } ?? "nobody")",
      ]))
  }

  private func plan(_ steps: [String]) -> OperationPlan {
    let tolerated = state.failuresTolerated(liveness.fit)
    return OperationPlan(steps: steps, toleratedNow: tolerated, toleratedMeanwhile: tolerated, toleratedAfter: tolerated)
  }

  static func unknown(_ id: PartitionID) -> Failure { Failure(.notFound, "there is no partition \(id) here") }

  private func unready(_ parents: [PartitionRecord]) -> Failure? {
    for parent in parents {
      guard let primary = parent.primary, liveness.fit.contains(primary.node), parent.isr.count >= state.settings.minInSync else {
        return Failure(.unavailable, "\(parent.id) does not serve now: try again when it does")
      }
    }
    return nil
  }

  private func inOrder(_ a: PartitionID, _ b: PartitionID) -> [PartitionID] {
    let places = [a, b].map { state.partition($0)?.range.first ?? KeyHash(0) }
    return places[1] < places[0] ? [b, a] : [a, b]
  }

  // MARK: Steps

  /// In the transaction that records the operation: the children's ids are taken, and never given again (R2).
  mutating func beginSuccession(_ id: OperationID, _ request: OperationRequest) {
    let epoch = Epoch(restore: state.cluster.restores, number: 1)
    let succession: Succession
    switch request {
    case .split(let parent, let at):
      let range = state.partition(parent)!.range
      succession = Succession(
        operation: id, epoch: epoch, parents: [parent],
        children: [
          .init(id: takePartitionID(), range: KeyRange(first: range.first, last: KeyHash(at.rawValue - 1))),
          .init(id: takePartitionID(), range: KeyRange(first: at, last: range.last)),
        ])
    case .merge(let a, let b):
      let parents = inOrder(a, b)
      let range = KeyRange(first: state.partition(parents[0])!.range.first, last: state.partition(parents[1])!.range.last)
      succession = Succession(operation: id, epoch: epoch, parents: parents, children: [.init(id: takePartitionID(), range: range)])
    case .forceElection(let parent, _, _):
      succession = Succession(
        operation: id, epoch: epoch, parents: [parent], children: [.init(id: takePartitionID(), range: state.partition(parent)!.range)])
    default: preconditionFailure("\(request.name) makes no successors")
    }
    updateOperation(id) {
      $0.detail = succession.encoded
      $0.phase = Phase.sealing
    }
  }

  mutating func advanceSuccession(_ record: OperationRecord) {
    guard let succession = record.succession else { return end(record.id, .failed, "its record can't be read") }
    let progress = liveness.successions[record.id] ?? SuccessionProgress(since: 0)
    if record.state == .aborting {
      if succession.parents.allSatisfy({ isUnsealed($0, progress) }) { end(record.id, .aborted, record.note) }
      return
    }
    let parents = succession.parents.compactMap(state.partition)
    guard parents.count == succession.parents.count else { return end(record.id, .failed, "a partition of it is gone") }
    if case .forceElection(_, let node, _) = record.request {
      return advanceForced(record, node, succession, parents[0], progress)
    }
    switch standing(parents, succession, progress) {
    case .ready(let members): succeed(record.id, succession, parents, members, progress)
    case .waiting(let why):
      if progress.isOverdue { unwind(record.id, succession, "given up, not to keep clients waiting: \(why)") }
    case .impossible(let why): unwind(record.id, succession, why)
    }
  }

  /// The operator's abort, or the coordinator's own: logged before anybody unseals. The parents' records get a new version,
  /// so that a late `prepare` seals nothing.
  mutating func abortSuccession(_ record: OperationRecord) {
    guard let succession = record.succession else { return end(record.id, .aborted, "given up") }
    unwind(record.id, succession, "given up")
  }

  mutating func unwind(_ id: OperationID, _ succession: Succession, _ why: String) {
    for parent in succession.parents {
      guard let index = state.partitionIndex(parent) else { continue }
      updatePartition(at: index) { $0.refuse() }
    }
    // Nothing is sealed: a copy that was made already is forgotten when its worker reminds of it.
    if succession.isForced { return end(id, .aborted, why) }
    updateOperation(id) {
      $0.state = .aborting
      $0.phase = Phase.unsealing
      $0.note = Self.cut(why)
    }
  }

  private func isUnsealed(_ parent: PartitionID, _ progress: SuccessionProgress) -> Bool {
    guard let primary = state.partition(parent)?.primary else { return false }
    guard let told = progress.reports[primary.node], told.member == primary, let heard = told.parents[parent] else { return false }
    return heard.isPrimary && !heard.isSealed && told.isAfterAbort
  }

  private enum Standing {
    case ready([Member])
    case waiting(String)
    case impossible(String)
  }

  /// Whether the children may take over: every in-sync replica of every parent has them, all the same, and the parents'
  /// decisions have been delivered.
  private func standing(_ parents: [PartitionRecord], _ succession: Succession, _ progress: SuccessionProgress) -> Standing {
    for parent in parents {
      guard parent.isr.count >= state.settings.minInSync else { return .waiting("\(parent.id) has too few replicas in sync") }
      guard let primary = parent.primary, let told = progress.reports[primary.node], told.member == primary,
        let heard = told.parents[parent.id], heard.isPrimary, heard.isSealed
      else { return .waiting("\(parent.id) is not sealed yet") }
      guard heard.isDelivered else { return .waiting("decisions of \(parent.id) are on their way to its sinks") }
    }
    // Of two parents, those in sync in both; where one has others, they are waited for, or leave.
    var members: [Member] = []
    var digests: [UInt64]?
    for node in Set(parents.flatMap { $0.isr.map(\.node) }).sorted() {
      guard let now = state.node(node)?.member, let told = progress.reports[node], told.member == now else {
        return .waiting("\(state.name(node)) has not answered")
      }
      guard parents.allSatisfy({ $0.isr(node)?.holdsSameData(as: now, state.settings.durability) == true }) else {
        return .waiting("\(state.name(node)) is not in sync in both")
      }
      let made = succession.children.compactMap { told.children[$0.id] }
      if planted(.commitUnprepared), node != parents[0].primary?.node {
        members.append(now)
        continue
      }
      guard made.count == succession.children.count else { return .waiting("\(state.name(node)) is still making its copy") }
      if let digests, digests != made {
        return .impossible("failed: the copies on \(state.name(node)) and on \(state.name(members[0].node)) differ (R14)")
      }
      digests = made
      members.append(now)
    }
    return .ready(members)
  }

  /// The commit (R12): the parents' records go and the children's come, in one transaction.
  private mutating func succeed(
    _ id: OperationID, _ succession: Succession, _ parents: [PartitionRecord], _ members: [Member], _ progress: SuccessionProgress
  ) {
    let children = succession.children.map { child in
      PartitionRecord(
        id: child.id, range: child.range, epoch: succession.epoch, version: RecordVersion(1), primary: parents[0].primary, isr: members,
        replicas: parents[0].replicas)
    }
    replacePartitions(succession.parents, with: children)
    let heirs = children.map { "\($0.id)" }.joined(separator: " and ")
    finish(id, "\(heirs) serve; the keys were sealed for \(progress.sealedMilliseconds) ms")
    note(.partitionsReplaced(succession.parents, by: children.map(\.id), sealedMilliseconds: progress.sealedMilliseconds))
  }
}

extension OperationRecord {
  /// What a split or a merge has written down at its start.
  var succession: Succession? { try? Succession(reading: detail.span.bytes) }
}
