import Models
import Testing
import Wire

@testable import Worker

/// Planned hand-overs (R12) and copies that move away, the workers' part.
@Suite struct HandOverTests {
  private let p1 = PartitionID(1)

  private func rows(_ prefix: String, _ count: Int = 20) -> [[UInt8]] {
    (0..<count).map { ShardRig.transaction("\(prefix)\($0)", card: "card-\($0)") }
  }

  @Test func `a pausing primary takes no rows, says when all is done, and its successor delivers nothing twice`() throws {
    var rig = try SuccessionRig(seed: 1)
    let before = try rig.submit(rows("a"))
    #expect(rig.pause(p1, for: 2)?.state == .drained)
    let paused = try rig.submit([ShardRig.transaction("late")])
    #expect(paused[0]?.status == .retry && paused[0]?.failure == .sealed)
    let cursor = rig.nodes[0].shard.partitions[p1]!.state.sinkCursor
    #expect(cursor >= Offset(UInt64(20)), "the log says what the sinks have")
    rig.elect(p1, 2)
    #expect(rig.nodes[1].shard.partitions[p1]!.replica.isServing && !rig.nodes[0].shard.isPrimary(of: p1))
    #expect(rig.nodes[1].delivered[p1] == nil, "nothing is delivered again")
    let after = try rig.submit(rows("a") + [ShardRig.transaction("late")])
    for (old, new) in zip(before, after) { #expect(new?.status == .duplicate && new?.offset == old?.offset) }
    #expect(after.last??.status == .decided)
  }

  @Test func `a successor that does not hold everything in time leaves the primary at work`() throws {
    var rig = try SuccessionRig(seed: 2)
    rig.nodes[1].isUp = false
    _ = try rig.submit([ShardRig.transaction("a")])
    #expect(rig.pause(p1, for: 2)?.state == .resumed)
    #expect(rig.nodes[0].shard.partitions[p1]!.pause == nil)
    let version = rig.records[0].version
    rig.nodes[1].isUp = true
    rig.tick()
    rig.handOvers = []
    rig.nodes[0].shard.take(HandOverCommand(.pause, p1, version: version, successor: rig.nodes[1].member), now: rig.now)
    rig.settle()
    #expect(rig.handOvers.last?.state == .resumed, "a late command pauses nothing again")
    #expect(try rig.submit([ShardRig.transaction("b")])[0]?.status == .decided)
  }

  @Test func `a primary that hears no more goes on by itself, and so does one that is told to`() throws {
    for isTold in [false, true] {
      var rig = try SuccessionRig(seed: 3)
      #expect(rig.pause(p1, for: 2)?.state == .drained)
      if isTold {
        let command = HandOverCommand(.resume, p1, version: rig.records[0].version, successor: rig.nodes[1].member)
        rig.nodes[0].shard.take(command, now: rig.now)
      } else {
        for _ in 0..<25 { rig.tick(50) }
      }
      #expect(try rig.submit([ShardRig.transaction("b")])[0]?.status == .decided)
    }
  }

  @Test func `a copy that has moved away is gone, also after a restart, and a later one begins anew`() throws {
    var rig = try SuccessionRig(seed: 4)
    _ = try rig.submit(rows("a"))
    #expect(rig.pause(p1, for: 1)?.state == .drained)
    rig.elect(p1, 1, leaving: 3)
    #expect(rig.nodes[2].shard.partitionIDs.isEmpty)
    #expect(rig.nodes[0].shard.partitions[p1]!.replica.isServing, "it leads on, in a new epoch")
    _ = try rig.submit(rows("b"))
    try rig.restart(3)
    #expect(rig.nodes[2].shard.partitionIDs.isEmpty)
    rig.place(p1, on: 3)
    for _ in 0..<8 { rig.tick(60) }
    let copy = rig.nodes[2].shard.partitions[p1]!
    #expect(copy.replica.log.end == rig.nodes[0].shard.partitions[p1]!.replica.log.end)
    #expect(rig.records[0].isr.count == 3, "it comes in sync by what it holds now")
    try rig.restart(3)
    for _ in 0..<8 { rig.tick(60) }
    #expect(rig.nodes[2].shard.partitions[p1]!.state.digest() == rig.nodes[0].shard.partitions[p1]!.state.digest())
  }

  @Test func `a copy that comes back fences by the epochs that the old one had seen`() throws {
    var rig = try SuccessionRig(seed: 5)
    _ = try rig.submit(rows("a"))
    #expect(rig.pause(p1, for: 1)?.state == .drained)
    rig.elect(p1, 1, leaving: 3)
    rig.nodes[0].isUp = false
    rig.place(p1, on: 3)
    rig.nodes[0].isUp = true
    #expect(rig.nodes[2].shard.partitions[p1]!.replica.highestEpoch == Epoch(2))
  }
}
