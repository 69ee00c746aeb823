import Wire

/// Operations: actions too long for one transaction. Each has a record in the store; every draft looks at those under way
/// and takes the next step where the facts allow it. A step is a change of records like any other, so a coordinator that
/// starts anew goes on from the record, and a step that was lost is taken again.
///
/// A new kind is a case of `OperationRequest` and a line in each of the four switches below.
extension ClusterDraft {
  /// What `request` would do, or why it can't be done.
  func plan(_ request: OperationRequest) -> Result<OperationPlan, Failure> {
    switch request {
    case .drain(let node): planDrain(node)
    case .undrain(let node): planUndrain(node)
    case .split(let id, let at): planSplit(id, at: at)
    case .merge(let a, let b): planMerge(a, b)
    case .handOver(let id, let node): planHandOver(id, to: node)
    case .move(let id, let from, let to): planMove(id, from: from, to: to)
    case .remove(let node): planRemove(node)
    case .rebalance: planRebalance()
    case .giveUp(let node, let reason): planGiveUp(node, reason)
    case .forceElection(let id, let node, let reason): planForced(id, node, reason)
    }
  }

  /// The first step, in the transaction that records the operation.
  private mutating func begin(_ id: OperationID, _ request: OperationRequest) {
    switch request {
    case .drain(let node), .remove(let node): beginDrain(node)
    case .undrain(let node): undrain(node, by: id)
    case .split, .merge, .forceElection: beginSuccession(id, request)
    case .giveUp(let node, _): giveUpAfterRestore(node)
    case .move, .handOver, .rebalance: break
    }
  }

  /// The next step, if it may be taken now.
  private mutating func advance(_ record: OperationRecord, _ policy: CoordinatorPolicy, wall: Int64) {
    switch record.request {
    case .drain(let node): advanceDrain(record, node, policy)
    case .undrain, .giveUp: finish(record.id)
    case .split, .merge, .forceElection: advanceSuccession(record)
    case .handOver(let id, let node): advanceHandOver(record, id, node, policy)
    case .move(let id, let from, let to): advanceMove(record, id, from, to, policy)
    case .remove(let node): advanceRemove(record, node, policy, wall: wall)
    case .rebalance: advanceRebalance(record, policy, wall: wall)
    }
  }

  /// Takes back what was begun. Nil: given up; else what stands against it.
  private mutating func giveUp(_ record: OperationRecord) -> Failure? {
    switch record.request {
    case .drain(let node), .remove(let node):
      updateNode(node) { $0.draining = false }
      abortChildren(of: record.id)
      cancelHandOvers(from: node)
      end(record.id, .aborted, "given up; \(state.name(node)) may have work again")
    case .split, .merge, .forceElection: abortSuccession(record)
    case .handOver(let id, _):
      cancelledHandOvers.insert(id)
      end(record.id, .aborted, "given up")
    case .move(let id, _, let to): abortMove(record, id, to)
    case .rebalance:
      abortChildren(of: record.id)
      end(record.id, .aborted, "given up; what has moved stays where it is")
    case .undrain, .giveUp: end(record.id, .aborted, "given up")
    }
    return nil
  }

  // MARK: The same for all kinds

  /// Begins an operation, or finds the one that the same request has begun.
  mutating func start(_ start: StartOperation, by requester: String, wall: Int64) -> Result<(OperationID, OperationPlan), Failure> {
    if let known = state.operations.last(where: { $0.token == start.token && $0.request == start.request }), start.token != 0 {
      let none = OperationPlan(steps: [], toleratedNow: 0, toleratedMeanwhile: 0, toleratedAfter: 0)
      return .success((known.id, (try? plan(start.request).get()) ?? none))
    }
    let plan: OperationPlan
    switch self.plan(start.request) {
    case .success(let made): plan = made
    case .failure(let failure): return .failure(failure)
    }
    if let failure = obstacle(to: start.request) { return .failure(failure) }
    let id = nextOperation
    addOperation(
      OperationRecord(
        id: id, request: start.request, requester: Self.cut(requester), startedAt: wall, token: start.token))
    note(.operationStarted(id, start.request.name, by: requester))
    audit(state.operation(id)!, "began", wall: wall)
    begin(id, start.request)
    return .success((id, plan))
  }

