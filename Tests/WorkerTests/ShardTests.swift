import Models
import Testing
import Wire

@testable import Worker

@Suite struct ShardTests {
  @Test func `a batch is decided in order, and answered only when its record is durable`() throws {
    var rig = try ShardRig()
    rig.lead()
    let id = try rig.submit([ShardRig.transaction("a"), ShardRig.transaction("b", amount: 250)], withFeatures: true)
    rig.hand()
    #expect(rig.shard.output.completed.isEmpty && rig.shard.output.deliveries.isEmpty)
    rig.sync()
    let answer = try rig.take(id)
    #expect(answer.outcomes.map(\.status) == [.decided, .decided])
    #expect(answer.outcomes[1].offset - answer.outcomes[0].offset == 1)
    #expect(answer.outcomes.map(\.features) == [[100, 1], [250, 2]])
    #expect(answer.bundles.map(\.id) == [rig.bundle.id] && answer.bundles[0].features == ["amount", "count_1h"])
    #expect(rig.shard.output.deliveries.map(\.record.header.count) == [2])
  }

  @Test func `a retry gets the original decision and offset; the same id with other content is a conflict`() throws {
    var rig = try ShardRig()
    rig.lead()
    let first = try rig.answer([ShardRig.transaction("a")])
    rig.now += 5
    let again = try rig.answer([
      ShardRig.transaction("a"), ShardRig.transaction("a", amount: 101), ShardRig.transaction("a", card: "card-2"),
    ])
    #expect(again.outcomes.map(\.status) == [.duplicate, .rejected, .decided])
    #expect(again.outcomes[0].offset == first.outcomes[0].offset && again.outcomes[0].decision == first.outcomes[0].decision)
    #expect(again.outcomes[1].rejection?.reason == .conflictingDuplicate)
  }

  @Test func `duplicates within one batch and retries of what is pending wait for the one decision`() throws {
    var rig = try ShardRig()
    rig.lead()
    let first = try rig.submit([ShardRig.transaction("a"), ShardRig.transaction("a")])
    let retry = try rig.submit([ShardRig.transaction("a")])
    rig.hand()
    #expect(rig.shard.output.completed.isEmpty)
    rig.sync()
    let both = try rig.take(first).outcomes + rig.take(retry).outcomes
    #expect(both.map(\.status) == [.decided, .duplicate, .duplicate])
    #expect(Set(both.map(\.offset)).count == 1)
    #expect(try ShardRig.split(rig.written).filter { $0.0.kind == .decided }.map(\.0.count) == [1])
  }

  @Test func `a retry first sent before the horizon is refused, never decided again`() throws {
    var rig = try ShardRig()
    rig.lead()
    _ = try rig.answer([ShardRig.transaction("a")])
    rig.now += ShardRig.horizon
    _ = try rig.answer([ShardRig.transaction("b", at: rig.now)])
    #expect(try rig.answer([ShardRig.transaction("a")], firstSent: ShardRig.start).outcomes[0].status == .duplicate, "still known")
    rig.now += 60_000
    #expect(try rig.answer([ShardRig.transaction("c", at: rig.now)]).outcomes[0].status == .decided)
    let late = try rig.answer([ShardRig.transaction("a")], firstSent: ShardRig.start)
    #expect(late.outcomes[0].rejection?.reason == .retryBeforeHorizon)
  }

  @Test func `after a rest what is decided is known for as long as its retries are taken`() throws {
    var rig = try ShardRig()
    rig.lead()
    _ = try rig.answer([ShardRig.transaction("a")])
    // Eight hours in which only the clock goes on.
    for _ in 0..<100 {
      rig.now += PartitionState.restMax + 1
      rig.shard.logSinkCursors(now: rig.now) { _ in .zero }
      rig.sync()
    }
    let (sent, transaction) = (rig.now, ShardRig.transaction("late", at: rig.now))
    #expect(try rig.answer([transaction]).outcomes[0].status == .decided)
    for number in 0..<100 {
      rig.now += 10
      #expect(try rig.answer([ShardRig.transaction("x\(number)", at: rig.now)]).outcomes[0].status == .decided)
    }
    #expect(try rig.answer([transaction], firstSent: sent).outcomes[0].status == .duplicate)
  }

