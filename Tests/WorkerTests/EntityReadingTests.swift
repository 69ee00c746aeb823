import Models
import Testing
import Wire

@testable import Worker

@Suite("Shard: what an operator asks of an entity")
struct EntityReadingTests {
  private static func request(_ token: String, transaction: String = "", kind: EntityKind = .card) -> EntityRequest {
    EntityRequest(partition: PartitionID(1), entity: kind, token: token, transaction: transaction, events: 2)
  }

  private static func failure(_ reading: Shard.EntityReading) -> FailureCode? {
    if case .failure(let failure) = reading { failure.code } else { nil }
  }

  @Test func anEntityIsToldWithItsEventsAndWindows() throws {
    var rig = try ShardRig()
    rig.lead()
    let start = ShardRig.start
    _ = try rig.answer((0..<5).map { ShardRig.transaction("t\($0)", amount: Int64($0), at: start - 7_000_000 + Int64($0) * 1_000_000) })
    guard case .answer(let answer) = rig.shard.read(Self.request("card-1")) else { return #expect(Bool(false)) }
    #expect(answer.eventCount == 5 && answer.newestTime == start - 3_000_000 && !answer.isTruncated)
    #expect(answer.events.map(\.amount) == [4, 3], "newest first, no more than were asked for")
    let hour = try #require(answer.features.first { $0.name == "count_1h" })
    #expect(hour.value == 4 && hour.count == 4 && hour.events == [0, 1] && hour.until == answer.newestTime)
    #expect(hour.after == hour.until - 3_600_000 && !hour.isPartial)
    #expect(answer.commit == rig.shard.partitions[PartitionID(1)]!.replica.commit && answer.bundle == rig.bundle.id)
    guard case .answer(let unknown) = rig.shard.read(Self.request("card-2")) else { return #expect(Bool(false)) }
    #expect(unknown.eventCount == 0 && unknown.features.isEmpty)
  }

  @Test func aTransactionIsToldWithTheValuesOfTheLog() throws {
    var rig = try ShardRig()
    rig.lead()
    let start = ShardRig.start
    _ = try rig.answer([ShardRig.transaction("t0", at: start - 2_000), ShardRig.transaction("t1", amount: 77, at: start - 1_000)])
    _ = try rig.answer([ShardRig.transaction("t2", at: start)])
    let request = Self.request("card-1", transaction: "t1")
    guard case .record(let wanted) = rig.shard.read(request) else { return #expect(Bool(false)) }
    let record = try #require(
      try ShardRig.split(rig.written).first { $0.0.kind == .decided && $0.0.baseOffset <= wanted.offset && wanted.offset < $0.0.endOffset })
    guard case .answer(let answer) = rig.shard.finish(request, wanted, record: record.1) else { return #expect(Bool(false)) }
    #expect(answer.features.map(\.name) == ["amount", "count_1h"] && answer.features.map(\.value) == [77, 2])
    #expect(answer.features[1].events == [0, 1] && answer.features[1].until == start - 1_000)
    #expect(answer.events.map(\.amount) == [77, 100], "what came later is none of it")
    #expect(answer.decided?.offset == wanted.offset && answer.decided?.action == "approve" && answer.decided?.bundle == rig.bundle.id)
    // Other offsets' records, and none, are told as such.
    for bad in [nil, [1, 2, 3], rig.written] as [[UInt8]?] { #expect(Self.failure(rig.shard.finish(request, wanted, record: bad)) != nil) }
  }

  @Test func whatIsNotHereIsSaid() throws {
    var rig = try ShardRig()
    #expect(Self.failure(rig.shard.read(Self.request("card-1"))) == .notPrimary)
    rig.lead()
    #expect(Self.failure(rig.shard.read(Self.request("card-1", transaction: "t9"))) == .notFound)
    #expect(Self.failure(rig.shard.read(Self.request("m-1", transaction: "t9", kind: .merchant))) == .malformed)
    _ = try rig.submit([ShardRig.transaction("t1")])
    #expect(Self.failure(rig.shard.read(Self.request("card-1", transaction: "t1"))) == .unavailable, "it has not committed")
  }
}
