import Models
import Testing
import Wire

@testable import Worker

/// When a shard writes checkpoint entries, what it hands out, and when a file may take its name (C1, C3).
@Suite struct CheckpointTests {
  static func due(_ rig: inout ShardRig) {
    rig.shard.wantCheckpoint(of: PartitionID(1))
    rig.shard.reviewCheckpoints(now: rig.now)
  }

  /// Takes a begun checkpoint to a whole file, as a shell does.
  static func file(_ shard: Shard, between: () throws -> Void = {}) throws -> (header: SnapshotHeader, bytes: [UInt8]) {
    let begun = shard.output.checkpoints.popLast()
    let image = try #require(begun)
    var writer = SnapshotWriter(image, cluster: JournalFixture.cluster)
    var bytes: [UInt8] = []
    writer.begin { bytes += $0 }
    while let piece = shard.checkpointPiece(of: image.partition, at: image.offset, bytes: 100) {
      writer.add(piece) { bytes += $0 }
      try between()
    }
    let header = writer.finish { bytes += $0 }
    bytes.replaceSubrange(0..<SnapshotHeader.size, with: header.bytes)
    return (header, bytes)
  }

  static func started(rows: Int = 20) throws -> ShardRig {
    var rig = try ShardRig()
    rig.lead()
    for row in 0..<rows { _ = try rig.answer([ShardRig.transaction("t\(row)", card: "card-\(row % 5)", at: rig.now)]) }
    return rig
  }

  @Test func `C3: a primary's snapshot takes its name only when its checkpoint entry has committed`() throws {
    var rig = try Self.started()
    Self.due(&rig)
    rig.hand()
    let (header, _) = try Self.file(rig.shard)
    rig.shard.checkpointWritten(header)
    #expect(rig.shard.output.publishes.isEmpty, "nothing of it is durable yet")
    rig.sync()
    #expect(rig.shard.output.publishes == [header])
    rig.shard.checkpointStored(header)
    #expect(rig.shard.cutPoints { _ in header.offset }.map(\.offset) == [.zero], "one snapshot alone cuts nothing")
    let records = try ShardRig.split(rig.written)
    #expect(records.last?.0.kind == .checkpoint && records.last?.0.endOffset == header.offset)
  }

  @Test func `C3: the log is cut below the older of two snapshots, and never above what the sinks have`() throws {
    var rig = try Self.started()
    var offsets: [Offset] = []
    for round in 0..<3 {
      _ = try rig.answer([ShardRig.transaction("r\(round)", at: rig.now)])
      Self.due(&rig)
      let (header, _) = try Self.file(rig.shard)
      rig.shard.checkpointWritten(header)
      rig.sync()
      rig.shard.checkpointStored(header)
      offsets.append(header.offset)
    }
    #expect(rig.shard.cutPoints { _ in Offset(1 << 40) }.map(\.offset) == [offsets[1]])
    #expect(rig.shard.cutPoints { _ in Offset(3) }.map(\.offset) == [Offset(3)])
  }

  @Test func `a checkpoint is due by bytes of log and by time, and one is under way at a time`() throws {
    var rig = try Self.started()
    rig.shard.checkpointPolicy.bytes = 1 << 30
    rig.shard.reviewCheckpoints(now: rig.now)
    rig.now += rig.shard.checkpointPolicy.every - 1
    rig.shard.reviewCheckpoints(now: rig.now)
    #expect(rig.shard.output.checkpoints.isEmpty)
    rig.now += 1
    rig.shard.reviewCheckpoints(now: rig.now)
    #expect(rig.shard.output.checkpoints.count == 1)
    Self.due(&rig)
    #expect(rig.shard.output.checkpoints.count == 1, "the first is not done")
    let (header, _) = try Self.file(rig.shard)
    rig.shard.checkpointWritten(header)
    rig.sync()
    rig.shard.checkpointStored(header)
    Self.due(&rig)
    #expect(rig.shard.output.checkpoints.count == 1, "asked for")
  }

  @Test func `R14: what comes back from snapshot and rest of the log is what went on`() throws {
    var rig = try Self.started()
    Self.due(&rig)
    rig.sync()
    var more = 0
    var live = rig
    let (header, bytes) = try Self.file(rig.shard) {
      _ = try live.answer([ShardRig.transaction("m\(more)", card: "card-\(more % 7)", at: live.now)])
      more += 1
    }
    _ = try live.answer([ShardRig.transaction("last", at: live.now)])
    let records = try ShardRig.split(live.written)
    let whole = try ShardRig.recover(records, [rig.bundle])
    // The journal may still hold all, or nothing below the snapshot.
    for kept in [records, records.filter { $0.0.baseOffset >= header.offset }] {
      var recovered = RecoveredPartition(
        id: PartitionID(1), dedupHorizon: ShardRig.horizon, sinkCursor: header.offset,
        snapshot: try SnapshotFormatTests.restore(bytes, [rig.bundle]), snapshots: [header.offset])
      for (record, raw) in kept { try ShardRig.replay(record, raw, into: &recovered, [rig.bundle]) }
      try recovered.finish()
      #expect(recovered.state.digest() == whole.state.digest() && recovered.log == whole.log)
      #expect(recovered.uncommitted.map(\.header) == whole.uncommitted.map(\.header))
      #expect(recovered.logStart == (kept.count == records.count ? .zero : header.offset))
      #expect(recovered.undelivered.map(\.header.baseOffset) == whole.undelivered.map(\.header.baseOffset).filter { $0 >= header.offset })
    }
    // A hole behind the snapshot is never passed over.
    var holed = RecoveredPartition(
      id: PartitionID(1), dedupHorizon: ShardRig.horizon, sinkCursor: .zero, snapshot: try SnapshotFormatTests.restore(bytes, [rig.bundle]))
    for (record, raw) in records where record.baseOffset > header.offset { try ShardRig.replay(record, raw, into: &holed, [rig.bundle]) }
    #expect(throws: ApplyError.self) { try holed.finish() }
  }

