import Testing

@testable import Wire

@Suite struct ReplicationMessageTests {
  static let append = Append(
    partition: PartitionID(1), epoch: Epoch(restore: 1, number: 4), sender: NodeID(2), senderIncarnation: Incarnation(6),
    recordVersion: RecordVersion(9), previousEpoch: Epoch(3), base: Offset(1_000), commitOffset: Offset(990))

  static func appended(_ result: Appended.Result) -> Appended {
    Appended(
      partition: PartitionID(1), epoch: Epoch(4), sender: NodeID(3), senderIncarnation: Incarnation(7),
      senderStorage: StorageID(high: 0x57, low: 0x58), result: result)
  }

  static let answers: [(String, Appended)] = [
    ("appended-accepted", appended(.accepted(matched: Offset(1_010)))), ("appended-fenced", appended(.fenced(highest: Epoch(5)))),
    ("appended-diverged", appended(.diverged([.init(epoch: Epoch(1), end: Offset(10)), .init(epoch: Epoch(3), end: Offset(995))]))),
  ]

  @Test func `an append has its golden bytes and is taken only whole`() {
    let records: [UInt8] = [1, 2, 3, 4, 5]
    Golden.check("append", DataMessageTests.encoded { Self.append.write(records: records.span.bytes, to: &$0) })
    DataMessageTests.expectExact(Golden.read("append")) { bytes in
      let read = try Append(reading: bytes.span.bytes)
      #expect(read == Self.append)
      #expect(Array(bytes[Append.headerSize...]) == records)
    }
  }

  @Test func `a length that no message has is refused, not trusted`() {
    var bytes = DataMessageTests.encoded { Self.append.write(length: 0, to: &$0) }
    #expect(bytes.count == Append.headerSize)
    for index in 56..<64 { bytes[index] = 0xFF }
    #expect(throws: WireError.self) { _ = try Append(reading: bytes.span.bytes) }
  }

  @Test(arguments: answers.indices) func `an answer has its golden bytes and is taken only whole`(index: Int) {
    let (name, message) = Self.answers[index]
    Golden.check(name, DataMessageTests.encoded { message.write(to: &$0) })
    DataMessageTests.expectExact(Golden.read(name)) { bytes in
      let read = try Appended(reading: bytes.span.bytes)
      #expect(read == message)
    }
  }

  @Test func `an unknown result and too many epochs are refused`() {
    let bytes = DataMessageTests.encoded { Self.appended(.fenced(highest: Epoch(5))).write(to: &$0) }
    var unknown = bytes
    unknown[40] = 3
    #expect(throws: WireError.invalid(at: 40, "unknown result of an append")) { _ = try Appended(reading: unknown.span.bytes) }
    let many = Array(bytes[..<40]) + [2, 1, 0, 1, 0] + [UInt8](repeating: 0, count: 16)
    #expect(throws: WireError.overLimit(at: 41, 65_537, limit: 65_536)) { _ = try Appended(reading: many.span.bytes) }
  }
}