  @Test func `after an outage what is decided is known for as long as its retries are taken`() throws {
    var rig = try ShardRig()
    rig.lead()
    _ = try rig.answer([ShardRig.transaction("a")])
    rig.now += 24 * 3_600_000
    rig.records[0].epoch = Epoch(2)
    rig.records[0].version = RecordVersion(2)
    rig.lead()
    // What waited for all that time comes with what is new.
    let (sent, first) = (rig.now, ShardRig.transaction("first", at: rig.now))
    #expect(try rig.answer([first]).outcomes[0].status == .decided)
    for number in 0..<200 {
      rig.now += 10
      #expect(try rig.answer([ShardRig.transaction("x\(number)", at: rig.now)]).outcomes[0].status == .decided)
    }
    rig.now = sent + ShardRig.horizon
    #expect(try rig.answer([ShardRig.transaction("y", at: rig.now)]).outcomes[0].status == .decided)
    #expect(try rig.answer([first], firstSent: sent).outcomes[0].status == .duplicate)
  }

  @Test func `a new partition does not go by its first primary's clock alone`() throws {
    var rig = try ShardRig()
    rig.shard.wallOffset = 24 * 3_600_000
    rig.lead()
    #expect(try rig.answer([ShardRig.transaction("a")], firstSent: rig.now).outcomes[0].status == .decided)
    #expect(try ShardRig.split(rig.written).last!.0.loggedTime == rig.now + LoggedTime.apartMax(ShardRig.horizon))
    // The clock is set right, or another primary has a right one.
    rig.shard.wallOffset = 0
    #expect(try rig.answer([ShardRig.transaction("b")], firstSent: rig.now).outcomes[0].status == .decided)
  }

  @Test func `a primary whose clock is behind logs by its senders, and takes nothing that it would forget too early`() throws {
    var rig = try ShardRig()
    rig.lead()
    let apart = LoggedTime.apartMax(ShardRig.horizon)
    rig.now += 60_000
    rig.shard.wallOffset = -apart
    _ = try rig.answer([ShardRig.transaction("a")])
    #expect(try ShardRig.split(rig.written).last!.0.loggedTime == rig.now - LoggedTime.lagMax)
    #expect(rig.shard.output.clocksApart == nil)
    rig.shard.wallOffset = -24 * 3_600_000
    rig.now += 3_600_000
    let late = ShardRig.transaction("b", at: rig.now)
    let refused = try rig.answer([late, ShardRig.transaction("a")]).outcomes
    #expect(refused.map(\.status) == [.retry, .duplicate] && refused[0].failure == .unavailable)
    #expect(rig.shard.output.clocksApart == Int64(24 * 3_600_000))
    rig.shard.wallOffset = 0
    #expect(try rig.answer([late]).outcomes[0].status == .decided)
  }

  @Test func `a primary's clock that is set back is not followed once its senders have agreed with it`() throws {
    var rig = try ShardRig()
    rig.lead()
    _ = try rig.answer([ShardRig.transaction("a")])
    rig.shard.wallOffset = -24 * 3_600_000
    rig.now += 3_600_000
    // A retry from the time that the wrong clock tells is no agreement with it.
    #expect(try rig.answer([ShardRig.transaction("a")], firstSent: rig.now + rig.shard.wallOffset).outcomes[0].status == .duplicate)
    for number in 0..<3 {
      rig.now += 60_000
      #expect(try rig.answer([ShardRig.transaction("b\(number)", at: rig.now)]).outcomes[0].status == .decided)
      #expect(try ShardRig.split(rig.written).last!.0.loggedTime == rig.now)
    }
    #expect(rig.shard.output.clocksApart == nil)
  }

