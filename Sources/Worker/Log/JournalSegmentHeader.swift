import Wire

/// First 80 bytes of a segment file; zeros follow up to 4096, then the blocks.
///
/// ```
///  0 u32 magic "AJSG"   4 u32 format version (1)   8 u32 segment number   12 u32 reserved (0)
/// 16 cluster id (u64 high, u64 low)   32 storage id (u64 high, u64 low)
/// 48 u64 first sequence   56 u64 durable: highest sequence known to be on disk when this was written
/// 64 u64 segment bytes    72 u32 reserved (0)   76 u32 CRC-32C of bytes 0..<76
/// ```
/// A file whose header is all zeros is a spare: prepared, not begun.
public struct JournalSegmentHeader: Equatable, Sendable {
  public static var size: Int { 80 }
  /// Where the first block begins.
  public static var span: Int { JournalBlock.alignment }
  public static var magic: UInt32 { 0x4753_4A41 }
  public static var formatVersion: UInt32 { 1 }

  public var number: UInt32
  public var cluster: ClusterID
  public var storage: StorageID
  public var first: JournalSequence
  public var durable: JournalSequence
  public var segmentBytes: Int

  public init(
    number: UInt32, cluster: ClusterID, storage: StorageID, first: JournalSequence, durable: JournalSequence,
    segmentBytes: Int
  ) {
    self.number = number
    self.cluster = cluster
    self.storage = storage
    self.first = first
    self.durable = durable
    self.segmentBytes = segmentBytes
  }

  public func write(to out: UnsafeMutableRawBufferPointer) {
    precondition(out.count >= Self.size)
    func put<T: FixedWidthInteger>(_ value: T, _ at: Int) {
      out.storeBytes(of: value.littleEndian, toByteOffset: at, as: T.self)
    }
    put(Self.magic, 0)
    put(Self.formatVersion, 4)
    put(number, 8)
    put(0 as UInt32, 12)
    put(cluster.high, 16)
    put(cluster.low, 24)
    put(storage.high, 32)
    put(storage.low, 40)
    put(first.rawValue, 48)
    put(durable.rawValue, 56)
    put(UInt64(segmentBytes), 64)
    put(0 as UInt32, 72)
    put(crc32c(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(out)[0..<76])), 76)
  }

  public init(reading bytes: UnsafeRawBufferPointer) throws(JournalSegmentError) {
    guard bytes.count >= Self.size else { throw .truncated }
    let header = UnsafeRawBufferPointer(rebasing: bytes[0..<Self.size])
    guard header.contains(where: { $0 != 0 }) else { throw .notBegun }
    func load<T: FixedWidthInteger>(_ at: Int, _: T.Type) -> T {
      T(littleEndian: header.loadUnaligned(fromByteOffset: at, as: T.self))
    }
    guard load(0, UInt32.self) == Self.magic else { throw .noSegment }
    guard load(76, UInt32.self) == crc32c(UnsafeRawBufferPointer(rebasing: header[0..<76])) else { throw .checksum }
    let version = load(4, UInt32.self)
    guard version == Self.formatVersion else { throw .version(version) }
    number = load(8, UInt32.self)
    cluster = ClusterID(high: load(16, UInt64.self), low: load(24, UInt64.self))
    storage = StorageID(high: load(32, UInt64.self), low: load(40, UInt64.self))
    first = JournalSequence(load(48, UInt64.self))
    durable = JournalSequence(load(56, UInt64.self))
    segmentBytes = Int(truncatingIfNeeded: load(64, UInt64.self))
    guard load(12, UInt32.self) == 0, load(72, UInt32.self) == 0, segmentBytes > Self.span else { throw .badHeader }
  }
}

public enum JournalSegmentError: Error, Equatable, Sendable, CustomStringConvertible {
  case truncated
  case notBegun
  case noSegment
  case checksum
  case version(UInt32)
  case badHeader

  public var description: String {
    switch self {
    case .truncated: "the file is shorter than a segment header"
    case .notBegun: "the segment was prepared but never begun"
    case .noSegment: "the file does not begin as a journal segment"
    case .checksum: "the segment header's checksum does not hold"
    case .version(let v):
      "segment format \(v) is not read by this build, which reads format \(JournalSegmentHeader.formatVersion)"
    case .badHeader: "the segment header's fields contradict each other"
    }
  }
}
