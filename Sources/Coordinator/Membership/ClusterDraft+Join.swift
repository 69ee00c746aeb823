import Wire

extension ClusterDraft {
  /// Takes a worker in, or says why not.
  /// - Parameter isHeldElsewhere: another connection speaks for that name now, and has been heard lately.
  mutating func join(_ join: Join, claim: NodeID? = nil, isHeldElsewhere: Bool) -> Result<NodeID, Failure> {
    if !join.cluster.isNone, join.cluster != state.cluster.id {
      return .failure(
        Failure(
          .wrongCluster,
          "the data directory of '\(join.name)' belongs to cluster \(join.cluster), this is \(state.cluster.id) "
            + "('\(state.cluster.name)'): point the worker at its own coordinator, or give it an empty directory"))
    }
    let isRestoring = state.restore?.isOpen == true
    let isGivenUp = state.restore?.givenUp.contains { $0.storage.isNone ? $0.node == claim : $0.storage == join.storage } == true
    if isGivenUp {
      return .failure(
        Failure(
          .conflict,
          "the disk of '\(join.name)' was given up when the store was restored, and may hold what the others have decided otherwise: "
            + "give the worker an empty directory"))
    }
    // After a restore the worker is asked for all that it knows.
    if !isRestoring, let ahead = join.seen.first(where: isAhead) {
      return .failure(
        Failure(
          .conflict,
          "'\(join.name)' has seen \(ahead.partition) at \(ahead.version) \(ahead.epoch), which this coordinator's store does not "
            + "have: it is an old copy that was not restored as it should be. Stop the coordinator, and use 'assay coordinator restore'"))
    }
    guard let known = state.node(named: join.name) else { return joinNew(join, claim) }
    return joinKnown(join, known, isHeldElsewhere: isHeldElsewhere)
  }

  private func isAhead(_ seen: Join.SeenRecord) -> Bool {
    // One that is not here any more was split or merged (R12).
    guard let record = state.partition(seen.partition) else { return seen.partition >= state.nextPartition }
    return seen.version > record.version || seen.epoch > record.epoch
  }

  private mutating func joinNew(_ join: Join, _ claim: NodeID?) -> Result<NodeID, Failure> {
    guard state.nodes.count < ClusterLimit.nodes else {
      return .failure(Failure(.busy, "the cluster has \(ClusterLimit.nodes) workers, and takes no more", isRetriable: false))
    }
    if let other = state.nodes.first(where: { $0.storage == join.storage }) {
      return .failure(
        Failure(
          .conflict,
          "the disk of '\(join.name)' is known as that of '\(other.name)': give the worker its old name back, or an empty directory"))
    }
    var id = NodeID(max((state.nodes.last?.id.rawValue ?? 0) + 1, state.cluster.nodesFrom))
    // It joined after the backup was taken, and keeps its number.
    if let claim, !join.cluster.isNone, state.cluster.restores > 0, claim.rawValue < state.cluster.nodesFrom {
      guard state.node(claim) == nil else {
        return .failure(Failure(.conflict, "'\(join.name)' says that it is \(claim), which is '\(state.name(claim))': wipe its directory"))
      }
      id = claim
    }
    addNode(
      NodeRecord(
        id: id, name: join.name, address: join.address, httpAddress: join.httpAddress, zone: join.zone,
        storage: join.storage, incarnation: join.incarnation))
    note(.nodeJoined(id, name: join.name))
    return .success(id)
  }

  private mutating func joinKnown(_ join: Join, _ known: NodeRecord, isHeldElsewhere: Bool) -> Result<NodeID, Failure> {
    let isSameStorage = join.storage == known.storage
    if isSameStorage, join.incarnation < known.incarnation {
      // R6: an older copy of the disk. What it lacks may have been acknowledged.
      return .failure(
        Failure(
          .conflict,
          "'\(join.name)' starts as \(join.incarnation), but has been here as \(known.incarnation): its data directory is an older "
            + "copy. Wipe it (the worker then catches up from its peers), or start it under another name"))
    }
    if isHeldElsewhere, !isSameStorage {
      return .failure(
        Failure(
          .busy,
          "a worker named '\(join.name)' is connected from another place: stop it, or give this one a name of its own",
          isRetriable: true, retryAfterMilliseconds: UInt32(state.settings.leaseMilliseconds)))
    }
    if !isSameStorage, let other = state.nodes.first(where: { $0.storage == join.storage }) {
      return .failure(Failure(.conflict, "the disk of '\(join.name)' is known as that of '\(other.name)'"))
    }
    if !isSameStorage {
      replaceStorage(known)
    } else if join.incarnation > known.incarnation {
      renewIncarnation(join, known)
    } else if known.state == .gone {
      note(.nodeReturned(known.id, name: known.name))
    }
    updateNode(known.id) { node in
      node.address = join.address
      node.httpAddress = join.httpAddress
      node.zone = join.zone
      node.storage = join.storage
      node.incarnation = join.incarnation
      node.state = .alive
    }
    return .success(known.id)
  }

  /// R1: in the transaction that records the new storage id, the old one loses everything.
  private mutating func replaceStorage(_ known: NodeRecord) {
    note(.storageReplaced(known.id, name: known.name))
    // Of a restored store the records are those of before; those that hold are looked through when they are known.
    // Nothing more comes from the old disk now: what the others have counts from here.
    if state.restore?.isOpen == true { return effects.append(.recordsWanted) }
    if !planted(.electWiped) { strip(known.id) { _ in true } }
  }

  /// A new process on the same disk. Under `replicated`, what it held is lost unless every stop since was clean (R6).
  private mutating func renewIncarnation(_ join: Join, _ known: NodeRecord) {
    note(.nodeRestarted(known.id, name: known.name, join.incarnation))
    guard state.settings.durability == .replicated, !planted(.replicatedByStorageOnly), state.restore?.isOpen != true else { return }
    strip(known.id) { $0.incarnation < join.intactSince }
    let member = Member(node: known.id, storage: join.storage, incarnation: join.incarnation)
    for index in state.partitions.indices where state.partitions[index].electable(known.id) != nil {
      updatePartition(at: index) { $0.renew(member) }
    }
  }

  private mutating func strip(_ node: NodeID, where isLost: (Member) -> Bool) {
    for index in state.partitions.indices {
      let record = state.partitions[index]
      guard let member = record.electable(node) ?? record.primary.flatMap({ $0.node == node ? $0 : nil }), isLost(member) else { continue }
      updatePartition(at: index) { $0.strip(node) }
      if record.isr(node) != nil { note(.removedFromISR(record.id, node, reason: "what it held is lost")) }
      if state.partitions[index].isr.isEmpty, state.partitions[index].eligible.isEmpty { note(.noPrimary(record.id)) }
    }
  }
}
