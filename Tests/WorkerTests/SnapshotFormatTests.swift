import Models
import Testing
import Wire

@testable import Worker

/// The bytes of snapshot files, what is refused, and what comes back (C2).
@Suite struct SnapshotFormatTests {
  static let cluster = JournalFixture.cluster

  /// A shard's partition with some history, and its snapshot.
  static func partition(rows: Int = 30) throws -> (rig: ShardRig, state: PartitionState, log: EpochTable) {
    var rig = try ShardRig()
    rig.lead()
    for row in 0..<rows {
      rig.now += 1_000
      _ = try rig.answer([ShardRig.transaction("t\(row)", card: "card-\(row % 7)", amount: Int64(row), at: rig.now)])
    }
    let partition = rig.shard.partitions[PartitionID(1)]!
    return (rig, partition.state, partition.replica.log)
  }

  /// Writes a snapshot as a shell does, with `between` after each piece of the walk.
  static func write(
    _ state: PartitionState, _ log: EpochTable, pieceBytes: Int = 200, exchangeAim: Int = SnapshotBlock.exchangeAim,
    between: () throws -> Void = {}
  ) throws -> (header: SnapshotHeader, file: [UInt8]) {
    let image = state.image(of: PartitionID(1), range: KeyRange.tiles(1)[0], log: log)
    var file: [UInt8] = []
    var writer = SnapshotWriter(image, cluster: cluster)
    writer.exchangeAim = exchangeAim
    writer.begin { file += $0 }
    while let images = state.walkOn(bytes: pieceBytes) {
      writer.add(images) { file += $0 }
      try between()
    }
    let header = writer.finish { file += $0 }
    file.replaceSubrange(0..<SnapshotHeader.size, with: header.bytes)
    return (header, file)
  }

  static func load(_ file: [UInt8]) -> SnapshotReader.Load {
    { offset, count in Array(file[min(offset, file.count)..<min(offset + count, file.count)]) }
  }

  static func restore(_ file: [UInt8], _ bundles: [Bundle]) throws -> RestoredSnapshot {
    let reader = try SnapshotReader(size: file.count, load: load(file))
    return try reader.restore(dedupHorizon: ShardRig.horizon, proven: true, load: load(file)) { id in bundles.first { $0.id == id } }
  }

  @Test func `a state comes back with the same digest, and decides as the one that went on`() throws {
    let (rig, state, log) = try Self.partition()
    let digest = state.digest()
    var live = rig
    var rows = 30
    let (header, file) = try Self.write(state, log) {
      // Meanwhile the partition goes on.
      live.now += 1_000
      _ = try live.answer([ShardRig.transaction("t\(rows)", card: "card-\(rows % 9)", at: live.now)])
      rows += 1
    }
    #expect(header.stateDigest == digest && header.entities == 7 && header.dedupEntries == 30)
    #expect(state.digest() != digest, "the partition did go on")
    let restored = try Self.restore(file, [rig.bundle])
    #expect(restored.state.digest() == digest && restored.offset == header.offset && restored.log.end == header.offset)
    // The records behind the snapshot bring it to where the live one is.
    for (record, bytes) in try ShardRig.split(live.written) where record.baseOffset >= header.offset {
      try bytes.withUnsafeBytes { try restored.state.apply(record, $0) { id in id == rig.bundle.id ? rig.bundle : nil } }
    }
    #expect(restored.state.digest() == state.digest())
  }

  @Test func `a file is refused at every shorter length, and with any byte changed`() throws {
    let (rig, state, log) = try Self.partition(rows: 3)
    let (_, file) = try Self.write(state, log)
    _ = try Self.restore(file, [rig.bundle])
    for length in 0..<file.count {
      #expect(throws: (any Error).self, "length \(length)") { _ = try Self.restore(Array(file[..<length]), [rig.bundle]) }
    }
    for index in file.indices {
      var bad = file
      bad[index] ^= 0x10
      #expect(throws: (any Error).self, "byte \(index)") { _ = try Self.restore(bad, [rig.bundle]) }
    }
    #expect(throws: SnapshotError.badManifest("the file is longer than written")) { _ = try Self.restore(file + [0], [rig.bundle]) }
    #expect(throws: SnapshotError.bundleMissing(PartitionID(1), rig.bundle.id)) { _ = try Self.restore(file, []) }
  }

  @Test func `an empty partition has a snapshot too`() throws {
    let state = PartitionState(dedupHorizon: ShardRig.horizon)
    let (header, file) = try Self.write(state, EpochTable())
    #expect(header.bundle.isNone && header.offset == .zero)
    #expect(try Self.restore(file, []).state.digest() == state.digest())
  }

  @Test func `the bytes on disk never change`() throws {
    let header = SnapshotHeader(
      cluster: Self.cluster, partition: PartitionID(3), range: KeyRange(first: KeyHash(1 << 60), last: KeyHash(2 << 60)),
      offset: Offset(120_034),
      epoch: Epoch(restore: 1, number: 4), bundle: BundleID(high: 5, low: 6), loggedTime: ShardRig.start,
      stateDigest: 0x0123_4567_89AB_CDEF,
      entities: 7, dedupEntries: 30, manifestAt: 5_000, fileSize: 5_200, manifestHash: SnapshotHash(high: 8, low: 9))
    try expectGolden("snapshot-header-2", header.bytes)
    #expect(try SnapshotHeader(reading: header.bytes.span.bytes) == header)
    var manifest = SnapshotManifest()
    let block = SnapshotBlock(kind: .entities, contentsLength: 400, storedLength: 300, checksum: 0xABCD)
    manifest.items = [.init(at: SnapshotHeader.size, block: block), .init(at: SnapshotHeader.size + 324, block: block)]
    try expectGolden("snapshot-manifest-1", manifest.bytes)
    #expect(try SnapshotManifest(reading: manifest.bytes.span.bytes) == manifest)
    try expectGolden("snapshot-block-1", SnapshotBlock.bytes(.dedup, [1, 2, 3]).bytes)
  }

  /// Whole, with facts, a dedup entry and an entity's record: read as it was once written.
  @Test func `a file of this version is read for ever`() throws {
    let (rig, state, log) = try Self.partition(rows: 2)
    let file = try Self.write(state, log).file
    try expectGolden("snapshot-file-2", file)
    let restored = try Self.restore(file, [rig.bundle])
    #expect(restored.header.stateDigest == 0 || restored.state.entityCount == 2)
  }

  /// Its dedup entries named no partition, and their fingerprints were others. No release wrote one.
  @Test func `a file of format 1 is refused by its version`() throws {
    let bytes = try goldenBytes("snapshot-header-1")
    #expect(throws: SnapshotError.version("1")) { _ = try SnapshotHeader(reading: bytes.span.bytes) }
  }

  @Test func `facts are refused at every shorter length`() throws {
    let (_, state, log) = try Self.partition(rows: 2)
    let image = state.image(of: PartitionID(1), range: KeyRange.tiles(1)[0], log: log)
    let bytes = SnapshotFacts(image).bytes
    _ = try SnapshotFacts(reading: bytes.span.bytes)
    for length in 0..<bytes.count {
      #expect(throws: WireError.self, "length \(length)") { _ = try SnapshotFacts(reading: Array(bytes[..<length]).span.bytes) }
    }
    #expect(throws: WireError.self) { _ = try SnapshotFacts(reading: (bytes + [0]).span.bytes) }
  }
}
