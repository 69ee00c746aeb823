import Wire

/// The few facts that a replica must have on disk before it answers (R2, R3): bytes per partition, one small file.
///
/// ```
///  0 u32 magic "AROL"   4 u32 format version (1)   8 u32 count, then `count` times: u32 partition, u32 length, bytes
///  by rising partition; at the end u32 CRC-32C of everything before.
/// ```
public struct RoleFacts: Equatable, Sendable {
  public static var magic: UInt32 { 0x4C4F_5241 }
  public static var formatVersion: UInt32 { 1 }
  /// Bound of one partition's facts.
  public static var lengthMax: Int { 1024 * 1024 }

  public var facts: [PartitionID: [UInt8]] = [:]

  public init() {}

  public var bytes: [UInt8] {
    var out = WireWriter(capacity: 4096)
    out.write(Self.magic)
    out.write(Self.formatVersion)
    out.write(UInt32(facts.count))
    for (partition, value) in facts.sorted(by: { $0.key < $1.key }) {
      out.write(partition.rawValue)
      out.write(block: value)
    }
    let checksum = out.bytes.withUnsafeBytes { crc32c($0) }
    out.write(checksum)
    return out.bytes
  }

  public init(reading bytes: [UInt8]) throws(WireError) {
    guard bytes.count >= 16 else { throw .truncated(at: bytes.count, needed: 16 - bytes.count) }
    var reader = WireReader(bytes.span.bytes)
    guard try reader.read(UInt32.self) == Self.magic else { throw .invalid(at: 0, "this is not a file of role facts") }
    let version = try reader.read(UInt32.self)
    guard version == Self.formatVersion else { throw .invalid(at: 4, "format \(version) is not read by this build") }
    let checksum = bytes.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0.dropLast(4))) }
    let stored = bytes.withUnsafeBytes {
      UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: bytes.count - 4, as: UInt32.self))
    }
    guard checksum == stored else { throw .invalid(at: bytes.count - 4, "the checksum does not hold") }
    var previous: PartitionID?
    for _ in 0..<(try reader.readCount(itemSize: 8, limit: 1_000_000)) {
      let partition = PartitionID(try reader.read(UInt32.self))
      if let previous, partition <= previous { throw .invalid(at: reader.position - 4, "partitions must rise") }
      facts[partition] = try reader.readBlock(limit: Self.lengthMax)
      previous = partition
    }
    _ = try reader.read(UInt32.self)
    try reader.finish()
  }
}
