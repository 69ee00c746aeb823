import Testing

@testable import Wire

/// Messages and records of operations.
@Suite struct OperationMessageTests {
  static let requests: [(name: String, OperationRequest)] = [
    ("drain", .drain(NodeID(3))), ("undrain", .undrain(NodeID(4))), ("move", .move(PartitionID(5), from: NodeID(6), to: NodeID(7))),
    ("hand-over", .handOver(PartitionID(8), to: NodeID(9))),
    ("force-election", .forceElection(PartitionID(10), NodeID(11), reason: "rack 4 burnt down")),
  ]

  static let record = OperationRecord(
    id: OperationID(12), request: .drain(NodeID(3)), state: .aborting, phase: 2, note: "3 partitions left", requester: "admin ada",
    startedAt: 1_790_000_000_000, endedAt: 1_790_000_000_001, token: 0x1122_3344_5566_7788, detail: [7, 8, 9])

  static let plan = OperationPlan(
    steps: ["p1: lead moves to w2", "w3 can be stopped"], toleratedNow: 2, toleratedMeanwhile: 1, toleratedAfter: 3)

  static let messages: [(name: String, message: any ClusterMessage)] =
    requests.map { ("start-operation-\($0.name)", StartOperation($0.1, isDryRun: true, token: 0x0102_0304_0506_0708)) } + [
      ("operation-started", OperationStarted(plan: plan, record: record)),
      ("operations-request", OperationsRequest(OperationID(12))), ("operations", Operations([record])),
      ("abort-operation", AbortOperation(OperationID(12))),
    ]

  @Test(arguments: messages.indices)
  func `messages of operations have their golden bytes and are read whole or not at all`(index: Int) throws {
    func check<Message: ClusterMessage>(_ message: Message) throws {
      let name = Self.messages[index].name
      Golden.check(name, message.encoded)
      let bytes = Golden.read(name)
      #expect(try Message(reading: bytes.span.bytes) == message)
      for length in bytes.indices {
        let cut = Array(bytes[..<length])
        #expect(throws: WireError.self) { _ = try Message(reading: cut.span.bytes) }
      }
      let longer = bytes + [0]
      #expect(throws: WireError.self) { _ = try Message(reading: longer.span.bytes) }
      for position in bytes.indices {
        for value in [0, 1, 0x7F, 0xFF] as [UInt8] {
          var changed = bytes
          changed[position] = value
          if let read = try? Message(reading: changed.span.bytes) { #expect(read.encoded == changed) }
        }
      }
    }
    try check(Self.messages[index].message)
  }

  @Test func `all operations are asked for by the number that no operation has`() throws {
    let bytes = OperationsRequest().encoded
    #expect(bytes == [0, 0, 0, 0])
    #expect(try OperationsRequest(reading: bytes.span.bytes).id == nil)
  }
}
