import Testing
import Wire

@testable import Worker

/// The records of splits and merges (R12), as they are on disks.
@Suite struct SuccessionRecordTests {
  static let succession = Succession(
    operation: OperationID(7), epoch: Epoch(restore: 1, number: 1), parents: [PartitionID(3)],
    children: [
      .init(id: PartitionID(17), range: KeyRange(first: KeyHash(0x1000), last: KeyHash(0x17FF))),
      .init(id: PartitionID(18), range: KeyRange(first: KeyHash(0x1800), last: KeyHash(0x1FFF))),
    ])

  static func record(_ kind: LogRecord.Kind, _ partition: UInt32, at offset: UInt64, _ payload: [UInt8]) -> [UInt8] {
    let chunk = RecordChunk()
    let header = LogRecord(
      partition: PartitionID(partition), kind: kind, count: 1, epoch: Epoch(restore: 1, number: 1), baseOffset: Offset(offset),
      loggedTime: 1_767_571_200_123, commitOffset: Offset(offset), length: LogRecord.headerSize + payload.count)
    _ = chunk.append(header) { $0.copyBytes(from: payload) }
    return chunk.bytes
  }

  @Test func `seal, unsealed, born and unborn have their golden bytes and are refused at every shorter length`() throws {
    let records = [
      ("log-seal-1", Self.record(.seal, 3, at: 77, Self.succession.encoded)),
      ("log-unsealed-1", Self.record(.unsealed, 3, at: 78, [7, 0, 0, 0])),
      ("log-born-1", Self.record(.born, 17, at: 0, Self.succession.encoded)), ("log-unborn-1", Self.record(.unborn, 17, at: 0, [])),
    ]
    for (name, bytes) in records {
      try expectGolden(name, bytes)
      #expect(LogRecordTests.read(bytes) != nil)
      for length in bytes.indices { #expect(LogRecordTests.read(Array(bytes[..<length])) == nil, "\(name), length \(length)") }
    }
  }

  @Test func `a seal whose payload is cut, and a birth without its parents, stop the replay with a reason, unless it ends later`() throws {
    let payload = Self.succession.encoded
    for length in payload.indices {
      #expect(Self.failure(of: Self.record(.seal, 3, at: 0, Array(payload[..<length]))) != nil, "length \(length)")
    }
    var partitions: [PartitionID: RecoveredPartition] = [:]
    let born = Self.record(.born, 17, at: 0, payload)
    try born.withUnsafeBytes { bytes in
      try partitions.replayBirth(LogRecordTests.read(born)!, bytes, dedupHorizon: 1_000, sinkCursor: .zero) { _ in nil }
    }
    // Whether it was needed is known at the end.
    #expect(throws: ApplyError.self) { try partitions[PartitionID(17)]!.finish() }
    let end = Self.record(.dropped, 17, at: 0, [])
    try end.withUnsafeBytes { try partitions[PartitionID(17)]!.replay(LogRecordTests.read(end)!, $0) { _ in nil } }
    try partitions[PartitionID(17)]!.finish()
  }

  private static func failure(of bytes: [UInt8]) -> ApplyError? {
    bytes.withUnsafeBytes { raw in
      do throws(ApplyError) {
        try PartitionState(dedupHorizon: 1_000).apply(LogRecordTests.read(bytes)!, raw) { _ in nil }
        return nil
      } catch {
        return error
      }
    }
  }
}
