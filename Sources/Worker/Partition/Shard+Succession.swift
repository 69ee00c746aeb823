import Models
import Wire

/// Split and merge (R12), a replica's part: the primary seals the parent's log; whoever has applied the committed seal
/// makes the children from its own copy, writes that down, and tells the coordinator. The children serve once they stand
/// in the map; an `unsealed` entry, written only on the coordinator's word, ends it otherwise.
extension Shard {
  /// The coordinator's word. Given again until it is answered as wished, so everything in here may be done twice.
  public func take(_ command: SuccessionCommand, now: Int64) {
    let succession = command.succession
    if command.action == .force { return force(succession, command.versions[0], now: now) }
    for (parent, version) in zip(succession.parents, command.versions) {
      guard let partition = partitions[parent], partition.replica.isServing, let record = partition.replica.record else { continue }
      switch command.action {
      case .prepare:
        guard partition.state.seal == nil, record.version == version, isDrained(partition, now: now) else { continue }
        seal(partition, succession, now: now)
      case .abort:
        guard partition.state.seal?.succession.operation == succession.operation, record.version >= version else { continue }
        unseal(partition, succession.operation, now: now)
      case .force: break
      }
    }
    if command.action == .abort {
      for parent in succession.parents where succession.isForced && partitions[parent]?.handedOn == succession {
        partitions[parent]!.handedOn = nil
        partitions[parent]!.isDelivered = false
      }
      for child in succession.children { discard(child.id) }
    }
    report(succession)
  }

  private func seal(_ partition: Partition, _ succession: Succession, now: Int64) {
    let payload = succession.encoded
    let time = ownTime(of: partition, now: now)
    partition.state.advance(to: time)
    partition.isDelivered = false
    partition.state.seal = Seal(succession: succession, end: partition.replica.log.end + 1)
    append(partition, kind: .seal, count: 1, payloadSize: payload.count, loggedTime: time, now: now) { $0.copyBytes(from: payload) }
  }

  private func unseal(_ partition: Partition, _ operation: OperationID, now: Int64) {
    let time = ownTime(of: partition, now: now)
    partition.state.seal = nil
    partition.unsealedEnd = partition.replica.log.end + 1
    append(partition, kind: .unsealed, count: 1, payloadSize: 4, loggedTime: time, now: now) {
      $0.storeBytes(of: operation.rawValue.littleEndian, as: UInt32.self)
    }
  }

  // MARK: Children

  /// Gives the children their parts once the seal has committed and been applied here.
  func reviewSeal(_ partition: Partition) {
    guard let seal = partition.state.seal, partition.replica.commit >= seal.end, partition.handedOn != seal.succession,
      output.fatal == nil
    else { return }
    partition.handedOn = seal.succession
    for child in seal.succession.children {
      output.parts.append(
        ChildPart(
          succession: seal.succession, child: child.id, parent: partition.id, from: partition.checkpoints.restart,
          state: partition.state.part(child.range)))
    }
    if partition.replica.isServing { output.rotateSinks = true }
    report(seal.succession)
  }

  /// One parent's part of a child that belongs to this shard. With the last of them the child is born.
  public func adopt(_ part: ChildPart) {
    guard partitions[part.child] == nil, !closed.contains(part.child) else { return }
    let succession = part.succession
    var parts = expected[part.child]?.filter { $0.succession == succession } ?? []
    parts.removeAll { $0.parent == part.parent }
    parts.append(part)
    guard parts.count == succession.parents.count, let child = succession.children.first(where: { $0.id == part.child }) else {
      expected[part.child] = parts
      return
    }
    expected[part.child] = nil
    let state = PartitionState.merged(succession.parents.map { parent in parts.first { $0.parent == parent }!.state })
    var replica = Replica(
      partition: child.id, me: me, log: Self.birthLog(succession), commit: PartitionState.birthEnd, highestEpoch: .none)
    replica.durableEnd = .zero
    let partition = Partition(id: child.id, range: child.range, replica: replica, state: state, sinkCursor: .zero)
    partition.replica.logStart = PartitionState.birthEnd
    partition.birth = Birth(
      succession: succession, digest: state.digest(), needs: parts.map { Birth.Need(parent: $0.parent, from: $0.from) })
    // Until it has snapshots, copies that lack its birth can't be fed, and its parents' logs stay.
    partition.checkpoints.isWanted = true
    partitions[child.id] = partition
    for bundle in state.bundles { bundles[bundle.id] = bundle }
    appendBirth(partition, succession)
    // The others have to be fed from it before anything can commit: by a snapshot of what it began with.
    if output.fatal == nil { beginCheckpoint(partition) }
  }

  /// The child's log begins with its birth, so that a copy which lacks it is known by its log.
  static func birthLog(_ succession: Succession) -> EpochTable {
    var log = EpochTable()
    log.append(epoch: succession.epoch, base: .zero, count: 1)
    return log
  }

