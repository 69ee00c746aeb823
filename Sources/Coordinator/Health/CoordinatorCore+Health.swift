import Wire

/// Who is there, and yet holds the others up: a disk that stalls, a disk or a network that is much slower than the others',
/// links that are cut.
extension CoordinatorCore {
  mutating func heard(_ report: HealthReport, _ session: SessionID, _ now: Int64) -> CoordinatorAnswer {
    guard sessions[session] == report.node, let record = state.node(report.node), record.incarnation == report.incarnation else {
      return .failure(Failure(.fenced, "the coordinator takes \(report.node) for gone: join again", isRetriable: true))
    }
    let before = healths[report.node].map { silent($0.report) } ?? []
    if let known = healths[report.node], known.report.incarnation == report.incarnation {
      healths[report.node]!.take(report, now: now)
    } else {
      healths[report.node] = NodeHealth(report, now: now)
    }
    if silent(report) != before || !silent(report).isEmpty { isReviewDue = true }
    // What stalls is not compared.
    if Int64(report.disk.stalledMilliseconds) >= policy.stallMilliseconds { judge(now) }
    return .health(HealthNotice(limping: limping.sorted()))
  }

  /// Time passes.
  mutating func compareHealth(_ now: Int64) {
    guard now - lastComparison >= Int64(state.settings.heartbeatMilliseconds) else { return }
    judge(now)
  }

  /// What each worker is taken for, by all reports that are fresh.
  private mutating func judge(_ now: Int64) {
    lastComparison = now
    let comparison = HealthComparison(healths.filter { isFresh($0.key, now) }.mapValues(\.report), policy)
    for id in healths.keys.sorted() where isFresh(id, now) {
      let before = healths[id]!.condition
      guard healths[id]!.judge(comparison.condition(of: id, now: before), now: now, policy) else { continue }
      isReviewDue = true
      pendingNotes.append(.conditionChanged(id, name: state.node(id)?.name ?? "", healths[id]!.condition, healths[id]!.report.disk))
    }
  }

  private func silent(_ report: HealthReport) -> [NodeID] {
    report.peers.filter { Int64($0.silenceMilliseconds) >= policy.cutMilliseconds }.map(\.node)
  }

  private func isFresh(_ node: NodeID, _ now: Int64) -> Bool {
    guard let health = healths[node], let presence = presences[node], presence.session != nil, let record = state.node(node) else {
      return false
    }
    return record.state == .alive && record.incarnation == health.report.incarnation
      && now - health.reportedAt <= policy.suspectMilliseconds
  }

  var stalled: Set<NodeID> { nodes { $0 == .stalled } }
  var limping: Set<NodeID> { nodes { $0 == .slowDisk || $0 == .slowNetwork } }

  private func nodes(_ isIt: (NodeCondition) -> Bool) -> Set<NodeID> {
    Set(healths.filter { isIt($0.value.condition) && state.node($0.key)?.incarnation == $0.value.report.incarnation }.keys)
  }

  /// Workers that are both heard here and don't hear each other. Replication needs both directions, so one word is enough.
  func cuts(_ now: Int64) -> Set<NodePair> {
    var pairs: Set<NodePair> = []
    for (id, health) in healths where isFresh(id, now) && isSettledIn(id, now) {
      // Somebody who has just come back is still being connected to.
      for peer in silent(health.report) where isFresh(peer, now) && isSettledIn(peer, now) { pairs.insert(NodePair(id, peer)) }
    }
    return pairs
  }

  private func isSettledIn(_ node: NodeID, _ now: Int64) -> Bool {
    presences[node].map { now - $0.joinedAt >= 2 * policy.cutMilliseconds } ?? false
  }

  /// For an operator.
  func healthStatus(_ now: Int64) -> HealthStatus {
    let cuts = cuts(now)
    return HealthStatus(
      nodes: state.nodes.map { record in
        let health = isFresh(record.id, now) ? healths[record.id] : nil
        let others = cuts.compactMap { pair in pair.low == record.id ? pair.high : pair.high == record.id ? pair.low : nil }
        return HealthStatus.Node(
          id: record.id, condition: health?.condition ?? .well,
          sinceMilliseconds: health.map { $0.since < 0 && $0.condition == .well ? .max : UInt64(max(0, now - $0.since)) } ?? .max,
          disk: health?.report.disk ?? HealthReport.Disk(),
          roundTripMicroseconds: health.flatMap { HealthComparison.roundTrip($0.report) }.map { UInt32(clamping: $0) } ?? 0,
          cutFrom: others.sorted())
      })
  }
}
