import Models
import Testing
import Wire

@testable import Worker

/// Feeding a copy that lacks what the log can't give it any more (R13, C3, C4).
@Suite struct TransferTests {
  static let p1 = PartitionID(1)

  static func session(_ id: UInt64, epoch: UInt64 = 1, target: Member = ReplicaRuleTests.member(2)) -> TransferSession {
    TransferSession(id: TransferID(id), partition: p1, epoch: Epoch(epoch), source: ReplicaRuleTests.member(1), target: target)
  }

  static func chunk(_ session: UInt64, at: Int, count: Int, of size: Int = 100, snapshot: UInt64 = 7, hash: UInt64 = 1) -> TransferChunk {
    TransferChunk(
      partition: p1, session: TransferID(session), snapshot: Offset(snapshot), fileSize: UInt64(size), manifestHigh: hash, manifestLow: 2,
      at: UInt64(at), bytes: [UInt8](repeating: 3, count: count))
  }

  // MARK: Pieces

  @Test func `pieces are taken in order, once, and only in the session that is open`() {
    var transfer = InboundTransfer(Self.session(4))
    #expect(transfer.next.at == 0 && transfer.next.snapshot == .zero && transfer.next.session == TransferID(4))
    #expect(transfer.take(Self.chunk(3, at: 0, count: 60)) == .refused, "a session that was closed before")
    #expect(transfer.take(Self.chunk(5, at: 0, count: 60)) == .refused, "one that nobody has told of")
    #expect(transfer.take(Self.chunk(4, at: 0, count: 60)) == .taken(at: 0))
    #expect(transfer.take(Self.chunk(4, at: 0, count: 60)) == .refused, "twice")
    #expect(transfer.take(Self.chunk(4, at: 80, count: 20)) == .refused, "with a hole before it")
    #expect(transfer.next == TransferRead(partition: Self.p1, session: TransferID(4), snapshot: Offset(7), at: 60, length: 40))
    #expect(!transfer.isWhole)
    #expect(transfer.take(Self.chunk(4, at: 60, count: 40)) == .taken(at: 60))
    #expect(transfer.isWhole)
  }

  @Test func `a later session goes on where the last one stopped, and what the last one still brings is refused`() {
    var transfer = InboundTransfer(Self.session(4))
    _ = transfer.take(Self.chunk(4, at: 0, count: 60))
    transfer.renew(Self.session(9))
    #expect(transfer.take(Self.chunk(4, at: 60, count: 40)) == .refused)
    #expect(transfer.next.at == 60 && transfer.next.session == TransferID(9))
    #expect(transfer.take(Self.chunk(9, at: 60, count: 40)) == .taken(at: 60))
  }

  @Test func `pieces of another file are never put behind those of the first`() {
    for other in [
      Self.chunk(4, at: 60, count: 40, hash: 9), Self.chunk(4, at: 60, count: 40, snapshot: 8), Self.chunk(4, at: 60, count: 40, of: 101),
    ] {
      var transfer = InboundTransfer(Self.session(4))
      _ = transfer.take(Self.chunk(4, at: 0, count: 60))
      #expect(transfer.take(other) == .anew)
      #expect(transfer.next.at == 0 && transfer.next.snapshot == .zero)
    }
  }

  // MARK: Whether a copy may be replaced