  @Test func `a clock that is wrong alone makes nothing that was just sent too old`() throws {
    var rig = try ShardRig()
    rig.lead()
    for (offset, sender) in [(Int64(24 * 3_600_000), Int64(0)), (0, 24 * 3_600_000)] {
      rig.shard.wallOffset = offset
      for number in 0..<100 {
        rig.now += 500
        rig.shard.logSinkCursors(now: rig.now) { _ in .zero }
        _ = try rig.answer([ShardRig.transaction("\(offset)-\(number)", at: rig.now)], firstSent: rig.now + sender)
      }
      rig.shard.wallOffset = 0
      let sent = rig.now - ShardRig.horizon * 3 / 4
      #expect(try rig.answer([ShardRig.transaction("\(offset)")], firstSent: sent).outcomes[0].status == .decided)
    }
  }

  @Test func `rows of a partition that is led elsewhere are to be sent again, the others are decided`() throws {
    var rig = try ShardRig(partitions: 2)
    let other = Member(node: NodeID(2), storage: StorageID(high: 1, low: 2), incarnation: Incarnation(1))
    rig.records[1].primary = other
    rig.records[1].isr = [ShardRig.me, other]
    rig.records[1].replicas = [NodeID(2), NodeID(1)]
    rig.lead()
    let rows = (0..<40).map { ShardRig.transaction("t\($0)", card: "card-\($0)") }
    let answer = try rig.answer(rows)
    let table = RoutingTable(rig.map)
    for (row, outcome) in zip(rows, answer.outcomes) {
      let mine = table.index(of: TransactionView(trusted: row.span.bytes).keyHash) == 0
      #expect(outcome.status == (mine ? .decided : .retry) && outcome.failure == (mine ? nil : .notPrimary))
    }
    #expect(Set(answer.outcomes.map(\.status)).count == 2)
  }

  @Test func `R14: who decided beyond the commit offset and is fenced is let go of at once; nothing is written before the rebuild`() throws
  {
    var rig = try ShardRig()
    rig.lead()
    _ = try rig.answer([ShardRig.transaction("a")])
    let id = try rig.submit([ShardRig.transaction("b")])
    rig.hand()
    let commit = rig.shard.partitions[PartitionID(1)]!.replica.commit
    // Another leads in a higher epoch, and its log has another entry at the commit offset.
    let header = LogRecord(
      partition: PartitionID(1), kind: .epochStart, count: 1, epoch: Epoch(2), baseOffset: commit, loggedTime: rig.now,
      commitOffset: commit, length: LogRecord.headerSize)
    var record = [UInt8](repeating: 0, count: header.length)
    record.withUnsafeMutableBytes { header.seal($0) }
    let append = Append(
      partition: PartitionID(1), epoch: Epoch(2), sender: NodeID(2), senderIncarnation: Incarnation(1), recordVersion: RecordVersion(2),
      previousEpoch: Epoch(1), base: commit, commitOffset: commit)
    for _ in 0..<2 { rig.shard.received(append, records: record.span.bytes, now: rig.now) }
    #expect(rig.shard.output.rebuilds.map(\.partition) == [PartitionID(1)] && rig.shard.output.rebuilds[0].highestEpoch == Epoch(2))
    #expect(rig.shard.output.persists.map(\.highestEpoch).last == Epoch(2))
    #expect(rig.shard.takeChunk() == nil && rig.shard.output.answers.isEmpty && rig.shard.partitionIDs.isEmpty)
    #expect(try rig.take(id).outcomes.map(\.failure) == [.fenced])
  }

  @Test func `R1: who was rebuilt leads no epoch once more by a superseded record that comes late`() throws {
    var rig = try Self.pair()
    try rig.submit([ShardRig.transaction("a")])
    rig.sync()
    // A follower has heard of a higher epoch; this replica has not been told of its record yet.
    rig.shard.received(
      Appended(
        partition: PartitionID(1), epoch: Epoch(2), sender: Self.other.node, senderIncarnation: Self.other.incarnation,
        senderStorage: Self.other.storage, result: .fenced(highest: Epoch(2))), now: rig.now)
    let closed = try #require(rig.shard.output.rebuilds.first)
    let recovered = try ShardRig.recover(ShardRig.split(rig.written), [rig.bundle])
    rig.shard.recover(recovered, highestEpoch: closed.highestEpoch, record: closed.record, lastAssumed: closed.lastAssumed)
    // One of the epoch that it led.
    rig.records[0].version = RecordVersion(2)
    rig.shard.learned(rig.map, now: rig.now)
    #expect(!rig.shard.isPrimary(of: PartitionID(1)))
    rig.records[0].version = RecordVersion(3)
    rig.records[0].epoch = Epoch(3)
    rig.shard.learned(rig.map, now: rig.now)
    #expect(rig.shard.isPrimary(of: PartitionID(1)), "a new epoch is another role")
  }

