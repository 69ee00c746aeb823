import Wire

/// Planned hand-overs between the coordinator and the primaries. Who wants one is the drafts' business
/// (`ClusterDraft+HandOver`); here primaries are asked, and their answers kept.
extension CoordinatorCore {
  mutating func heard(_ report: HandOverReport, _ session: SessionID, _ now: Int64) {
    guard sessions[session] == report.member.node, let record = state.partition(report.partition), record.primary == report.member,
      let progress = handOvers[report.partition], progress.version == report.version
    else { return }
    switch report.state {
    case .drained: handOvers[report.partition]?.isDrained = true
    case .resumed: failed(report.partition, "the successor did not hold everything in time", now)
    }
    isReviewDue = true
  }

  /// Takes up what a draft has asked for.
  mutating func begin(_ wanted: [PartitionID: Member], _ now: Int64) {
    for (id, successor) in wanted {
      guard let version = state.partition(id)?.version else { continue }
      if let known = handOvers[id], known.version == version, known.successor == successor { continue }
      handOvers[id] = HandOverProgress(successor: successor, version: version, since: now)
    }
  }

  /// Asks primaries, again until they answer, and lets go of those that take too long.
  mutating func driveHandOvers(_ now: Int64, _ actions: inout [CoordinatorAction]) {
    if handOvers.isEmpty { return }
    for id in handOvers.keys.sorted() {
      let progress = handOvers[id]!
      guard let record = state.partition(id), record.version == progress.version, let primary = record.primary else {
        // Done, or to be asked for again by the newer record.
        if let record = state.partition(id), record.primary == progress.successor { handOverFailures[id] = nil }
        handOvers[id] = nil
        isReviewDue = true
        continue
      }
      // A commit under way may be the election itself.
      if now - progress.since >= policy.handOverMillisecondsMax, case .idle = phase {
        failed(id, "\(state.name(primary.node)) gave no answer in time", now)
        send(.resume, id, progress, to: primary, &actions)
        isReviewDue = true
        continue
      }
      guard !progress.isDrained, now - progress.lastSent >= policy.handOverResendMilliseconds else { continue }
      handOvers[id]!.lastSent = now
      send(.pause, id, progress, to: primary, &actions)
    }
  }

  /// The operation that wanted it was given up.
  mutating func cancelHandOvers(_ cancelled: Set<PartitionID>, _ actions: inout [CoordinatorAction]) {
    for id in cancelled.sorted() {
      guard let progress = handOvers.removeValue(forKey: id), let primary = state.partition(id)?.primary else { continue }
      send(.resume, id, progress, to: primary, &actions)
    }
  }

  private func send(
    _ action: HandOverCommand.Action, _ id: PartitionID, _ progress: HandOverProgress, to primary: Member,
    _ actions: inout [CoordinatorAction]
  ) {
    guard let session = presences[primary.node]?.session else { return }
    let command = HandOverCommand(action, id, version: progress.version, successor: progress.successor)
    actions.append(.send(session, correlation: 0, .handOver(command)))
  }

  private mutating func failed(_ id: PartitionID, _ reason: String, _ now: Int64) {
    let version = handOvers.removeValue(forKey: id)?.version
    let count = (handOverFailures[id]?.count ?? 0) + 1
    let rest = policy.handOverRestMilliseconds * Int64(min(count, 10))
    handOverFailures[id] = HandOverFailure(count: count, until: now + rest, reason: reason, version: version)
  }

  /// For a draft.
  func handOverFailures(_ now: Int64) -> [PartitionID: HandOverFailure] {
    handOverFailures.mapValues { failure in
      var failure = failure
      failure.isResting = now < failure.until
      return failure
    }
  }
}