  /// Nothing came of it.
  public func discard(_ child: PartitionID) {
    expected[child] = nil
    guard let partition = partitions[child], partition.birth != nil, partition.replica.record == nil else { return }
    let hasFiles = partition.checkpoints.current != nil || !partition.checkpoints.stored.isEmpty
    giveUpCheckpoint(partition)
    partitions[child] = nil
    appendLocal(partition, kind: .unborn, at: .zero)
    if hasFiles {
      retiring.insert(child)
      output.retired.append(child)
    }
  }

  /// Copies that are not wanted here any more. Partitions that stand in no map: others have taken their place (R12), and
  /// their decisions are delivered. Or their copies are on other nodes now.
  func retire(absentFrom map: ClusterMap) {
    let present = Dictionary(uniqueKeysWithValues: map.partitions.map { ($0.id, $0) })
    for partition in partitions.values.sorted(by: { $0.id < $1.id }) {
      let record = present[partition.id]
      if let record {
        let known = partition.replica.record?.version ?? RecordVersion(0)
        if record.replicas.contains(me.node) || record.version < known { continue }
      } else {
        // A successor that waits has its parents in the map. Without them it was given its role while this worker was away,
        // and others have taken its place since. So they have where its birth is not known any more: it had a record once, which a
        // full disk has kept from being written down.
        let isWaiting =
          partition.replica.record == nil && partition.birth?.succession.parents.contains(where: { present[$0] != nil }) == true
        guard !isWaiting else { continue }
      }
      for request in partition.takeWaiters() { fail(request, partition.id) }
      endExchange(partition)
      giveUpCheckpoint(partition)
      partitions[partition.id] = nil
      seenEpochs[partition.id] = max(partition.replica.highestEpoch, record?.epoch ?? .none)
      guard record != nil else {
        retiring.insert(partition.id)
        output.retired.append(partition.id)
        continue
      }
      // It may be placed here again, and then begins anew: not before its files are gone.
      appendLocal(partition, kind: .dropped, at: .zero)
      closed.insert(partition.id)
      output.departed.append(partition.id)
    }
  }

  /// Nothing is left of a copy that has gone; the next map may bring it back.
  public func departed(_ id: PartitionID) { closed.remove(id) }

  /// No child can come of a retired partition any more: whatever its log holds, a restart needs it for those born before
  /// this record alone.
  public func drop(_ retired: PartitionID) {
    retiring.remove(retired)
    guard partitions[retired] == nil else { return }
    let replica = Replica(partition: retired, me: me)
    appendLocal(
      Partition(
        id: retired, range: KeyRange(first: KeyHash(0), last: KeyHash(.max)), replica: replica,
        state: PartitionState(dedupHorizon: dedupHorizon), sinkCursor: .zero), kind: .dropped, at: .zero)
  }

  // MARK: Reports

  /// Time passes, or the sinks have closed files: says what has changed. `delivered` is what stands in closed files.
  public func reviewSuccessions(delivered: (PartitionID) -> Offset, now: Int64) {
    for partition in partitions.values {
      if partition.pause != nil { reviewPause(partition, delivered: delivered(partition.id), now: now) }
      reviewSeal(partition)
      reviewForced(partition, delivered: delivered(partition.id))
      guard let seal = partition.state.seal, partition.handedOn == seal.succession, partition.replica.isServing,
        !partition.isDelivered
      else { continue }
      if partition.lastHanded <= delivered(partition.id) {
        partition.isDelivered = true
        report(seal.succession)
      } else {
        output.rotateSinks = true
      }
    }
  }

  /// Says again what is open: a coordinator that does not know of it answers that nothing comes of it.
  public func remindOfSuccessions() {
    var open: Set<Succession> = []
    for partition in partitions.values {
      if let seal = partition.state.seal { open.insert(seal.succession) }
      if let birth = partition.birth, partition.replica.record == nil { open.insert(birth.succession) }
    }
    for succession in open { report(succession) }
  }

  /// How far everything here is that has to do with `succession`.
  func report(_ succession: Succession) {
    var report = SuccessionReport(member: me, succession: succession, parents: [], children: [])
    for id in succession.parents {
      guard let partition = partitions[id] else { continue }
      let isSealed = partition.state.seal?.succession.operation == succession.operation || partition.unsealedEnd > partition.replica.commit
      report.parents.append(
        .init(
          partition: id, isPrimary: partition.replica.isServing, isSealed: isSealed,
          isDelivered: partition.isDelivered
            && (isSealed && partition.replica.isServing || succession.isForced && partition.handedOn == succession)))
    }
    for child in succession.children {
      guard let partition = partitions[child.id], let birth = partition.birth, partition.replica.durableEnd >= PartitionState.birthEnd
      else { continue }
      report.children.append(.init(partition: child.id, digest: birth.digest))
    }
    if !report.parents.isEmpty || !report.children.isEmpty { output.successions.append(report) }
  }
}
