import Wire

/// The primary's side: append, replicate, commit over the maximal ISR, propose changes of the ISR.
extension Replica {
  /// The shell has appended a record of its own at the log's end: the epoch start (the first one in an epoch) or a
  /// batch. `epoch` must be the present one.
  public mutating func appended(epoch: Epoch, count: Int, now: Int64, _ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = role, primary.epoch == epoch else {
      preconditionFailure("only the primary of \(epoch) appends to \(partition)")
    }
    log.append(epoch: epoch, base: log.end, count: count)
    if primary.startEnd == nil { primary.startEnd = log.end }
    role = .primary(primary)
    replicate(now: now, &actions)
  }

  /// A follower answered.
  public mutating func received(_ message: Appended, now: Int64, _ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = role else { return }
    if case .fenced(let highest) = message.result {
      guard highest > primary.epoch else { return }
      stepDown(&actions)
      actions.append(.fetchMap)
      return
    }
    guard message.epoch == primary.epoch, let index = primary.followers.firstIndex(where: { $0.node == message.sender }) else { return }
    var follower = primary.followers[index]
    let member = Member(node: message.sender, storage: message.senderStorage, incarnation: message.senderIncarnation)
    if follower.member != member {
      // Another process, perhaps another disk: what it acknowledged before counts for nothing (R4).
      // A wiped disk counts its processes from 1 again.
      if let known = follower.member, member.storage == known.storage, member.incarnation < known.incarnation { return }
      follower.member = member
      if !planted(.countOtherStorage) { follower.matched = .zero }
      follower.isProbing = true
    }
    follower.lastHeard = now
    switch message.result {
    case .accepted(let matched):
      precondition(matched <= log.end, "\(partition): \(member) acknowledges \(matched), beyond the log's end \(log.end)")
      if matched > follower.matched { follower.lastProgress = now }
      follower.matched = max(follower.matched, matched)
      follower.next = max(follower.next, matched)
      follower.isProbing = false
    case .diverged(let epochs):
      follower.next = min(log.commonEnd(with: epochs), log.end)
      follower.isProbing = false
      follower.lastSent = 0
    case .fenced: break
    }
    primary.followers[index] = follower
    role = .primary(primary)
    proposeExpansion(index, &actions)
    advanceCommit(&actions)
    replicate(now: now, &actions)
  }

  /// What was to be sent to a follower from `start` on is not on its way yet: the shell has to fetch it first.
  mutating func rewind(_ node: NodeID, to start: Offset) {
    guard case .primary(var primary) = role, let index = primary.followers.firstIndex(where: { $0.node == node }) else { return }
    primary.followers[index].next = start
    role = .primary(primary)
  }

  /// Records of `range` are on their way to a follower now: goes on behind them.
  mutating func fed(_ node: NodeID, epoch: Epoch, _ range: Range<Offset>, now: Int64, _ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = role, primary.epoch == epoch, let index = primary.followers.firstIndex(where: { $0.node == node })
    else { return }
    // Its answers may have moved it meanwhile.
    if primary.followers[index].next == range.lowerBound { primary.followers[index].next = range.upperBound }
    send(index, of: &primary, allowEmpty: false, now: now, &actions)
    role = .primary(primary)
  }

  /// The link to a node broke or a new one is up: what was under way may be lost.
  public mutating func linkChanged(to node: NodeID) {
    guard case .primary(var primary) = role, let index = primary.followers.firstIndex(where: { $0.node == node }) else { return }
    primary.followers[index].isProbing = true
    primary.followers[index].next = primary.followers[index].matched
    primary.followers[index].lastSent = 0
    role = .primary(primary)
  }

  /// Time passes: heartbeats, retries, and followers that have gone silent or hold up commits.
  public mutating func tick(now: Int64, _ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = role else { return }
    if now - primary.lastTick > Self.pauseMin {
      for index in primary.followers.indices { primary.followers[index].startAnew(now) }
    }
    primary.lastTick = now
    for index in primary.followers.indices {
      if primary.followers[index].matched >= log.end { primary.followers[index].lastProgress = now }
      guard now - primary.followers[index].lastSent >= Self.heartbeatInterval else { continue }
      if now - primary.followers[index].lastHeard > 4 * Self.heartbeatInterval { primary.followers[index].isProbing = true }
      send(index, of: &primary, allowEmpty: true, now: now, &actions)
    }
    if !primary.removalAsked, primary.proposed == nil, let member = overdue(primary, now: now) {
      // A primary never shrinks its own ISR (R4): it asks, and goes on needing the member until the record says so.
      primary.removalAsked = true
      actions.append(.propose(add: false, member, epoch: primary.epoch, version: primary.view.version))
    }
    role = .primary(primary)
  }

  /// An in-sync follower that says nothing, or answers and makes nothing durable that another member holds: its disk
  /// stalls, and commits wait for it.
  private func overdue(_ primary: Primary, now: Int64) -> Member? {
    for follower in primary.followers {
      guard let member = primary.view.isr(follower.node) else { continue }
      if now - follower.lastHeard > Self.followerSilenceMax { return member }
      guard now - follower.lastProgress > Self.followerSilenceMax else { continue }
      let isAhead = primary.followers.contains { $0.matched > follower.matched && primary.view.isr($0.node) != nil }
      if durableEnd > follower.matched || isAhead { return member }
    }
    return nil
  }