  /// Ids are in logs, where splits have sealed them: none is given again, also after a restore (R2).
  var nextOperation: OperationID { OperationID(max((state.operations.last?.id.rawValue ?? 0) + 1, state.cluster.operationsFrom)) }

  /// Another operation that stands in the way.
  private func obstacle(to request: OperationRequest) -> Failure? {
    if state.operations.count >= ClusterState.operationsMax {
      return Failure(.busy, "\(state.operations.count) operations are on record, and no more are taken", isRetriable: false)
    }
    let others = state.openOperations.lazy.compactMap { other in
      request.partitions.first(where: other.request.partitions.contains).map { ($0, other) }
    }
    guard let (partition, other) = others.first else { return nil }
    return Failure(.conflict, "\(partition) is being worked on by operation \(other.id) (\(other.request.name)): wait for it, or abort it")
  }

  /// Takes every operation under way as far as it can go now, and forgets the oldest of those that are over.
  mutating func advanceOperations(_ policy: CoordinatorPolicy, wall: Int64) {
    for record in state.openOperations { advance(record, policy, wall: wall) }
    for record in state.operations where record.state.isOver && record.endedAt == 0 {
      updateOperation(record.id) { $0.endedAt = max(wall, 1) }
      audit(record, "\(record.state): \(record.note)", wall: wall)
      note(.operationEnded(record.id, record.request.name, record.state, note: record.note))
    }
    var ended = state.operations.filter { $0.state.isOver && !$0.request.isAudited }
    // The newest id stays on record, whatever it is: the next one is counted from it.
    while ended.count > ClusterState.endedOperationsMax, ended[0].id != state.operations.last?.id {
      forgetOperation(ended.removeFirst().id)
    }
  }

  /// Why an operation can't be given up; nil if it is.
  mutating func abort(_ id: OperationID, wall: Int64) -> Failure? {
    guard let record = state.operation(id) else { return Failure(.notFound, "there is no operation \(id) here") }
    if record.state == .aborting { return nil }
    guard !record.state.isOver else {
      return Failure(.conflict, "operation \(id) (\(record.request.name)) is over: it is \(record.state)")
    }
    return giveUp(record)
  }

  /// A refusal that the audit log has to know of: what was asked for may cost acknowledged data.
  mutating func refused(_ request: OperationRequest, by requester: String, _ failure: Failure, wall: Int64) {
    if request.isAudited { audit(requester, describe(request), "refused: \(failure.message)", wall: wall) }
  }

  mutating func finish(_ id: OperationID, _ note: String = "done") { end(id, .finished, note) }

  mutating func end(_ id: OperationID, _ outcome: OperationRecord.State, _ note: String) {
    precondition(outcome.isOver)
    updateOperation(id) {
      $0.state = outcome
      $0.note = Self.cut(note)
    }
  }

  /// Says how far an operation is. A note that has not changed changes nothing.
  mutating func report(_ id: OperationID, phase: UInt8, _ note: String) {
    let note = Self.cut(note)
    guard let record = state.operation(id), record.phase != phase || record.note != note else { return }
    updateOperation(id) {
      $0.phase = phase
      $0.note = note
    }
  }

  /// Within the bound of a text in a record.
  static func cut(_ text: String, _ limit: Int = ClusterLimit.textLength) -> String {
    guard text.utf8.count > limit else { return text }
    return String(decoding: text.utf8.prefix(limit - 3), as: UTF8.self).filter { $0 != "\u{FFFD}" } + "..."
  }
}