  @Test func `R13: nothing that may be counted on is replaced`() {
    typealias Rules = ReplicaRuleTests
    func follower(isr: [Member], eligible: [Member] = [], epoch: UInt64 = 2) -> Replica {
      var replica = Rules.replica(Rules.member(2), log: Rules.log([(1, 50)]), commit: 30, highest: 1)
      _ = Rules.actions { actions in
        var record = Rules.record(epoch: epoch, version: 2, isr: isr)
        record.eligible = eligible
        replica.learned(record, now: 1, &actions)
        replica.received(Rules.append(epoch: 2, previous: 1, base: 40), records: [], now: 1, &actions)
      }
      return replica
    }
    let out = follower(isr: [Rules.member(1), Rules.member(3)])
    #expect(out.mayInstall(Offset(41), epoch: Epoch(2)))
    #expect(!out.mayInstall(Offset(40), epoch: Epoch(2)), "it has acknowledged so much in this epoch")
    #expect(!out.mayInstall(Offset(100), epoch: Epoch(1)), "a session of an epoch that is over")
    #expect(!out.mayInstall(Offset(100), epoch: Epoch(3)), "whose record is not known")
    #expect(!follower(isr: Rules.all).mayInstall(Offset(100), epoch: Epoch(2)), "in sync")
    #expect(!follower(isr: [Rules.member(1)], eligible: [Rules.member(2)]).mayInstall(Offset(100), epoch: Epoch(2)), "electable (R6)")
    #expect(!follower(isr: [Rules.member(1)], epoch: 1).mayInstall(Offset(100), epoch: Epoch(2)), "the record may have changed since")
    #expect(!Rules.primary().mayInstall(Offset(100), epoch: Epoch(1)), "it leads")
  }

  @Test func `a follower whose next entry can't be read any more is to be fed, and gets no records`() {
    typealias Rules = ReplicaRuleTests
    var replica = Rules.primary(isr: [Rules.member(1), Rules.member(3)])
    replica.logStart = Offset(1)
    let heard = Rules.actions { replica.received(Rules.appended(Rules.member(2), .diverged([])), now: 10, &$0) }
    #expect(!heard.contains { if case .send(_, NodeID(2), let range) = $0 { !range.isEmpty } else { false } })
    let later = Rules.actions { replica.tick(now: 100, &$0) }
    #expect(later.contains(.feed(Rules.member(2))))
    #expect(!later.contains(.feed(Rules.member(3))))
  }

