import Models
import Wire

/// What a replica owes, carried out: records stored, sent and applied as they commit, answers completed.
extension Shard {
  func carryOut(
    on partition: Partition, now: Int64,
    received: (Int) -> (LogRecord, UnsafeRawBufferPointer) = { _ in preconditionFailure("nothing was received") }
  ) {
    // Carrying an action out may append further ones.
    var next = 0
    var isClosing = false
    while next < actions.count {
      let action = actions[next]
      next += 1
      if isClosing, !planted(.closeLate) {
        // Nothing of this log goes on before it has been rebuilt: what else was to be done is asked for again then.
        switch action {
        case .persist, .fetchMap: break
        default: continue
        }
      }
      switch action {
      case .committed(let end):
        committed(end, partition, now: now)
        // Its followers are to make the children at once, not with the next heartbeat.
        if partition.state.seal?.end == end { partition.replica.tellCommit(now: now, &actions) }
      case .persist(let epoch, let record): output.persists.append(.init(partition: partition.id, highestEpoch: epoch, record: record))
      case .send(let append, let node, let range):
        if let records = partition.recentRecords(range) {
          output.add(.init(append: append, to: node, records: records))
        } else {
          feed(partition, append, to: node, range, now: now)
        }
      case .feed(let member): feed(partition, member, now: now)
      case .answer(let appended, let node): output.add(appended, to: node)
      case .propose(let add, let member, let epoch, let version):
        output.proposals.append(.init(partition: partition.id, add: add, member: member, epoch: epoch, version: version))
      case .fetchMap: output.fetchMap = true
      case .truncate(let offset):
        partition.truncate(to: offset)
        if !planted(.countVoidedSync) { voidUnsynced(partition, from: offset) }
        if !planted(.forgetTruncation) { appendLocal(partition, kind: .truncated, at: offset) }
      case .store(let range):
        let base = received(range.lowerBound).0.baseOffset
        for index in range {
          let (header, bytes) = received(index)
          let held = HeldRecord(chunk: chunk, range: chunk.append(sealed: bytes), header: header)
          partition.hold(held)
        }
        written(partition, base..<partition.replica.log.end)
        if planted(.applyBeyondCommit) { applyAll(partition) }
      case .assumed:
        applyAll(partition)
        // The log may say by now that they have been delivered.
        partition.dropDelivered()
        // What has committed may leave at once; and a copy can't be fed before it has.
        while let held = partition.undelivered.popFirst() { deliver(held, partition) }
        partition.stampedAt = nil
        partition.confirmed = nil
        let rest = Array(actions[next...])
        actions.removeAll(keepingCapacity: true)
        let time = ownTime(of: partition, now: now)
        partition.state.advance(to: time)
        append(partition, kind: .epochStart, count: 1, payloadSize: 0, loggedTime: time, now: now) { _ in }
        actions = rest
        next = 0
      case .steppedDown(let commit):
        partition.pause = nil
        partition.stampedAt = nil
        partition.confirmed = nil
        for request in partition.takeWaiters() { fail(request, partition.id) }
        endExchange(partition)
        // One that leads again at once keeps its whole log, and so what it has applied (R7).
        isClosing = partition.state.applied > commit && !planted(.keepDemotedState) && !actions[next...].contains { $0.isAssumption }
      }
    }
    actions.removeAll(keepingCapacity: true)
    // At once, before anything more is written for it: the rebuild reads what the journal has been given up to now (R14).
    if isClosing { output.rebuilds.append(planted(.closeLate) ? rebuild(partition) : close(partition.id)) }
  }

  private func committed(_ end: Offset, _ partition: Partition, now: Int64) {
    let isPrimary = partition.replica.primaryEpoch != nil
    if isPrimary {
      // In log order: the sinks pass over what lies below what they have taken.
      while let held = partition.undelivered.popFirst() { deliver(held, partition) }
    }
    while let held = partition.popCommitted(upTo: end) {
      if partition.state.applied < held.header.endOffset {
        apply(held, partition)
        if held.header.kind == .checkpoint, output.fatal == nil { beginCheckpoint(partition) }
      }
      switch held.header.kind {
      case .sinkCursor:
        partition.dropDelivered()
      case .unsealed:
        // Also those that were made after the coordinator's word had come.
        if let succession = partition.handedOn.take() { output.unborn += succession.children.map(\.id) }
        partition.isDelivered = false
      default: break
      }
      guard held.header.kind.hasDecisions, held.header.endOffset > partition.sinkCursor else { continue }
      if isPrimary { deliver(held, partition) } else { partition.undelivered.append(held) }
    }
    while let id = partition.popWaiter(upTo: end) { finishOne(id) }
    if isPrimary { committedExchange(end, partition, now: now) }
    publishCheckpoint(partition)
    reviewSeal(partition)
    reviewPause(partition)
    if partition.unsealedEnd > .zero, partition.unsealedEnd <= end { partition.unsealedEnd = .zero }
  }

  func deliver(_ held: HeldRecord, _ partition: Partition) {
    output.deliveries.append(.init(record: held))
    partition.lastHanded = held.header.endOffset
  }