  @Test func `S3: each decision names its bundle; a retry after the switch names the one that decided`() throws {
    var rig = try ShardRig()
    rig.lead()
    _ = try rig.answer([ShardRig.transaction("a")])
    let second = try ShardRig.bundle(2)
    rig.version = 2
    rig.shard.learned(rig.map, now: rig.now)
    rig.sync()
    #expect(try rig.answer([ShardRig.transaction("b")]).bundles.map(\.id) == [rig.bundle.id], "not loaded yet (S1)")
    rig.shard.loaded(second, now: rig.now)
    rig.sync()
    let answer = try rig.answer([ShardRig.transaction("c"), ShardRig.transaction("a")])
    #expect(answer.outcomes.map { answer.bundles[Int($0.bundle)].id } == [second.id, rig.bundle.id])
    let kinds = try ShardRig.split(rig.written).map(\.0.kind)
    #expect(kinds == [.epochStart, .bundleActivated, .decided, .decided, .bundleActivated, .decided])
  }

  @Test func `R14: replaying the log gives the same state, up to what a later record proves committed`() throws {
    var rig = try ShardRig()
    rig.lead()
    for step in 0..<30 {
      rig.now += 1_000
      _ = try rig.answer((0..<4).map { ShardRig.transaction("t\(step)-\($0)", card: "card-\($0 % 3)", at: rig.now) })
    }
    let records = try ShardRig.split(rig.written)
    let state = rig.shard.partitions[PartitionID(1)]!.state
    var recovered = try ShardRig.recover(records, [rig.bundle])
    #expect(recovered.uncommitted.map(\.header.baseOffset) == [records.last!.0.baseOffset], "no later record speaks for the last")
    #expect(recovered.state.applied == records.last!.0.baseOffset && recovered.log.end == state.applied)
    // Another epoch's start marks it committed.
    let mark = LogRecord(
      partition: PartitionID(1), kind: .epochStart, count: 1, epoch: Epoch(2), baseOffset: recovered.log.end,
      loggedTime: rig.now, commitOffset: recovered.log.end, length: LogRecord.headerSize)
    let chunk = RecordChunk()
    _ = chunk.append(mark) { _ in }
    try ShardRig.replay(mark, chunk.bytes, into: &recovered, [rig.bundle])
    #expect(recovered.state.digest() == state.digest())
    #expect(recovered.state.applied == state.applied && recovered.uncommitted.count == 1)
  }

  @Test func `R8, R14: after a truncated record the replay goes on with what took its place, and never below the commit`() throws {
    var rig = try ShardRig()
    rig.lead()
    for step in 0..<6 { _ = try rig.answer([ShardRig.transaction("t\(step)")]) }
    let records = try ShardRig.split(rig.written)
    let last = records.last!
    func cut(at offset: Offset) -> (LogRecord, [UInt8]) {
      let header = LogRecord(
        partition: PartitionID(1), kind: .truncated, count: 1, epoch: Epoch(2), baseOffset: offset, loggedTime: 0, commitOffset: .zero,
        length: LogRecord.headerSize)
      let chunk = RecordChunk()
      _ = chunk.append(header) { _ in }
      return (header, chunk.bytes)
    }
    let plain = try ShardRig.recover(records, [rig.bundle])
    let again = try ShardRig.recover(records + [cut(at: last.0.baseOffset), last], [rig.bundle])
    #expect(again.log == plain.log && again.state.digest() == plain.state.digest() && again.uncommitted.count == 1)
    #expect(throws: ApplyError.self) { _ = try ShardRig.recover(records + [cut(at: Offset(1))], [rig.bundle]) }
    #expect(throws: ApplyError.self, "a gap") { try ShardRig.recover([records[0], records[2]], [rig.bundle]).finish() }
    // What the log was cut below may be of a copy whose end comes later.
    let end = LogRecord(
      partition: PartitionID(1), kind: .dropped, count: 1, epoch: Epoch(2), baseOffset: .zero, loggedTime: 0, commitOffset: .zero,
      length: LogRecord.headerSize)
    let chunk = RecordChunk()
    _ = chunk.append(end) { _ in }
    let gone = try ShardRig.recover([records[2], records[3], (end, chunk.bytes)], [rig.bundle])
    try gone.finish()
    #expect(gone.log.end == .zero && gone.state.applied == .zero)
    #expect(throws: ApplyError.bundleMissing(PartitionID(1), rig.bundle.id)) { _ = try ShardRig.recover(records, []) }
  }

