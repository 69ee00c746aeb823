import Models
import Testing
import Wire

@testable import Worker

/// What comes in one burst leaves together: as one entry, one message, one acknowledgement.
@Suite struct BurstTests {
  @Test func `contributions of one burst are one entry, of however many homes they are`() throws {
    var rig = try ShardExchangeTests.Rig()
    let rows = (0..<8).map { ShardExchangeTests.row($0, card: $0, terminal: $0, device: $0) }
    _ = try rig.rig.submit(rows)
    rig.rig.sync()
    let sent = rig.shard.output.contributions.map(\.0)
    rig.shard.output.contributions.removeAll()
    #expect(Set(sent.map(\.home)).count == 2 && sent.count > 2, "to one partition from both")
    let written = rig.rig.written.count
    for message in sent { rig.shard.received(message, now: rig.rig.now) }
    rig.rig.sync()
    let entries = try ShardRig.split(Array(rig.rig.written[written...])).filter { $0.0.kind == .contributions }
    #expect(entries.count == 2 && Set(entries.map(\.0.partition)).count == 2)
    for (header, bytes) in entries {
      let records = try ContributionsRecord.readAll(bytes.span.bytes.extracting(LogRecord.headerSize..<bytes.count))
      let expected = sent.filter { $0.target == header.partition }
      #expect(records.map(\.home) == expected.map(\.home) && records.map(\.items) == expected.map(\.items))
    }
    // Sent twice in one burst, nothing is applied twice.
    let before = rig.rig.written.count
    for message in sent + sent { rig.shard.received(message, now: rig.rig.now) }
    rig.rig.sync()
    #expect(try ShardRig.split(Array(rig.rig.written[before...])).allSatisfy { $0.0.kind != .contributions })
  }

  @Test func `a contribution that comes twice in one burst is applied once (X2)`() throws {
    var rig = try ShardExchangeTests.Rig()
    _ = try rig.rig.submit([ShardExchangeTests.row(1, card: 1, terminal: 1, device: 1)])
    rig.rig.sync()
    let sent = rig.shard.output.contributions.map(\.0)
    let written = rig.rig.written.count
    for message in sent + sent { rig.shard.received(message, now: rig.rig.now) }
    rig.rig.sync()
    let entries = try ShardRig.split(Array(rig.rig.written[written...])).filter { $0.0.kind == .contributions }
    let slots = try entries.flatMap { _, bytes in
      try ContributionsRecord.readAll(bytes.span.bytes.extracting(LogRecord.headerSize..<bytes.count)).flatMap(\.items).map(\.slots)
    }
    #expect(slots.reduce(0) { $0 + $1.count } == 2, "the terminal once, and the device once")
  }

  @Test func `a message knows how many bytes it is written in`() throws {
    var rig = try ShardExchangeTests.Rig()
    _ = try rig.rig.submit((0..<8).map { ShardExchangeTests.row($0, card: $0, terminal: $0, device: $0) })
    rig.rig.sync()
    let sent = rig.shard.output.contributions.map(\.0).filter { !$0.items.isEmpty }
    #expect(!sent.isEmpty)
    for message in sent {
      var out = WireWriter()
      message.write(to: &out)
      #expect(out.bytes.count == message.encodedSize)
    }
  }

  // MARK: Replication

  private static func append(_ base: UInt64, epoch: UInt64 = 2, version: UInt64 = 3, commit: UInt64 = 0) -> Append {
    Append(
      partition: PartitionID(1), epoch: Epoch(epoch), sender: NodeID(1), senderIncarnation: Incarnation(1),
      recordVersion: RecordVersion(version), previousEpoch: Epoch(1), base: Offset(base), commitOffset: Offset(commit))
  }

  private static func send(_ append: Append, count: Int, to node: UInt32 = 2) -> ShardOutput.Send {
    let header = LogRecord(
      partition: append.partition, kind: .checkpoint, count: count, epoch: append.epoch, baseOffset: append.base, loggedTime: 0,
      commitOffset: append.commitOffset, length: LogRecord.headerSize)
    let chunk = RecordChunk()
    let range = chunk.append(header) { _ in }
    return .init(append: append, to: NodeID(node), records: [HeldRecord(chunk: chunk, range: range, header: header)])
  }