  /// Tells every follower what has committed, without waiting for something to send.
  mutating func tellCommit(now: Int64, _ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = role else { return }
    for index in primary.followers.indices { send(index, of: &primary, allowEmpty: true, now: now, &actions) }
    role = .primary(primary)
  }

  /// A proposal or a removal could not be delivered to the coordinator. The proposed member stays in the maximal ISR
  /// (R4: no time-out gives it up); the same proposal is made again.
  public mutating func proposalUndelivered(_ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = role else { return }
    if planted(.dropProposal) { primary.proposed = nil }
    if let proposed = primary.proposed {
      actions.append(.propose(add: true, proposed, epoch: primary.epoch, version: primary.view.version))
    } else {
      primary.removalAsked = false
      role = .primary(primary)
    }
  }

  mutating func track(_ record: PartitionRecord, now: Int64, _ primary: inout Primary) {
    primary.followers.removeAll { !record.replicas.contains($0.node) }
    for node in record.replicas where node != me.node && !primary.followers.contains(where: { $0.node == node }) {
      primary.followers.append(Follower(node: node, next: log.end, lastHeard: now, lastProgress: now, lastSent: 0))
    }
  }

  /// R4: the least prefix that every member of the maximal ISR holds durably, if the committed ISR is large enough.
  mutating func advanceCommit(_ actions: inout [ReplicaAction]) {
    guard case .primary(let primary) = role, let startEnd = primary.startEnd, let minInSync,
      primary.view.isr.count + (planted(.minimumOfProposed) && primary.proposed != nil ? 1 : 0) >= minInSync,
      primary.view.isr(me.node) != nil
    else { return }
    var end = durableEnd
    for member in primary.view.isr where member.node != me.node { end = min(end, acknowledged(by: member, primary)) }
    if let proposed = primary.proposed, !planted(.ignoreProposed) { end = min(end, acknowledged(by: proposed, primary)) }
    if planted(.localShrink), primary.view.isr.count > minInSync { end = min(durableEnd, primary.followers.map(\.matched).max()!) }
    guard end >= startEnd || planted(.commitBeforeEpochStart), end > commit else { return }
    commit = end
    actions.append(.committed(end))
  }

  /// Acknowledgements count only from the storage (and, in memory, the process) that the record names.
  private func acknowledged(by member: Member, _ primary: Primary) -> Offset {
    guard let follower = primary.followers.first(where: { $0.node == member.node }), let heard = follower.member,
      heard.holdsSameData(as: member, durability) || planted(.countOtherStorage)
    else { return .zero }
    return follower.matched
  }

  /// R9: whoever holds the epoch start and everything committed, in this epoch and process.
  /// Asked of a follower that has just been heard, so that one that is gone is never proposed on the strength of what
  /// it once acknowledged.
  private mutating func proposeExpansion(_ index: Int, _ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = role, primary.proposed == nil, let startEnd = primary.startEnd,
      let member = primary.followers[index].member,
      primary.followers[index].matched >= (planted(.admitWithoutEpochStart) ? commit : max(commit, startEnd)),
      commit >= startEnd || !planted(.admitAfterEpochStart)
    else { return }
    if let known = primary.view.isr(member.node), known.holdsSameData(as: member, durability) { return }
    if limping.contains(member.node), let minInSync, primary.view.isr.count >= minInSync { return }
    primary.proposed = member
    role = .primary(primary)
    actions.append(.propose(add: true, member, epoch: primary.epoch, version: primary.view.version))
  }

  private mutating func replicate(now: Int64, _ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = role, !primary.followers.isEmpty else { return }
    for index in primary.followers.indices { send(index, of: &primary, allowEmpty: false, now: now, &actions) }
    role = .primary(primary)
  }

  private func send(_ index: Int, of primary: inout Primary, allowEmpty: Bool, now: Int64, _ actions: inout [ReplicaAction]) {
    var follower = primary.followers[index]
    let isFirst = follower.lastSent == 0
    if follower.isProbing, !allowEmpty, !isFirst { return }  // one probe at a time
    let start = follower.next
    // What lies below can't be read here any more; and whoever has nothing at all is fed a snapshot, where there is one.
    let isStarved = !follower.isProbing && start < log.end && (start < logStart || start == .zero && canFeed)
    let end = follower.isProbing || isStarved ? start : min(log.end, follower.matched + Self.windowMax)
    if isStarved, allowEmpty, let member = follower.member { actions.append(.feed(member)) }
    guard start < end || allowEmpty || isFirst else { return }
    let append = Append(
      partition: partition, epoch: primary.epoch, sender: me.node, senderIncarnation: me.incarnation,
      recordVersion: primary.view.version, previousEpoch: log.epoch(before: start)!, base: start, commitOffset: commit)
    actions.append(.send(append, to: follower.node, range: start..<max(start, end)))
    follower.next = max(start, end)
    follower.lastSent = now
    primary.followers[index] = follower
  }
}

extension Replica.Follower {
  /// Its silence and its standstill are counted from here.
  mutating func startAnew(_ now: Int64) {
    lastHeard = now
    lastProgress = now
  }
}
