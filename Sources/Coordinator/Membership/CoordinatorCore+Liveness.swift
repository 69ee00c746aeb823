import Wire

/// Who is there. A closed connection is a hint that starts a probe; silence needs the lease to pass.
extension CoordinatorCore {
  static func presence(of node: NodeRecord, now: Int64) -> Presence {
    var presence = Presence(now: now)
    if node.state == .gone { presence.goneSince = now }
    return presence
  }

  // MARK: Signs of life

  /// A worker's join has committed.
  mutating func joined(_ node: NodeID, _ session: SessionID, _ now: Int64, _ actions: inout [CoordinatorAction]) {
    if let old = presences[node]?.session, old != session {
      sessions[old] = nil
      watchers[old] = nil
      actions.append(.close(old, Failure(.fenced, "the worker has connected again", isRetriable: true)))
    }
    var presence = Presence(now: now)
    presence.session = session
    presence.wasHeard = true
    presences[node] = presence
    sessions[session] = node
    isReviewDue = true
  }

  mutating func heard(_ heartbeat: Heartbeat, _ session: SessionID, _ now: Int64) -> CoordinatorAnswer {
    guard let node = sessions[session], node == heartbeat.node, let record = state.node(node),
      record.incarnation == heartbeat.incarnation, record.state != .gone
    else {
      return .failure(Failure(.fenced, "the coordinator takes \(heartbeat.node) for gone: join again", isRetriable: true))
    }
    let before = presences[node]
    presences[node]?.lastHeard = now
    presences[node]?.isDead = nil
    presences[node]?.heartbeat = heartbeat
    if heartbeat.replicas.isEmpty { presences[node]?.heartbeat?.replicas = before?.heartbeat?.replicas ?? [] }
    if before?.isFull != presences[node]?.isFull { isReviewDue = true }
    if before?.bundles != presences[node]?.bundles || before?.isSuspect(now: now, policy) == true { isReviewDue = true }
    // A store that was restored may have an older map than the worker's.
    return .heartbeat(HeartbeatAccepted(map: isRestoring ? .none : MapVersion(state.revision), lists: state.listCounter.last))
  }

  mutating func closed(_ session: SessionID) {
    watchers[session] = nil
    if !abandonedTold.isEmpty { abandonedTold = abandonedTold.filter { $0.key.session != session } }
    waiting.removeAll { item in
      if case .join = item.request { item.session == session } else { false }
    }
    if case .committing(let id, let transaction, var draft) = phase {
      // What it asked for is done all the same; nobody is told, and it does not speak for a worker any more.
      draft.effects.removeAll { if case .joined(session, _, _) = $0 { true } else { false } }
      phase = .committing(id, transaction, draft)
    }
    guard let node = sessions.removeValue(forKey: session), presences[node]?.session == session else { return }
    presences[node]?.session = nil
    presences[node]?.lastProbe = .min / 2
    isReviewDue = true
  }

  mutating func probed(_ node: NodeID, _ result: ProbeResult, _ now: Int64) {
    guard presences[node]?.isProbing == true, let record = state.node(node) else { return }
    presences[node]?.isProbing = false
    // It has come back meanwhile.
    guard presences[node]!.isSuspect(now: now, policy) else { return }
    switch result {
    case .answered(let storage, let incarnation):
      if storage != record.storage || incarnation != record.incarnation {
        presences[node]?.isDead = "another process answers at its address"
      }
    case .refused: presences[node]?.isDead = "nothing listens at its address"
    case .silent: break
    }
    if presences[node]?.isDead != nil { isReviewDue = true }
  }

  // MARK: The passing of time

  /// Starts probes of suspects, and notices leases that have passed.
  mutating func watchLeases(_ now: Int64, _ actions: inout [CoordinatorAction]) {
    for record in state.nodes {
      guard record.state != .gone else {
        if presences[record.id]?.goneSince == nil { presences[record.id]?.goneSince = now }
        continue
      }
      guard let presence = presences[record.id], presence.isSuspect(now: now, policy) else { continue }
      if now - presence.lastHeard > Int64(state.settings.leaseMilliseconds), presence.isDead == nil {
        presences[record.id]?.isDead = "silent for longer than its lease"
        isReviewDue = true
      }
      // A node that this process has never heard may simply not have connected yet (R11): its lease decides.
      guard presence.wasHeard, !presence.isProbing, now - presence.lastProbe >= policy.probeMilliseconds else { continue }
      presences[record.id]?.isProbing = true
      presences[record.id]?.lastProbe = now
      actions.append(.probe(record.id, address: record.address))
    }
  }

  /// Records the death of those found dead.
  mutating func giveUpDead(_ draft: inout ClusterDraft) {
    for record in draft.state.nodes where record.state != .gone {
      guard let reason = presences[record.id]?.isDead else { continue }
      draft.updateNode(record.id) { $0.state = .gone }
      draft.liveness.fit.remove(record.id)
      draft.note(.nodeGone(record.id, name: record.name, reason: reason))
    }
  }

  /// Whether another connection than `session` speaks for the joining worker's name, and has been heard lately.
  func isHeldElsewhere(_ join: Join, _ session: SessionID, _ now: Int64) -> Bool {
    guard let known = state.node(named: join.name), let presence = presences[known.id], let holder = presence.session
    else { return false }
    return holder != session && !presence.isSuspect(now: now, policy)
  }

  func liveness(_ now: Int64) -> ClusterDraft.Liveness {
    var liveness = ClusterDraft.Liveness()
    liveness.successions = successions(now)
    liveness.stalled = stalled
    liveness.limping = limping
    liveness.cuts = cuts(now)
    liveness.reportedAt = healths.mapValues(\.reportedAt)
    liveness.diverged = digests.open.sorted { ($0.partition, $0.member.node) < ($1.partition, $1.member.node) }
    liveness.handOvers = handOvers
    liveness.handOverFailures = handOverFailures(now)
    for record in state.nodes {
      guard let presence = presences[record.id] else { continue }
      liveness.bundles[record.id] = presence.bundles
      liveness.reports[record.id] = presence.heartbeat?.replicas
      if record.state == .alive, presence.isDead == nil, !presence.isSuspect(now: now, policy), !liveness.stalled.contains(record.id) {
        liveness.fit.insert(record.id)
        if presence.isFull { liveness.full.insert(record.id) }
        let wellSince = max(presence.joinedAt, healths[record.id]?.since ?? .min)
        if now - wellSince >= policy.settleMilliseconds { liveness.settled.insert(record.id) }
      }
      if record.state == .gone, let since = presence.goneSince, now - since >= policy.lostAfterMilliseconds {
        liveness.lost.insert(record.id)
      }
    }
    return liveness
  }
}
