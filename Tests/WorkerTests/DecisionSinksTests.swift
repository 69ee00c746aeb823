import Testing
import Wire

@testable import Worker

/// Committed records on their way to the outbox.
@Suite struct DecisionSinksTests {
  @Test func `one rotation closes the files of everything handed over before it, also of what gathers still`() throws {
    let directory = TemporaryDirectory()
    let outbox = try OutboxTests.open(directory.path)
    var rig = try ShardRig()
    let bundle = rig.bundle
    let sinks = DecisionSinks(outbox: outbox, withFeatures: false) { _ in bundle }
    defer { sinks.close() }
    rig.lead()
    for round in 0..<20 {
      _ = try rig.answer([ShardRig.transaction("a\(round)"), ShardRig.transaction("b\(round)")])
      let deliveries = rig.shard.output.deliveries
      rig.shard.output.deliveries = []
      let end = try #require(deliveries.last?.record.header.endOffset)
      sinks.deliver(deliveries)
      let said = OutboxTests.Said()
      sinks.rotate { said.note($0) }
      #expect(try said.wait(1).count == 1)
      #expect(outbox.cursor(of: PartitionID(1)) == end)
    }
    #expect(try OutboxTests.lines(directory.path, .decisions).count == 40)
    let said = OutboxTests.Said()
    sinks.rotate { said.note($0) }
    #expect(try said.wait(1).map { $0 == nil } == [true], "with nothing handed over")
  }
}
