import Wire

/// First bytes of a snapshot file (C2): whose state, at which offset, and where its manifest lies. Blocks follow.
///
/// ```
///   0 u32 magic "ASNP"  4 u32 format version (2; in 1, which no release wrote, dedup entries named no partition)  8 cluster id (u64 high, u64 low)  24 u32 partition  28 u32 reserved (0)
///  32 u64 first key  40 u64 last key  48 u64 offset: everything below is in it  56 u64 epoch of the entry before
///  64 active bundle (u64 high, u64 low; zeros for none)  80 i64 logged time  88 u64 state digest
///  96 u64 entities  104 u64 dedup entries  112 u64 manifest's place  120 u64 bytes of the file
/// 128 u64, u64 hash of the manifest's contents  144 u32 reserved (0)  148 u32 CRC-32C of bytes 0..<148
/// ```
public struct SnapshotHeader: Equatable, Sendable {
  public static var size: Int { 152 }
  public static var magic: UInt32 { 0x504E_5341 }
  public static var formatVersion: UInt32 { 2 }

  public var cluster: ClusterID
  public var partition: PartitionID
  public var range: KeyRange
  public var offset: Offset
  public var epoch: Epoch
  public var bundle: BundleID
  public var loggedTime: Int64
  /// Equal on every replica at this offset (R14).
  public var stateDigest: UInt64
  public var entities: Int
  public var dedupEntries: Int
  public var manifestAt: Int
  public var fileSize: Int
  /// Names this very file: the replicas' files of one offset may differ in the order of what they hold.
  public var manifestHash: SnapshotHash

  public func write(to out: inout WireWriter) {
    let start = out.count
    out.write(Self.magic)
    out.write(Self.formatVersion)
    for word in [cluster.high, cluster.low] { out.write(word) }
    out.write(partition.rawValue)
    out.write(0 as UInt32)
    for word in [range.first.rawValue, range.last.rawValue, offset.rawValue, epoch.rawValue, bundle.high, bundle.low] { out.write(word) }
    out.write(loggedTime)
    out.write(stateDigest)
    for size in [entities, dedupEntries, manifestAt, fileSize] { out.write(UInt64(size)) }
    out.write(manifestHash.high)
    out.write(manifestHash.low)
    out.write(0 as UInt32)
    let checksum = out.bytes.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    out.write(checksum)
  }

  public var bytes: [UInt8] {
    var out = WireWriter(capacity: Self.size)
    write(to: &out)
    return out.bytes
  }

}

extension SnapshotHeader {
  /// Reads the header at the front of `bytes`, which may hold more behind it.
  public init(reading bytes: RawSpan) throws(SnapshotError) {
    guard bytes.byteCount >= Self.size else { throw .truncated }
    let header = bytes.extracting(0..<Self.size)
    do throws(WireError) {
      var reader = WireReader(header)
      guard try reader.read(UInt32.self) == Self.magic else { throw .invalid(at: 0, "") }
      let version = try reader.read(UInt32.self)
      let isWhole = header.withUnsafeBytes {
        crc32c(UnsafeRawBufferPointer(rebasing: $0[..<148])) == UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 148, as: UInt32.self))
      }
      cluster = ClusterID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
      partition = PartitionID(try reader.read(UInt32.self))
      let reserved = try reader.read(UInt32.self)
      let first = try reader.read(UInt64.self)
      let last = try reader.read(UInt64.self)
      offset = Offset(try reader.read(UInt64.self))
      epoch = Epoch(try reader.read(UInt64.self))
      bundle = BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
      loggedTime = try reader.read(Int64.self)
      stateDigest = try reader.read(UInt64.self)
      let sizes = [try reader.read(UInt64.self), try reader.read(UInt64.self), try reader.read(UInt64.self), try reader.read(UInt64.self)]
      manifestHash = SnapshotHash(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
      let reservedToo = try reader.read(UInt32.self)
      range = KeyRange(first: KeyHash(min(first, last)), last: KeyHash(max(first, last)))
      (entities, dedupEntries) = (Int(truncatingIfNeeded: sizes[0]), Int(truncatingIfNeeded: sizes[1]))
      (manifestAt, fileSize) = (Int(truncatingIfNeeded: sizes[2]), Int(truncatingIfNeeded: sizes[3]))
      guard isWhole else { throw .invalid(at: 148, "") }
      guard version == Self.formatVersion else { throw .invalid(at: 4, "\(version)") }
      guard reserved == 0, reservedToo == 0, first <= last, sizes.allSatisfy({ $0 < 1 << 60 }), manifestAt >= Self.size,
        fileSize > manifestAt
      else { throw .invalid(at: 8, "") }
    } catch {
      switch error {
      case .invalid(at: 0, _): throw .noSnapshot
      case .invalid(at: 4, let version): throw .version(version)
      case .invalid(at: 148, _): throw .headerChecksum
      default: throw .badHeader
      }
    }
  }
}

/// 128 bits over a snapshot's manifest, which has every block's checksum. Not a secret's: it finds damage, not malice.
public struct SnapshotHash: Hashable, Sendable, CustomStringConvertible {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  init(of bytes: UnsafeRawBufferPointer) {
    high = hash64(bytes, seed: 0x4153_4E50)
    low = hash64(bytes, seed: 0x504E_5341)
  }

  public var description: String { hexadecimal(high) + hexadecimal(low) }
}

public enum SnapshotError: Error, Equatable, Sendable, CustomStringConvertible {
  case truncated
  case noSnapshot
  case version(String)
  case headerChecksum
  case badHeader
  /// No good block at this byte.
  case badBlock(at: Int, String)
  case badManifest(String)
  /// Whole, but not what the format says.
  case unreadable(String)
  case bundleMissing(PartitionID, BundleID)
  case otherState(digest: UInt64, expected: UInt64)

  public var description: String {
    switch self {
    case .truncated: "the snapshot ends early"
    case .noSnapshot: "the file does not begin as a snapshot"
    case .version(let version): "snapshot format \(version) is not read by this build, which reads format \(SnapshotHeader.formatVersion)"
    case .headerChecksum: "the snapshot header's checksum does not hold"
    case .badHeader: "the snapshot header's fields contradict each other"
    case .badBlock(let at, let what): "the snapshot's block at byte \(at) is damaged: \(what)"
    case .badManifest(let what): "the snapshot's manifest is damaged: \(what)"
    case .unreadable(let what): "the snapshot can't be read: \(what)"
    case .bundleMissing(let partition, let id):
      "\(partition): the snapshot names bundle \(id), which is not on this node; restore it into the data directory's bundles folder"
    case .otherState(let digest, let expected):
      "the state that the snapshot gives has digest \(hexadecimal(digest)), and \(hexadecimal(expected)) was written with it"
    }
  }
}
