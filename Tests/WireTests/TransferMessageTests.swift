import Testing

@testable import Wire

/// Messages of transfers (R13) and of checkpoints (R14).
@Suite struct TransferMessageTests {
  static let source = Member(node: NodeID(2), storage: StorageID(high: 3, low: 4), incarnation: Incarnation(5))
  static let target = Member(node: NodeID(6), storage: StorageID(high: 7, low: 8), incarnation: Incarnation(9))

  static let chunk = TransferChunk(
    partition: PartitionID(10), session: TransferID(11), snapshot: Offset(12), fileSize: 1_000, manifestHigh: 13, manifestLow: 14, at: 990,
    bytes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])

  static let messages: [(name: String, message: any ClusterMessage)] = [
    ("transfer-request", TransferRequest(partition: PartitionID(10), epoch: Epoch(15), source: source, target: target)),
    ("transfer-session", TransferSession(id: TransferID(11), partition: PartitionID(10), epoch: Epoch(15), source: source, target: target)),
    ("transfer-read", TransferRead(partition: PartitionID(10), session: TransferID(11), snapshot: Offset(12), at: 990, length: 4_096)),
    ("transfer-chunk", chunk),
    ("checkpoint-report", CheckpointReport(member: source, partition: PartitionID(10), offset: Offset(12), digest: 0xDD)),
  ]

  @Test(arguments: messages.indices)
  func `messages of transfers have their golden bytes and are read whole or not at all`(index: Int) throws {
    try Golden.check(Self.messages[index].name, whole: Self.messages[index].message)
  }

  @Test func `a piece that reaches beyond its file, and a read of nothing or too much, are refused`() {
    for change in [{ $0.at = 991 }, { $0.fileSize = 999 }, { $0.at = .max }] as [(inout TransferChunk) -> Void] {
      var chunk = Self.chunk
      change(&chunk)
      let bytes = chunk.encoded
      #expect(throws: WireError.self) { _ = try TransferChunk(reading: bytes.span.bytes) }
    }
    for length in [0, UInt32(TransferRead.lengthMax) + 1] {
      let bytes = TransferRead(partition: PartitionID(1), session: TransferID(1), snapshot: .zero, at: 0, length: length).encoded
      #expect(throws: WireError.self) { _ = try TransferRead(reading: bytes.span.bytes) }
    }
  }
}
