import Testing
import Wire

@testable import Worker

/// The rules of DESIGN.md one by one, by the actions of a single replica.
@Suite struct ReplicaRuleTests {
  static func member(_ node: UInt32, storage: UInt64 = 1, incarnation: UInt64 = 1) -> Member {
    Member(node: NodeID(node), storage: StorageID(high: storage, low: UInt64(node)), incarnation: Incarnation(incarnation))
  }

  static func record(epoch: UInt64 = 1, version: UInt64 = 1, primary: Member? = member(1), isr: [Member]) -> PartitionRecord {
    PartitionRecord(
      id: PartitionID(1), range: KeyRange.tiles(1)[0], epoch: Epoch(epoch), version: RecordVersion(version), primary: primary,
      isr: isr, replicas: [NodeID(1), NodeID(2), NodeID(3)])
  }

  static let all = [member(1), member(2), member(3)]

  static func log(_ spans: [(epoch: UInt64, count: Int)]) -> EpochTable {
    var table = EpochTable()
    for span in spans { table.append(epoch: Epoch(span.epoch), base: table.end, count: span.count) }
    return table
  }

  static func replica(
    _ me: Member = member(1), log: EpochTable = EpochTable(), commit: UInt64 = 0, highest: UInt64 = 0, record: PartitionRecord? = nil
  ) -> Replica {
    var replica = Replica(partition: PartitionID(1), me: me, log: log, commit: Offset(commit), highestEpoch: Epoch(highest), record: record)
    replica.minInSync = 2
    return replica
  }

  static func actions(_ body: (inout [ReplicaAction]) -> Void) -> [ReplicaAction] {
    var actions: [ReplicaAction] = []
    body(&actions)
    return actions
  }

  /// Primary of epoch 1 whose epoch start, at offset 0, is durable here.
  static func primary(isr: [Member] = all) -> Replica {
    var replica = replica()
    _ = actions {
      replica.learned(record(isr: isr), now: 1, &$0)
      replica.appended(epoch: Epoch(1), count: 1, now: 1, &$0)
      replica.durable(upTo: Offset(1), &$0)
    }
    return replica
  }

  static func appended(_ from: Member, _ result: Appended.Result, epoch: UInt64 = 1) -> Appended {
    Appended(
      partition: PartitionID(1), epoch: Epoch(epoch), sender: from.node, senderIncarnation: from.incarnation,
      senderStorage: from.storage, result: result)
  }

  static func append(epoch: UInt64, previous: UInt64, base: UInt64, commit: UInt64 = 0) -> Append {
    Append(
      partition: PartitionID(1), epoch: Epoch(epoch), sender: NodeID(1), senderIncarnation: Incarnation(1),
      recordVersion: RecordVersion(1), previousEpoch: Epoch(previous), base: Offset(base), commitOffset: Offset(commit))
  }

  static func entry(epoch: UInt64, base: UInt64, count: Int = 1) -> LogRecord {
    LogRecord(
      partition: PartitionID(1), kind: .decided, count: count, epoch: Epoch(epoch), baseOffset: Offset(base), loggedTime: 0,
      commitOffset: .zero, length: LogRecord.headerSize)
  }