  @Test func `R4, R5: a follower's new records are not acknowledged by the sync of the voided ones they replace`() throws {
    var rig = try ShardRig()
    let other = Member(node: NodeID(2), storage: StorageID(high: 1, low: 2), incarnation: Incarnation(1))
    rig.records[0].primary = other
    rig.records[0].epoch = Epoch(2)
    rig.records[0].isr = [ShardRig.me, other]
    rig.records[0].replicas = [NodeID(2), NodeID(1)]
    rig.lead()
    func send(_ rig: ShardRig, epoch: UInt64, previous: UInt64, base: UInt64, count: Int) {
      let header = LogRecord(
        partition: PartitionID(1), kind: .epochStart, count: count, epoch: Epoch(epoch), baseOffset: Offset(base), loggedTime: 0,
        commitOffset: .zero, length: LogRecord.headerSize)
      let chunk = RecordChunk()
      _ = chunk.append(header) { _ in }
      rig.shard.received(
        Append(
          partition: PartitionID(1), epoch: Epoch(epoch), sender: NodeID(2), senderIncarnation: Incarnation(1),
          recordVersion: RecordVersion(1), previousEpoch: Epoch(previous), base: Offset(base), commitOffset: .zero),
        records: chunk.bytes.span.bytes, now: rig.now)
    }
    send(rig, epoch: 1, previous: 0, base: 0, count: 2)
    rig.sync()
    send(rig, epoch: 1, previous: 1, base: 2, count: 5)
    rig.hand()
    let voided = rig.ticket
    send(rig, epoch: 2, previous: 1, base: 2, count: 5)
    rig.hand()
    rig.shard.output = ShardOutput()
    rig.shard.durable(ticket: voided, now: rig.now)
    #expect(!rig.shard.output.answers.contains { $0.0.result == .accepted(matched: Offset(7)) })
    rig.shard.durable(ticket: rig.ticket, now: rig.now)
    #expect(rig.shard.output.answers.map(\.0.result).last == .accepted(matched: Offset(7)))
  }

  static let other = Member(node: NodeID(2), storage: StorageID(high: 1, low: 2), incarnation: Incarnation(1))

  /// Leads with one follower, which has acknowledged the epoch start and the bundle.
  static func pair() throws -> ShardRig {
    var rig = try ShardRig()
    rig.records[0].isr = [ShardRig.me, other]
    rig.records[0].replicas = [NodeID(1), NodeID(2)]
    rig.lead()
    acknowledge(rig, 2)
    #expect(rig.shard.partitions[PartitionID(1)]!.replica.isServing)
    return rig
  }

  static func acknowledge(_ rig: ShardRig, _ end: UInt64) {
    rig.shard.received(
      Appended(
        partition: PartitionID(1), epoch: Epoch(1), sender: other.node, senderIncarnation: other.incarnation,
        senderStorage: other.storage, result: .accepted(matched: Offset(end))), now: rig.now)
  }

