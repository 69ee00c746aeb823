import Wire

/// The only ways in which a partition's record changes. Names follow `spec/replication.cpp`.
extension PartitionRecord {
  /// R6: whoever is removed by a change that leaves |ISR| < minISR stays electable until |ISR| >= minISR again.
  mutating func setISR(_ members: [Member], removed: [Member] = [], minInSync: Int) {
    isr = members.sorted { $0.node < $1.node }
    if isr.count >= minInSync {
      eligible = planted(.eligibleForEver) ? eligible.filter { isr($0.node) == nil } : []
    } else {
      let kept = (eligible + removed).filter { isr($0.node) == nil }
      eligible = kept.reduce(into: [Member]()) { list, member in
        if !list.contains(where: { $0.node == member.node }) { list.append(member) }
      }.sorted { $0.node < $1.node }
    }
    version = version.next
  }

  /// R2: a new primary, or a new process of the old one, in a new epoch. `member` is of the ISR or eligible, as the node
  /// is now. `dropping` leaves the ISR at the same time.
  mutating func elect(_ member: Member, dropping dead: Set<NodeID> = [], minInSync: Int) {
    precondition(electable(member.node) != nil || planted(.uncleanElection), "\(id): \(member) is not electable (R6)")
    precondition(!dead.contains(member.node), "\(id): \(member) can't be elected and dropped")
    epoch = epoch.next
    primary = member
    eligible.removeAll { $0.node == member.node }
    let removed = isr.filter { dead.contains($0.node) }
    let rest = isr.filter { $0.node != member.node && !dead.contains($0.node) }
    setISR(rest + [member], removed: removed, minInSync: minInSync)
  }

  /// R1: the node's storage is not what the record names any more: its role, its place in the ISR and its eligibility go
  /// in one change. Nobody gains anything by it.
  mutating func strip(_ node: NodeID) {
    isr.removeAll { $0.node == node }
    eligible.removeAll { $0.node == node }
    if primary?.node == node { primary = nil }
    version = version.next
  }

  /// The same storage, whole, under a new process (R6, a clean restart under `replicated`).
  mutating func renew(_ member: Member) {
    for index in isr.indices where isr[index].node == member.node { isr[index] = member }
    for index in eligible.indices where eligible[index].node == member.node { eligible[index] = member }
    version = version.next
  }

  /// R4: a refusal raises the version, so that the proposer knows that its proposal can't be accepted any more.
  mutating func refuse() { version = version.next }

  /// A copy to be made on `node`, with the preference of the one that it is to replace, or the least.
  mutating func place(_ node: NodeID, before other: NodeID? = nil) {
    precondition(!replicas.contains(node))
    replicas.insert(node, at: other.flatMap(replicas.firstIndex) ?? replicas.endIndex)
    version = version.next
  }

  /// From now on `node`, which has a copy, is the one that leads whenever it can.
  mutating func prefer(_ node: NodeID) {
    guard let place = replicas.firstIndex(of: node) else { preconditionFailure("\(id): \(node) has no copy") }
    replicas.insert(replicas.remove(at: place), at: 0)
    version = version.next
  }

  /// The copy on `node` is not needed any more; it is a learner and not electable.
  mutating func drop(_ node: NodeID) {
    precondition(electable(node) == nil, "\(id): an electable replica is never dropped")
    replicas.removeAll { $0 == node }
    version = version.next
  }
}