  @Test func `records that follow those on their way to the same follower go with them`() {
    var output = ShardOutput()
    output.add(Self.send(Self.append(10, commit: 4), count: 2))
    output.add(Self.send(Self.append(10, commit: 4), count: 2, to: 3))
    output.add(Self.send(Self.append(12, commit: 10), count: 1))
    #expect(output.sends.count == 2)
    let joined = output.sends[0]
    #expect(joined.append == Self.append(10, commit: 10) && joined.records.map(\.header.baseOffset) == [Offset(10), Offset(12)])
    #expect(joined.bytes == 2 * LogRecord.headerSize && output.sends[1].records.count == 1)
  }

  @Test func `what does not follow, is of another epoch, or acts on another record stays apart`() {
    for other in [Self.append(13), Self.append(10), Self.append(12, epoch: 3), Self.append(12, version: 4)] {
      var output = ShardOutput()
      output.add(Self.send(Self.append(10), count: 2))
      output.add(Self.send(other, count: 1))
      #expect(output.sends.map(\.append) == [Self.append(10), other])
    }
    // A heartbeat asks for an answer of its own.
    var output = ShardOutput()
    output.add(.init(append: Self.append(10), to: NodeID(2), records: []))
    output.add(Self.send(Self.append(10), count: 1))
    #expect(output.sends.count == 2)
  }

  @Test func `what takes the place of records that the same burst has voided is acknowledged (R4)`() throws {
    let me = ShardRig.me
    let (a, b) = (ExchangeRig.member(2), ExchangeRig.member(3))
    let shard = Shard(me: me, dedupHorizon: ShardRig.horizon)
    let record = PartitionRecord(
      id: PartitionID(1), range: ExchangeRig.everything, epoch: Epoch(4), version: RecordVersion(1), primary: b, isr: [a, b, me],
      replicas: [a.node, b.node, me.node])
    shard.learned(
      ClusterMap(
        cluster: ClusterID(high: 1, low: 1), version: MapVersion(1), settings: ClusterSettings(replicas: 3, minInSync: 2), nodes: [],
        partitions: [record], activeBundle: nil), now: ShardRig.start)
    func receive(_ base: UInt64, count: Int, epoch: UInt64, after previous: UInt64, from primary: Member) {
      let header = LogRecord(
        partition: PartitionID(1), kind: .checkpoint, count: count, epoch: Epoch(epoch), baseOffset: Offset(base), loggedTime: 0,
        commitOffset: .zero, length: LogRecord.headerSize)
      let chunk = RecordChunk()
      _ = chunk.append(header) { _ in }
      chunk.seal()
      let append = Append(
        partition: PartitionID(1), epoch: Epoch(epoch), sender: primary.node, senderIncarnation: primary.incarnation,
        recordVersion: RecordVersion(1), previousEpoch: Epoch(previous), base: Offset(base), commitOffset: .zero)
      shard.received(append, records: chunk.bytes.span.bytes, now: ShardRig.start)
    }
    var ticket: UInt64 = 0
    func sync() -> Appended.Result? {
      while shard.takeChunk() != nil {
        ticket += 1
        shard.handedOver(ticket: ticket)
      }
      shard.durable(ticket: ticket, now: ShardRig.start)
      defer { shard.output.answers.removeAll() }
      return shard.output.answers.last?.0.result
    }
    receive(0, count: 15, epoch: 3, after: 0, from: a)
    receive(15, count: 5, epoch: 3, after: 3, from: a)
    #expect(sync() == .accepted(matched: Offset(20)))
    // In one burst: more of the same primary, and another one's that ends below where that begins.
    receive(20, count: 10, epoch: 3, after: 3, from: a)
    receive(15, count: 1, epoch: 4, after: 3, from: b)
    #expect(sync() == .accepted(matched: Offset(16)))
  }

  @Test func `the later of two acknowledgements stands for both, and nothing else is passed over`() {
    func answer(_ result: Appended.Result, epoch: UInt64 = 2) -> Appended {
      Appended(
        partition: PartitionID(1), epoch: Epoch(epoch), sender: NodeID(2), senderIncarnation: Incarnation(1), senderStorage: .none,
        result: result)
    }
    var output = ShardOutput()
    output.add(answer(.accepted(matched: Offset(5))), to: NodeID(1))
    output.add(answer(.accepted(matched: Offset(7))), to: NodeID(1))
    #expect(output.answers.map(\.0) == [answer(.accepted(matched: Offset(7)))])
    output.add(answer(.accepted(matched: Offset(6))), to: NodeID(1))
    output.add(answer(.fenced(highest: Epoch(4))), to: NodeID(1))
    output.add(answer(.accepted(matched: Offset(9)), epoch: 5), to: NodeID(1))
    output.add(answer(.accepted(matched: Offset(9)), epoch: 5), to: NodeID(3))
    #expect(output.answers.count == 5)
  }
}