  @Test func `for a follower that lacks much the journal is read once at a time, piece after piece; it hears of the primary meanwhile`()
    throws
  {
    var old = try Self.pair()
    for step in 0..<6 { try old.submit([ShardRig.transaction("t\(step)")]) }
    old.sync()
    // Its process starts again: nothing is in memory, and a follower holds nothing.
    var rig = try ShardRig()
    rig.records[0].isr = [ShardRig.me, Self.other]
    rig.records[0].replicas = [NodeID(1), NodeID(2)]
    rig.records[0].epoch = Epoch(2)
    rig.shard.loaded(rig.bundle, now: rig.now)
    rig.shard.recover(try ShardRig.recover(ShardRig.split(old.written), [rig.bundle]), highestEpoch: Epoch(1), record: nil)
    rig.shard.learned(rig.map, now: rig.now)
    rig.sync()
    func answer(_ result: Appended.Result) {
      rig.shard.received(
        Appended(
          partition: PartitionID(1), epoch: Epoch(2), sender: Self.other.node, senderIncarnation: Self.other.incarnation,
          senderStorage: Self.other.storage, result: result), now: rig.now)
    }
    func reads() -> [Range<UInt64>] {
      defer { rig.shard.output = ShardOutput() }
      return rig.shard.output.catchUps.map { $0.range.lowerBound.rawValue..<$0.range.upperBound.rawValue }
    }
    answer(.diverged([]))
    let first = try #require(rig.shard.output.catchUps.first)
    #expect(reads() == [0..<9])
    for _ in 0..<3 {
      rig.now += Replica.heartbeatInterval
      rig.shard.tick(now: rig.now)
      answer(.diverged([]))
      #expect(rig.shard.output.sends.map(\.append.base) == [.zero] && rig.shard.output.sends[0].records.isEmpty)
      #expect(reads() == [])
    }
    rig.shard.fed(first, upTo: Offset(4), now: rig.now)
    let second = try #require(rig.shard.output.catchUps.first)
    #expect(reads() == [4..<9], "without waiting for an answer")
    rig.shard.fed(first, upTo: Offset(4), now: rig.now)
    #expect(reads() == [], "one that is over says nothing")
    rig.shard.fed(second, upTo: nil, now: rig.now)
    answer(.accepted(matched: Offset(4)))
    #expect(reads() == [], "not at once again where it came to nothing")
    rig.now += Replica.heartbeatInterval
    rig.shard.tick(now: rig.now)
    #expect(reads() == [4..<9])
  }

  @Test func `R5: a conflict is answered only when the transaction that has its id has committed`() throws {
    var rig = try Self.pair()
    let first = try rig.submit([ShardRig.transaction("t1", amount: 100)])
    let second = try rig.submit([ShardRig.transaction("t1", amount: 200)])
    rig.sync()
    #expect(rig.shard.output.completed.isEmpty)
    Self.acknowledge(rig, 3)
    #expect(rig.shard.output.completed == [first, second])
    #expect(try rig.take(second).outcomes[0].rejection?.reason == .conflictingDuplicate)
  }

  @Test func `a conflict with a transaction that is lost is to be sent again`() throws {
    var rig = try Self.pair()
    let first = try rig.submit([ShardRig.transaction("t1", amount: 100)])
    let second = try rig.submit([ShardRig.transaction("t1", amount: 200)])
    rig.records[0].epoch = Epoch(2)
    rig.records[0].version = RecordVersion(2)
    rig.records[0].primary = Self.other
    rig.shard.learned(rig.map, now: rig.now)
    #expect(rig.shard.output.completed == [first, second])
    #expect(try rig.take(second).outcomes[0].status == .retry)
  }

  @Test func `a jump of the wall clock moves logged time a little, and makes nobody silent`() throws {
    var rig = try Self.pair()
    rig.shard.wallOffset = 24 * 3_600_000
    rig.shard.tick(now: rig.now + 50)
    #expect(rig.shard.output.proposals.isEmpty)
    let before = rig.written.count
    try rig.submit([ShardRig.transaction("t1")])
    rig.hand()
    let ahead = try ShardRig.split(Array(rig.written[before...])).last!.0.loggedTime
    #expect(ahead == rig.now + LoggedTime.apartMax(ShardRig.horizon))
    rig.shard.wallOffset = -24 * 3_600_000
    try rig.submit([ShardRig.transaction("t2")])
    rig.hand()
    #expect(try ShardRig.split(rig.written).last!.0.loggedTime == ahead, "logged time never falls")
  }
}
