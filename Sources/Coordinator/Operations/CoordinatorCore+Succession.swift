import Wire

/// A worker, by its connection, that reminds of an operation of which nothing has come.
struct AbandonedTold: Hashable, Sendable {
  var session: SessionID
  var operation: OperationID
}

/// Splits and merges between the coordinator and the workers: commands are sent until the reports say that they have been
/// carried out.
extension CoordinatorCore {
  mutating func heard(_ report: SuccessionReport, _ session: SessionID, _ now: Int64, _ actions: inout [CoordinatorAction]) {
    guard sessions[session] == report.member.node, state.node(report.member.node)?.member == report.member else { return }
    let operation = report.succession.operation
    if let record = state.operation(operation), !record.state.isOver {
      guard record.succession == report.succession else { return }
      successions[operation, default: SuccessionProgress(since: now)].heard(report, now: now)
      isReviewDue = true
      return
    }
    // Nothing has come of it, or of another one that this worker takes for it: it has to be told. All parents go in one step, so while
    // one is there it has not been committed, also where another operation has replaced the other meanwhile.
    let parents = report.succession.parents.map(state.partition)
    guard parents.contains(where: { $0 != nil }), report.succession.children.allSatisfy({ state.partition($0.id) == nil }) else { return }
    // The command is answered by a report like this one: without a pause the two would go back and forth as fast as the link does.
    let told = AbandonedTold(session: session, operation: operation)
    guard now - (abandonedTold[told] ?? .min / 2) >= policy.successionMilliseconds else { return }
    abandonedTold[told] = now
    let versions = parents.map { $0?.version ?? RecordVersion(.max) }
    actions.append(.send(session, correlation: 0, .succession(SuccessionCommand(.abort, report.succession, versions: versions))))
  }

  /// Sends every worker with a copy what it has to do.
  mutating func driveSuccessions(_ now: Int64, _ actions: inout [CoordinatorAction]) {
    let open = state.openOperations.filter { $0.request.makesSuccessors }
    if open.isEmpty, successions.isEmpty { return }
    for id in successions.keys where !open.contains(where: { $0.id == id }) { successions[id] = nil }
    for record in open {
      guard let succession = record.succession else { continue }
      var progress = successions[record.id] ?? SuccessionProgress(since: now)
      let isAborting = record.state == .aborting
      if isAborting, !progress.isAbortSent { progress.lastSent = .min / 2 }
      let parents = succession.parents.compactMap(state.partition)
      // Each primary change brings a new version, and with it a new command at once.
      let isDue = now - progress.lastSent >= policy.successionMilliseconds
      if isDue, parents.count == succession.parents.count {
        progress.lastSent = now
        progress.isAbortSent = isAborting
        let chosen: NodeID? = if case .forceElection(_, let node, _) = record.request { node } else { nil }
        let action: SuccessionCommand.Action = isAborting ? .abort : chosen == nil ? .prepare : .force
        let command = SuccessionCommand(action, succession, versions: parents.map(\.version))
        for node in chosen.map({ [$0] }) ?? Set(parents.flatMap(\.replicas)).sorted() {
          guard let session = presences[node]?.session else { continue }
          actions.append(.send(session, correlation: 0, .succession(command)))
        }
      }
      successions[record.id] = progress
    }
  }

  /// For a draft: the reports, and how long it has taken.
  func successions(_ now: Int64) -> [OperationID: SuccessionProgress] {
    successions.mapValues { progress in
      var progress = progress
      progress.isOverdue = now - progress.since >= policy.sealedMillisecondsMax
      progress.sealedMilliseconds = progress.sealedSince.map { now - $0 } ?? 0
      return progress
    }
  }
}