  @Test func `R1, R10: a role is persisted before it is assumed, and assumed once`() {
    var replica = Self.replica()
    let first = Self.record(isr: Self.all)
    #expect(
      Self.actions { replica.learned(first, now: 1, &$0) } == [.persist(highestEpoch: Epoch(1), record: first), .assumed(epoch: Epoch(1))])
    let later = Self.record(version: 2, isr: Self.all)
    #expect(Self.actions { replica.learned(later, now: 2, &$0) } == [.persist(highestEpoch: Epoch(1), record: later)])
    #expect(Self.actions { replica.learned(first, now: 3, &$0) }.isEmpty, "an older record")
  }

  @Test func `R1, R2: another disk, another process or another node is not the one that a record names`() {
    for other in [Self.member(1, storage: 2), Self.member(1, incarnation: 2), Self.member(2)] {
      var replica = Self.replica(other)
      let actions = Self.actions { replica.learned(Self.record(isr: Self.all), now: 1, &$0) }
      #expect(actions == [.persist(highestEpoch: .none, record: Self.record(isr: Self.all))])
      #expect(replica.primaryEpoch == nil)
    }
  }

  @Test func `R2: a record of an epoch below the highest seen gives no role`() {
    var replica = Self.replica(highest: 5)
    _ = Self.actions { replica.learned(Self.record(epoch: 4, isr: Self.all), now: 1, &$0) }
    #expect(replica.primaryEpoch == nil && replica.highestEpoch == Epoch(5))
  }

  @Test func `R3: a lower epoch is refused as fenced`() {
    var replica = Self.replica(Self.member(2), highest: 3)
    let fenced = Self.actions { replica.received(Self.append(epoch: 2, previous: 0, base: 0), records: [], now: 1, &$0) }
    #expect(fenced == [.answer(Self.appended(Self.member(2), .fenced(highest: Epoch(3)), epoch: 3), to: NodeID(1))])
  }

  @Test func `R3: a higher epoch is persisted, and followed once its record is known`() {
    var replica = Self.replica(Self.member(2), log: Self.log([(1, 2)]), highest: 3, record: Self.record(epoch: 3, isr: Self.all))
    let entry = Self.entry(epoch: 4, base: 2)
    let higher = Self.actions { replica.received(Self.append(epoch: 4, previous: 1, base: 2), records: [entry], now: 1, &$0) }
    #expect(higher == [.persist(highestEpoch: Epoch(4), record: Self.record(epoch: 3, isr: Self.all)), .fetchMap])
    let again = Self.actions { replica.received(Self.append(epoch: 4, previous: 1, base: 2), records: [entry], now: 2, &$0) }
    #expect(again == [.fetchMap])
    let stale = Self.record(epoch: 3, version: 2, isr: Self.all)
    #expect(Self.actions { replica.learned(stale, now: 3, &$0) } == [.persist(highestEpoch: Epoch(4), record: stale)])
    let known = Self.record(epoch: 4, version: 3, isr: Self.all)
    #expect(
      Self.actions { replica.learned(known, now: 3, &$0) } == [
        .persist(highestEpoch: Epoch(4), record: known),
        .answer(Self.appended(Self.member(2), .diverged(replica.log.spans), epoch: 4), to: NodeID(1)),
      ])
    let followed = Self.actions { replica.received(Self.append(epoch: 4, previous: 1, base: 2), records: [entry], now: 4, &$0) }
    #expect(followed == [.store(0..<1)])
    let newer = Self.record(epoch: 4, version: 4, isr: Self.all)
    #expect(Self.actions { replica.learned(newer, now: 5, &$0) } == [.persist(highestEpoch: Epoch(4), record: newer)], "answered already")
  }

  @Test func `R3: a fenced primary steps down and fetches the map`() {
    var replica = Self.primary()
    let actions = Self.actions { replica.received(Self.appended(Self.member(2), .fenced(highest: Epoch(2)), epoch: 2), now: 2, &$0) }
    #expect(actions == [.steppedDown(commit: .zero), .fetchMap])
    #expect(replica.primaryEpoch == nil)
    _ = Self.actions { replica.learned(Self.record(version: 9, isr: Self.all), now: 3, &$0) }
    #expect(replica.primaryEpoch == nil, "the epoch's role was assumed once")
  }

  @Test func `R4, R7: nothing commits or is served before every in-sync replica holds the epoch start`() {
    var replica = Self.primary()
    #expect(!replica.isServing)
    _ = Self.actions { replica.received(Self.appended(Self.member(2), .accepted(matched: Offset(1))), now: 2, &$0) }
    #expect(replica.commit == .zero && !replica.isServing)
    let actions = Self.actions { replica.received(Self.appended(Self.member(3), .accepted(matched: Offset(1))), now: 2, &$0) }
    #expect(actions.first == .committed(Offset(1)) && replica.isServing)
  }

  @Test func `R4, R5: a primary's own disk counts like a follower's`() {
    var replica = Self.primary()
    _ = Self.actions {
      replica.appended(epoch: Epoch(1), count: 5, now: 2, &$0)
      for node in [2, 3] as [UInt32] { replica.received(Self.appended(Self.member(node), .accepted(matched: Offset(6))), now: 2, &$0) }
    }
    #expect(replica.commit == Offset(1))
    #expect(Self.actions { replica.durable(upTo: Offset(6), &$0) } == [.committed(Offset(6))])
  }

  @Test func `R7: an earlier epoch's entries commit together with the epoch start, not before`() {
    var replica = Self.replica(log: Self.log([(1, 4)]), highest: 1)
    _ = Self.actions {
      replica.learned(Self.record(epoch: 2, isr: Self.all), now: 1, &$0)
      replica.appended(epoch: Epoch(2), count: 1, now: 1, &$0)
      replica.durable(upTo: Offset(5), &$0)
      for node in [2, 3] as [UInt32] {
        replica.received(Self.appended(Self.member(node), .accepted(matched: Offset(4)), epoch: 2), now: 2, &$0)
      }
    }
    #expect(replica.commit == .zero)
    _ = Self.actions {
      for node in [2, 3] as [UInt32] {
        replica.received(Self.appended(Self.member(node), .accepted(matched: Offset(5)), epoch: 2), now: 2, &$0)
      }
    }
    #expect(replica.commit == Offset(5))
  }

  @Test func `R4: minISR is counted on the committed ISR, not with the proposed member`() {
    var replica = Self.primary(isr: [Self.member(1)])
    let actions = Self.actions { replica.received(Self.appended(Self.member(2), .accepted(matched: Offset(1))), now: 2, &$0) }
    #expect(actions == [.propose(add: true, Self.member(2), epoch: Epoch(1), version: RecordVersion(1))])
    #expect(replica.commit == .zero)
    let admitted = Self.record(version: 2, isr: [Self.member(1), Self.member(2)])
    #expect(Self.actions { replica.learned(admitted, now: 3, &$0) }.contains(.committed(Offset(1))))
  }

  @Test func `R4: a proposed member is needed until a later record version, whatever becomes of the proposal`() {
    var replica = Self.primary(isr: [Self.member(1), Self.member(2)])
    _ = Self.actions {
      for node in [2, 3] as [UInt32] { replica.received(Self.appended(Self.member(node), .accepted(matched: Offset(1))), now: 2, &$0) }
      replica.appended(epoch: Epoch(1), count: 1, now: 3, &$0)
      replica.durable(upTo: Offset(2), &$0)
      replica.received(Self.appended(Self.member(2), .accepted(matched: Offset(2))), now: 3, &$0)
    }
    #expect(replica.commit == Offset(1), "node 3 is proposed")
    let again = Self.actions { replica.proposalUndelivered(&$0) }
    #expect(again == [.propose(add: true, Self.member(3), epoch: Epoch(1), version: RecordVersion(1))])
    let same = Self.actions { replica.learned(Self.record(isr: [Self.member(1), Self.member(2)]), now: 4, &$0) }
    #expect(same.isEmpty && replica.commit == Offset(1), "the same version settles nothing")
    let refused = Self.record(version: 2, isr: [Self.member(1), Self.member(2)])
    #expect(Self.actions { replica.learned(refused, now: 5, &$0) }.contains(.committed(Offset(2))))
  }

  @Test func `R4: a silent member is asked out, and needed until the record says otherwise`() {
    var replica = Self.primary()
    _ = Self.actions { replica.received(Self.appended(Self.member(2), .accepted(matched: Offset(1))), now: 2_000, &$0) }
    let late = Self.actions { Self.tick(&replica, 50...2_002, &$0) }
    #expect(late.contains(.propose(add: false, Self.member(3), epoch: Epoch(1), version: RecordVersion(1))))
    #expect(replica.commit == .zero)
    let again = Self.actions { replica.tick(now: 2_100, &$0) }
    #expect(!again.contains { if case .propose = $0 { true } else { false } }, "asked once a version")
    let removed = Self.record(version: 2, isr: [Self.member(1), Self.member(2)])
    #expect(Self.actions { replica.learned(removed, now: 2_200, &$0) }.contains(.committed(Offset(1))))
  }

  /// A follower whose disk stalls answers on and on, and nobody waits for it for long.
  @Test func `R4: a follower that answers but makes nothing durable is asked out`() {
    var replica = Self.primary()
    var late: [ReplicaAction] = []
    for now in stride(from: Int64(50), through: 2_100, by: 50) {
      for (node, matched) in [(UInt32(2), UInt64(1)), (3, 0)] {
        _ = Self.actions { replica.received(Self.appended(Self.member(node), .accepted(matched: Offset(matched))), now: now, &$0) }
      }
      late += Self.actions { replica.tick(now: now, &$0) }
    }
    let proposals = late.filter { if case .propose = $0 { true } else { false } }
    #expect(proposals == [.propose(add: false, Self.member(3), epoch: Epoch(1), version: RecordVersion(1))])
  }

  @Test func `R4: a follower with everything, or with as much as any other member, is no laggard`() {
    for durable in [UInt64(1), 0] {
      var replica = Self.replica()
      _ = Self.actions {
        replica.learned(Self.record(isr: Self.all), now: 1, &$0)
        replica.appended(epoch: Epoch(1), count: 1, now: 1, &$0)
        if durable > 0 { replica.durable(upTo: Offset(durable), &$0) }
      }
      for now in stride(from: Int64(50), through: 5_000, by: 50) {
        let actions = Self.actions { actions in
          for node in [2, 3] as [UInt32] {
            replica.received(Self.appended(Self.member(node), .accepted(matched: Offset(durable))), now: now, &actions)
          }
          replica.tick(now: now, &actions)
        }
        #expect(!actions.contains { if case .propose = $0 { true } else { false } }, "at \(now)")
      }
    }
  }

  @Test func `a primary that slept has heard nobody because it did not listen, and asks nobody out`() {
    var replica = Self.primary()
    _ = Self.actions { replica.tick(now: 50, &$0) }
    let awake = Self.actions { replica.tick(now: 9_000, &$0) }
    #expect(!awake.contains { if case .propose = $0 { true } else { false } })
    let later = Self.actions { Self.tick(&replica, 9_050...11_100, &$0) }
    #expect(later.contains(.propose(add: false, Self.member(2), epoch: Epoch(1), version: RecordVersion(1))))
  }

  /// As the shell does it: every 50 ms.
  static func tick(_ replica: inout Replica, _ times: ClosedRange<Int64>, _ actions: inout [ReplicaAction]) {
    for now in stride(from: times.lowerBound, to: times.upperBound, by: 50) { replica.tick(now: now, &actions) }
    replica.tick(now: times.upperBound, &actions)
  }

  @Test func `R4: what another disk acknowledges does not count for the one that the record names`() {
    var replica = Self.primary(isr: [Self.member(1), Self.member(2)])
    let wiped = Self.member(2, storage: 2, incarnation: 2)
    let actions = Self.actions { replica.received(Self.appended(wiped, .accepted(matched: Offset(1))), now: 2, &$0) }
    #expect(replica.commit == .zero)
    #expect(actions == [.propose(add: true, wiped, epoch: Epoch(1), version: RecordVersion(1))])
    let old = Self.actions { replica.received(Self.appended(Self.member(2), .accepted(matched: Offset(1))), now: 3, &$0) }
    #expect(old.isEmpty && replica.commit == .zero, "an earlier process's answer comes too late")
  }

  @Test func `R6: in memory only, another process of the same disk does not count either`() {
    for (durability, commit) in [(Durability.fsync, 1), (.replicated, 0)] as [(Durability, UInt64)] {
      var replica = Self.primary(isr: [Self.member(1), Self.member(2)])
      replica.durability = durability
      _ = Self.actions { replica.received(Self.appended(Self.member(2, incarnation: 2), .accepted(matched: Offset(1))), now: 2, &$0) }
      #expect(replica.commit == Offset(commit), "\(durability)")
    }
  }

  @Test func `R8: a log is cut where the histories part, and nowhere else`() {
    var replica = Self.replica(Self.member(2), log: Self.log([(1, 2), (1, 2), (2, 3)]), commit: 2, highest: 3, record: Self.record(epoch: 3, isr: Self.all))
    let records = [Self.entry(epoch: 1, base: 2, count: 2), Self.entry(epoch: 3, base: 4), Self.entry(epoch: 3, base: 5)]
    let actions = Self.actions { replica.received(Self.append(epoch: 3, previous: 1, base: 2), records: records, now: 1, &$0) }
    #expect(actions == [.truncate(to: Offset(4)), .store(1..<3)])
    #expect(replica.log == Self.log([(1, 4), (3, 2)]) && replica.durableEnd == Offset(4))
    let durable = Self.actions { replica.durable(upTo: Offset(6), &$0) }
    #expect(durable == [.answer(Self.appended(Self.member(2), .accepted(matched: Offset(6)), epoch: 3), to: NodeID(1))])
  }

  @Test func `R8: a gap or another history before an append is answered with the log's epochs, and nothing is cut`() {
    for (previous, base) in [(2, 9), (3, 4), (1, 7)] as [(UInt64, UInt64)] {
      var replica = Self.replica(Self.member(2), log: Self.log([(1, 4), (2, 3)]), highest: 3, record: Self.record(epoch: 3, isr: Self.all))
      let before = replica.log
      let actions = Self.actions {
        replica.received(Self.append(epoch: 3, previous: previous, base: base), records: [Self.entry(epoch: 3, base: base)], now: 1, &$0)
      }
      #expect(actions == [.answer(Self.appended(Self.member(2), .diverged(before.spans), epoch: 3), to: NodeID(1))])
      #expect(replica.log == before)
    }
  }

  @Test func `R4: what a follower holds beyond the prefix matched in this epoch is neither acknowledged nor committed`() {
    var replica = Self.replica(Self.member(2), log: Self.log([(1, 4), (2, 3)]), highest: 3, record: Self.record(epoch: 3, isr: Self.all))
    let actions = Self.actions { replica.received(Self.append(epoch: 3, previous: 1, base: 4, commit: 7), records: [], now: 1, &$0) }
    #expect(
      actions == [.committed(Offset(4)), .answer(Self.appended(Self.member(2), .accepted(matched: Offset(4)), epoch: 3), to: NodeID(1))])
  }

  @Test func `R9: a follower without the epoch start or the commit offset is not proposed, one in sync neither`() {
    var replica = Self.primary(isr: [Self.member(1), Self.member(2)])
    func proposes(_ actions: [ReplicaAction]) -> Bool { actions.contains { if case .propose = $0 { true } else { false } } }
    #expect(!proposes(Self.actions { replica.received(Self.appended(Self.member(3), .accepted(matched: .zero)), now: 2, &$0) }))
    #expect(!proposes(Self.actions { replica.received(Self.appended(Self.member(2), .accepted(matched: Offset(1))), now: 2, &$0) }))
    _ = Self.actions {
      replica.appended(epoch: Epoch(1), count: 2, now: 3, &$0)
      replica.durable(upTo: Offset(3), &$0)
      replica.received(Self.appended(Self.member(2), .accepted(matched: Offset(3))), now: 3, &$0)
    }
    #expect(replica.commit == Offset(3))
    #expect(!proposes(Self.actions { replica.received(Self.appended(Self.member(3), .accepted(matched: Offset(1))), now: 4, &$0) }))
    #expect(proposes(Self.actions { replica.received(Self.appended(Self.member(3), .accepted(matched: Offset(3))), now: 5, &$0) }))
  }

  @Test func `two logs agree as far as the newest epoch that both have`() {
    let mine = Self.log([(1, 4), (3, 2), (5, 1)])
    #expect(mine.commonEnd(with: Self.log([(1, 4), (2, 9)]).spans) == Offset(4))
    #expect(mine.commonEnd(with: Self.log([(1, 4), (3, 1), (4, 3)]).spans) == Offset(5))
    #expect(mine.commonEnd(with: Self.log([(1, 4), (3, 2), (5, 8)]).spans) == Offset(7))
    #expect(mine.commonEnd(with: Self.log([(2, 4)]).spans) == .zero)
    var cut = mine
    cut.truncate(to: Offset(4))
    #expect(cut == Self.log([(1, 4)]) && cut.epoch(at: Offset(4)) == nil && cut.epoch(before: Offset(4)) == Epoch(1))
  }

  /// A wiped disk counts its processes from 1 again: it is heard all the same.
  @Test func aWipedFollowerIsHeardAlthoughItsIncarnationIsLower() {
    var replica = Self.primary()
    let old = Self.member(2, incarnation: 5)
    let new = Self.member(2, storage: 9, incarnation: 1)
    _ = Self.actions { replica.received(Self.appended(old, .accepted(matched: Offset(1))), now: 2, &$0) }
    let sent = Self.actions { replica.received(Self.appended(new, .diverged([])), now: 3, &$0) }
    #expect(
      sent.contains {
        if case .send(let append, let node, _) = $0 { node == NodeID(2) && append.base == .zero } else { false }
      })
  }
}