  @Test func `a copy that was fed says what it has, so that the primary goes on from there`() throws {
    typealias Rules = ReplicaRuleTests
    var fed = Rules.replica(Rules.member(2), log: Rules.log([(1, 50)]), commit: 50, highest: 1, record: Rules.record(isr: Rules.all))
    fed.logStart = Offset(50)
    let actions = Rules.actions { fed.received(Rules.append(epoch: 1, previous: 0, base: 0), records: [], now: 1, &$0) }
    #expect(
      actions.contains {
        if case .answer(let answer, _) = $0, case .diverged(let spans) = answer.result { spans == fed.log.spans } else { false }
      })
    let answered = Rules.actions { fed.received(Rules.append(epoch: 1, previous: 1, base: 50), records: [], now: 1, &$0) }
    #expect(answered.contains { if case .answer(let answer, _) = $0, case .accepted(Offset(50)) = answer.result { true } else { false } })
  }

  // MARK: Shards

  /// A primary with a learner, whose log begins at a snapshot.
  private static func primary(delivered: Bool) throws -> (rig: ShardRig, header: SnapshotHeader, bytes: [UInt8]) {
    var rig = try CheckpointTests.started()
    rig.records[0].replicas.append(NodeID(2))
    rig.records[0].version = RecordVersion(2)
    rig.version += 1
    rig.shard.learned(rig.map, now: rig.now)
    rig.sync()
    CheckpointTests.due(&rig)
    rig.sync()
    let (header, bytes) = try CheckpointTests.file(rig.shard)
    rig.shard.checkpointWritten(header)
    rig.sync()
    rig.shard.checkpointStored(header)
    rig.shard.cut(p1, to: header.offset)
    if delivered {
      rig.shard.logSinkCursors(now: rig.now) { _ in header.offset }
      rig.sync()
    }
    return (rig, header, bytes)
  }

  private static func ask(_ rig: inout ShardRig, _ learner: Member) {
    rig.shard.output.transfers = []
    rig.shard.received(
      Appended(
        partition: p1, epoch: Epoch(1), sender: learner.node, senderIncarnation: learner.incarnation, senderStorage: learner.storage,
        result: .diverged([])), now: rig.now)
    rig.now += 100
    rig.shard.tick(now: rig.now)
  }

  @Test func `C3: a copy is fed once the sinks have what lies below the snapshot, and asked for again when nothing comes of it`() throws {
    let learner = ReplicaRuleTests.member(2)
    var (rig, _, _) = try Self.primary(delivered: false)
    Self.ask(&rig, learner)
    #expect(rig.shard.output.transfers.isEmpty && rig.shard.output.rotateSinks, "its sinks have nothing yet")
    (rig, _, _) = try Self.primary(delivered: true)
    Self.ask(&rig, learner)
    let request = TransferRequest(partition: Self.p1, epoch: Epoch(1), source: ShardRig.me, target: learner)
    #expect(rig.shard.output.transfers == [request])
    Self.ask(&rig, learner)
    #expect(rig.shard.output.transfers.isEmpty, "under way")
    rig.now += Shard.transferPatience
    Self.ask(&rig, learner)
    #expect(rig.shard.output.transfers == [request])
  }

  @Test func `C4: a copy that was fed comes to the same state as one that has the whole log, also after a crash`() throws {
    var (rig, header, bytes) = try Self.primary(delivered: true)
    // The copy had another history, which is void.
    let learner = Member(node: NodeID(2), storage: StorageID(high: 1, low: 2), incarnation: Incarnation(1))
    let target = Shard(me: learner, dedupHorizon: ShardRig.horizon)
    target.loaded(rig.bundle, now: rig.now)
    target.learned(rig.map, now: rig.now)
    target.received(Self.heartbeat(rig), records: [UInt8]().span.bytes, now: rig.now)
    let session = TransferSession(id: TransferID(1), partition: Self.p1, epoch: Epoch(1), source: ShardRig.me, target: learner)
    #expect(target.mayBeFed(session) && target.mayInstall(header.offset, session))
    let closed = target.replaceCopy(of: Self.p1)
    let void = try #require(target.takeChunk()?.bytes)
    #expect(try ShardRig.split(void).map(\.0.kind) == [.dropped])
    #expect(!target.mayBeFed(session), "it is being replaced")
    func fed() throws -> RecoveredPartition {
      RecoveredPartition(
        id: Self.p1, dedupHorizon: ShardRig.horizon, sinkCursor: .zero, snapshot: try SnapshotFormatTests.restore(bytes, [rig.bundle]),
        snapshots: [header.offset])
    }
    target.recover(try fed(), highestEpoch: closed.highestEpoch, record: closed.record)
    _ = try rig.answer([ShardRig.transaction("after", at: rig.now)])
    let records = try ShardRig.split(rig.written).filter { $0.0.baseOffset >= header.offset && !$0.0.kind.isLocal }
    let append = Append(
      partition: Self.p1, epoch: Epoch(1), sender: NodeID(1), senderIncarnation: Incarnation(1), recordVersion: RecordVersion(2),
      previousEpoch: Epoch(1), base: header.offset, commitOffset: records.last!.0.endOffset)
    let joined = records.flatMap(\.1)
    target.received(append, records: joined.span.bytes, now: rig.now)
    let partition = try #require(target.partitions[Self.p1])
    #expect(partition.state.digest() == rig.shard.partitions[Self.p1]!.state.digest())
    #expect(partition.replica.logStart == header.offset && partition.checkpoints.stored == [header.offset])
    // A restart reads the old copy's records, their end, and what came behind.
    let rest = try #require(target.takeChunk()?.bytes)
    let old = try ShardRig.split(rig.written).filter { $0.0.endOffset <= header.offset && !$0.0.kind.isLocal }
    var again = try fed()
    for (record, raw) in try old + ShardRig.split(void) + ShardRig.split(rest) {
      try ShardRig.replay(record, raw, into: &again, [rig.bundle])
    }
    try again.finish()
    while !again.uncommitted.isEmpty { try again.applyNext { _ in rig.bundle } }
    #expect(again.state.digest() == partition.state.digest())
    #expect(again.logStart == header.offset, "what the old copy had can't be read any more")
  }

  private static func heartbeat(_ rig: ShardRig) -> Append {
    Append(
      partition: p1, epoch: Epoch(1), sender: NodeID(1), senderIncarnation: Incarnation(1), recordVersion: RecordVersion(2),
      previousEpoch: .none, base: .zero, commitOffset: .zero)
  }
}
