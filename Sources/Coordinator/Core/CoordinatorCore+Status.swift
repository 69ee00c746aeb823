import Wire

extension CoordinatorCore {
  /// What an operator sees.
  func status(_ now: Int64) -> Status {
    let map = state.map
    let bundle = state.rollout.candidate ?? state.rollout.active
    let nodes = state.nodes.map { record in
      let presence = presences[record.id]
      let heartbeat = presence?.heartbeat
      return Status.Node(
        id: record.id, state: shownState(record, presence, now),
        silenceMilliseconds: presence.map { $0.wasHeard ? UInt64(max(0, now - $0.lastHeard)) : .max } ?? .max,
        map: heartbeat?.map ?? .none, diskFree: heartbeat?.diskFree ?? 0,
        bundleReady: bundle.map { presence?.bundles.contains($0) == true } ?? true,
        bundleProblem: heartbeat?.bundleProblem ?? "")
    }
    // What a node that is gone said last is no news.
    let replicas = state.nodes.filter { $0.state != .gone }.flatMap { record in
      (presences[record.id]?.heartbeat?.replicas ?? []).map { Status.Replica(node: record.id, report: $0) }
    }
    let sorted = replicas.sorted { ($0.report.partition, $0.node) < ($1.report.partition, $1.node) }
    return Status(map: map, nodes: nodes, replicas: sorted, waitingFor: Array(waitingFor(now).prefix(Status.waitingMax)))
  }

  private func shownState(_ record: NodeRecord, _ presence: Presence?, _ now: Int64) -> NodeState {
    guard record.state != .gone, let presence else { return record.state }
    if presence.isSuspect(now: now, policy) { return .suspect }
    return presence.heartbeat == nil ? .joined : .alive
  }

  private func waitingFor(_ now: Int64) -> [String] {
    var lines: [String] = []
    let fit = liveness(now).fit
    if let restore = restoreWaitingFor() { return restore.map(Self.cut) }
    lines += missingBundles()
    if state.partitions.isEmpty {
      let wanted = max(policy.expectedWorkers, state.settings.minInSync)
      lines.append("\(fit.count) of \(wanted) workers have joined; partitions are placed when all have")
    } else if state.rollout.active == nil, state.rollout.candidate == nil {
      lines.append("no policy bundle is active; publish one")
    }
    if let candidate = state.rollout.candidate {
      let laggards = state.bundleLaggards(candidate, presences.mapValues(\.bundles))
      let names = laggards.compactMap { state.node($0)?.name }.joined(separator: ", ")
      lines.append("bundle \(candidate) becomes active when it is loaded by: \(names)")
    }
    for record in state.nodes {
      if let line = Self.complaint(of: record, healths[record.id]) { lines.append(line) }
      if fit.contains(record.id), presences[record.id]?.isFull == true {
        lines.append("\(record.name)'s disk is full: it takes no transactions, and others with room lead what it led")
      }
    }
    for partition in state.partitions {
      if let line = waitingFor(partition, fit) { lines.append(line) }
      if lines.count == Status.waitingMax { break }
    }
    return lines.map(Self.cut)
  }

  private static func complaint(of record: NodeRecord, _ health: NodeHealth?) -> String? {
    guard let health, record.state != .gone, record.incarnation == health.report.incarnation else { return nil }
    let disk = health.report.disk
    switch health.condition {
    case .well: return nil
    case .stalled: return "\(record.name)'s disk has given no answer for \(disk.stalledMilliseconds) ms: others lead what it led"
    case .slowDisk: return "\(record.name) limps: a sync takes it \(disk.medianMicroseconds / 1_000) ms, many times what the others need"
    case .slowNetwork:
      let trip = HealthComparison.roundTrip(health.report) ?? 0
      return "\(record.name) limps: its peers answer after \(trip / 1_000) ms, many times later than each other"
    }
  }

  private func waitingFor(_ partition: PartitionRecord, _ fit: Set<NodeID>) -> String? {
    let electable = (partition.isr + partition.eligible).map(\.node)
    if electable.isEmpty {
      return "\(partition.id) has lost every electable replica: its data is gone"
    }
    guard let primary = partition.primary, fit.contains(primary.node) else {
      let names = electable.compactMap { state.node($0)?.name }.joined(separator: ", ")
      return "\(partition.id) waits for one of: \(names)"
    }
    if partition.isr.count < state.settings.minInSync {
      return "\(partition.id) has \(partition.isr.count) replicas in sync and needs \(state.settings.minInSync) to commit"
    }
    return nil
  }

  private static func cut(_ line: String) -> String {
    guard line.utf8.count > ClusterLimit.textLength else { return line }
    return String(decoding: line.utf8.prefix(ClusterLimit.textLength - 3), as: UTF8.self).filter { $0 != "\u{FFFD}" } + "..."
  }
}