  /// R7: a new primary keeps its whole log; what it has not applied yet it applies now.
  private func applyAll(_ partition: Partition) {
    for held in partition.uncommitted where partition.state.applied < held.header.endOffset { apply(held, partition) }
  }

  private func apply(_ held: HeldRecord, _ partition: Partition) {
    guard output.fatal == nil else { return }
    output.fatal = held.chunk.withRecord(held.range) { record in
      do throws(ApplyError) {
        try partition.state.apply(held.header, record) { bundles[$0] }
        return nil
      } catch {
        return error
      }
    }
  }

  /// C3: tells the log how far the sinks are, so that whoever leads next goes on from there. `cursor` is what stands in
  /// closed files of this node. A partition with one replica has nobody to tell.
  public func logSinkCursors(now: Int64, cursor: (PartitionID) -> Offset) {
    for partition in partitions.values.sorted(by: { $0.id < $1.id }) {
      partition.delivered = cursor(partition.id)
      guard partition.pause == nil else { continue }
      logSinkCursor(partition, now: now, delivered: cursor(partition.id))
      keepTime(partition, now: now)
    }
  }

  /// Logged time passes in a partition at rest, too: its table would else be emptied in one go when transactions come again.
  private func keepTime(_ partition: Partition, now: Int64) {
    let state = partition.state
    guard partition.replica.isServing, state.seal == nil, state.loggedTime != .min,
      ownTime(of: partition, now: now) - state.loggedTime > PartitionState.restMax
    else { return }
    appendSinkCursor(partition, state.sinkCursor, now: now)
  }

  func logSinkCursor(_ partition: Partition, now: Int64, delivered: Offset) {
    guard partition.replica.isServing, let record = partition.replica.record, record.replicas.count > 1 else { return }
    let reached = planted(.cursorAheadOfSinks) ? partition.replica.commit : min(delivered, partition.replica.commit)
    guard reached > partition.state.sinkCursor else { return }
    appendSinkCursor(partition, reached, now: now)
  }

  private func appendSinkCursor(_ partition: Partition, _ cursor: Offset, now: Int64) {
    let time = ownTime(of: partition, now: now)
    partition.state.advance(to: time)
    partition.state.sinkCursor = cursor
    append(partition, kind: .sinkCursor, count: 1, payloadSize: 8, loggedTime: time, now: now) {
      $0.storeBytes(of: cursor.rawValue.littleEndian, as: UInt64.self)
    }
  }

  /// The map's bundles, as far as they are loaded: first the switch, then what may come next.
  func followBundles(_ partition: Partition, now: Int64) {
    activateBundle(partition, now: now)
    if let candidateBundle { prepareBundle(partition, candidateBundle, now: now) }
    followLists(partition, now: now)
  }

  /// X6: others may decide by the bundle before this partition does.
  func prepareBundle(_ partition: Partition, _ id: BundleID, now: Int64) {
    guard let bundle = bundles[id], !bundle.parts.foreign.isEmpty, partition.replica.primaryEpoch != nil, !partition.state.knows(id),
      partition.state.seal == nil, partition.pause == nil
    else { return }
    let time = ownTime(of: partition, now: now)
    partition.state.advance(to: time)
    partition.state.prepare(bundle)
    append(partition, .bundlePrepared, id, loggedTime: time, now: now)
  }

  private func append(_ partition: Partition, _ kind: LogRecord.Kind, _ bundle: BundleID, loggedTime: Int64, now: Int64) {
    append(partition, kind: kind, count: 1, payloadSize: 16, loggedTime: loggedTime, now: now) { payload in
      payload.storeBytes(of: bundle.high.littleEndian, as: UInt64.self)
      payload.storeBytes(of: bundle.low.littleEndian, toByteOffset: 8, as: UInt64.self)
    }
  }

  /// S1: the switch is a log entry, written once the bundle is loaded.
  private func activateBundle(_ partition: Partition, now: Int64) {
    guard let id = wantedBundle, let bundle = bundles[id], partition.replica.primaryEpoch != nil, partition.state.bundle?.id != id,
      partition.state.seal == nil, partition.pause == nil
    else { return }
    let time = ownTime(of: partition, now: now)
    partition.state.advance(to: time)
    partition.state.activate(bundle)
    append(partition, .bundleActivated, id, loggedTime: time, now: now)
  }

  private func finishOne(_ id: RequestID) {
    requests[id.rawValue].waiting -= 1
    if requests[id.rawValue].waiting == 0 { output.completed.append(id) }
  }

  /// The partition lost its role before these rows committed: they may or may not survive, and a retry will tell.
  func fail(_ id: RequestID, _ partition: PartitionID) {
    let request = requests[id.rawValue]
    for index in request.outcomes.indices where request.outcomes[index].partition == partition {
      let outcome = request.outcomes[index]
      guard
        outcome.status == .decided || outcome.status == .pending || outcome.status == .duplicate || outcome.isConflict
          || request.isOfLabels && outcome.status != .retry
      else { continue }
      request.outcomes[index].status = .retry
      request.outcomes[index].failure = .fenced
    }
    finishOne(id)
  }
}
