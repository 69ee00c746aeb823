import Testing
import Wire

@testable import Worker

@Suite struct LogRecordTests {
  static let header = LogRecord(
    partition: PartitionID(3), kind: .bundleActivated, count: 1, epoch: Epoch(restore: 1, number: 2), baseOffset: Offset(77),
    loggedTime: 1_767_571_200_123, commitOffset: Offset(70), length: LogRecord.headerSize + 16)

  static func bytes() -> [UInt8] {
    let chunk = RecordChunk()
    _ = chunk.append(header) { $0.copyBytes(from: (1...16).map { UInt8($0) }) }
    return chunk.bytes
  }

  static func read(_ bytes: [UInt8]) -> LogRecord? { bytes.withUnsafeBytes { try? LogRecord(reading: $0) } }

  @Test func `a record has its golden bytes, is refused at every shorter length, and may have others behind it`() throws {
    let bytes = Self.bytes()
    try expectGolden("log-record-1", bytes)
    #expect(Self.read(bytes) == Self.header && Self.read(bytes + [1, 2, 3]) == Self.header)
    #expect(Self.header.endOffset == Offset(78))
    for length in 0..<bytes.count { #expect(Self.read(Array(bytes[..<length])) == nil, "length \(length)") }
  }

  @Test func `no changed bit of header or payload passes the checksum`() {
    let bytes = Self.bytes()
    for bit in 0..<bytes.count * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(Self.read(changed) == nil, "bit \(bit)")
    }
  }
}

@Suite struct DecidedBatchTests {
  /// The `decided` record of a shard: two transactions under a bundle of two features.
  static func payload() throws -> [UInt8] {
    var rig = try ShardRig()
    rig.lead()
    _ = try rig.answer([ShardRig.transaction("a"), ShardRig.transaction("b", amount: 250)])
    let record = try #require(try ShardRig.split(rig.written).first { $0.0.kind == .decided })
    return Array(record.1[LogRecord.headerSize...])
  }

  @Test func `a decided batch has its golden bytes, and rows, decisions and features come back from them`() throws {
    let payload = try Self.payload()
    try expectGolden("decided-batch-1", payload)
    let batch = try DecidedBatch(reading: payload.span.bytes, rowCount: 2)
    var ranges: [Range<Int>] = []
    try batch.locateTransactions(into: &ranges)
    #expect(ranges.map { Array(payload[$0]) } == [ShardRig.transaction("a"), ShardRig.transaction("b", amount: 250)])
    #expect(batch.bundle == BundleID(high: 1, low: 1) && batch.featureCount == 2)
    #expect(batch.decision(1)?.action == .approve)
    let features = batch.features(1)
    #expect(features.unsafeLoadUnaligned(fromByteOffset: 0, as: Double.self) == 250)
    #expect(features.unsafeLoadUnaligned(fromByteOffset: 8, as: Double.self) == 2)
  }

  @Test func `a batch of another length, row count or with transactions that overrun is refused`() throws {
    let payload = try Self.payload()
    func isRefused(_ bytes: [UInt8], rows: Int = 2) -> Bool {
      do {
        let batch = try DecidedBatch(reading: bytes.span.bytes, rowCount: rows)
        var ranges: [Range<Int>] = []
        try batch.locateTransactions(into: &ranges)
        return false
      } catch { return true }
    }
    #expect(!isRefused(payload))
    for length in 0..<payload.count { #expect(isRefused(Array(payload[..<length])), "length \(length)") }
    #expect(isRefused(payload + [0]) && isRefused(payload, rows: 1) && isRefused(payload, rows: 3))
    for at in [16, 20, 22, 24] {
      var changed = payload
      changed[at] ^= 0x10
      #expect(isRefused(changed), "byte \(at)")
    }
  }
}