  @Test func `R8: a history that was voided before the snapshot leaves nothing behind`() throws {
    var rig = try Self.started()
    Self.due(&rig)
    rig.sync()
    let (header, bytes) = try Self.file(rig.shard)
    _ = try rig.answer([ShardRig.transaction("last", at: rig.now)])
    let records = try ShardRig.split(rig.written)
    // Records of an older epoch stood where others stand now, up to beyond the snapshot, and were voided.
    func old(_ base: UInt64, _ kind: LogRecord.Kind, epoch: UInt64 = 0) -> (LogRecord, [UInt8]) {
      let record = LogRecord(
        partition: PartitionID(1), kind: kind, count: 1, epoch: Epoch(epoch), baseOffset: Offset(base), loggedTime: 0, commitOffset: .zero,
        length: LogRecord.headerSize)
      var bytes = [UInt8](repeating: 0, count: record.length)
      bytes.withUnsafeMutableBytes { record.seal($0) }
      return (record, bytes)
    }
    let end = header.offset.rawValue
    let cut = Int(records.firstIndex { $0.0.baseOffset.rawValue == 10 }!)
    let journal =
      records[..<cut] + [old(10, .epochStart), old(end, .epochStart), old(end + 1, .epochStart), old(10, .truncated)] + records[cut...]
    var recovered = RecoveredPartition(
      id: PartitionID(1), dedupHorizon: ShardRig.horizon, sinkCursor: .zero, snapshot: try SnapshotFormatTests.restore(bytes, [rig.bundle]),
      snapshots: [header.offset])
    for (record, raw) in journal { try ShardRig.replay(record, raw, into: &recovered, [rig.bundle]) }
    try recovered.finish()
    let whole = try ShardRig.recover(records, [rig.bundle])
    #expect(recovered.state.digest() == whole.state.digest() && recovered.log == whole.log)
  }

  @Test func `a replica that is let go of gives its checkpoint up`() throws {
    var rig = try Self.started()
    Self.due(&rig)
    let offset = try #require(rig.shard.output.checkpoints.first).offset
    _ = rig.shard.close(PartitionID(1))
    #expect(rig.shard.checkpointPiece(of: PartitionID(1), at: offset, bytes: 100) == nil)
    #expect(rig.shard.output.discards.map(\.1) == [offset])
  }
}

/// Old segments go, and a journal that begins above segment 1 is taken for what it is (C3, R15).
@Suite struct JournalRemovalTests {
  private static func filled(_ directory: String, records: Int = 30) throws {
    let journal = try JournalFixture.open(directory)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    for offset in 0..<records { try probe.waitDurable(journal.append(JournalFixture.record(UInt64(offset), payload: 9_000))) }
    journal.close()
  }

  private static func remove(_ directory: String, below segment: UInt32) throws {
    let journal = try JournalFixture.open(directory)
    try journal.removeSegments(below: segment)
    journal.close()
  }

  @Test func `what is left is replayed, and appended to`() throws {
    let directory = try TemporaryDirectory()
    try Self.filled(directory.path)
    let all = try JournalFixture.replay(directory.path)
    #expect(all.recovery.segments > 4)
    try Self.remove(directory.path, below: 3)
    let rest = try JournalFixture.replay(directory.path)
    #expect(rest.recovery.first == 3 && rest.recovery.segments == all.recovery.segments - 2)
    #expect(rest.offsets.last == all.offsets.last && all.offsets.suffix(rest.offsets.count) == rest.offsets[...])
    let journal = try JournalFixture.open(directory.path)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    try probe.waitDurable(journal.append(JournalFixture.record(500, payload: 100)))
    journal.close()
    #expect(try JournalFixture.replay(directory.path).offsets.last == 500)
  }

  @Test func `the segment that is being written is never removed`() throws {
    let directory = try TemporaryDirectory()
    try Self.filled(directory.path)
    try Self.remove(directory.path, below: 1_000)
    #expect(try JournalFixture.replay(directory.path).recovery.segments >= 1)
  }

  @Test func `a first segment that is not the one on record is a loss, and never passed over`() throws {
    let directory = try TemporaryDirectory()
    try Self.filled(directory.path)
    try Self.remove(directory.path, below: 3)
    try FileSystem.posix.removeFile(JournalSegments.path(directory.path, 3))
    #expect(throws: JournalError.self) { try JournalFixture.open(directory.path) }
    // Without the word on where it begins, the missing ones are missing.
    let other = try TemporaryDirectory()
    try Self.filled(other.path)
    try FileSystem.posix.removeFile(JournalSegments.path(other.path, 1))
    #expect(throws: JournalError.self) { try JournalFixture.open(other.path) }
  }

  @Test func `where a journal begins has its golden bytes, and is refused with any byte changed`() throws {
    let start = JournalStart(segment: 7, first: JournalSequence(1_042))
    try expectGolden("journal-start-1", start.bytes)
    #expect(JournalStart(reading: start.bytes) == start)
    for index in start.bytes.indices {
      var bad = start.bytes
      bad[index] ^= 1
      #expect(JournalStart(reading: bad) == nil && JournalStart(reading: Array(start.bytes[..<index])) == nil)
    }
  }
}
