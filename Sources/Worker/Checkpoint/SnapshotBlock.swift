import Wire

/// One block of a snapshot file: some contents of one kind, as LZ4.
///
/// ```
///  0 u32 magic "ASBK"  4 u16 kind  6 u16 reserved (0)  8 u32 bytes of contents  12 u32 bytes that follow (u32 raw size, LZ4 block)
/// 16 u32 CRC-32C of those  20 u32 CRC-32C of bytes 0..<20
/// ```
public struct SnapshotBlock: Equatable, Sendable {
  public enum Kind: UInt16, Sendable, CaseIterable {
    /// `SnapshotFacts`; the first block.
    case facts = 1
    /// Dedup entries in their order, `DedupTable.Entry.encodedSize` bytes each.
    case dedup = 2
    /// Whole entity records of one kind, in any order.
    case entities = 3
    /// `HomeLedger`, then `EntityLedger`; where there is an exchange. Of a large one the first part.
    case exchange = 4
    /// `HotItems`, a part of them a block, by rising version; where lists have any.
    case lists = 5
    /// `ListVersionsPart` of the dedup entries, behind them; where any was decided under hot items.
    case listVersions = 6
    /// As `exchange`: further intakes and homes, which the block before has no room for. Builds that know one block alone refuse it.
    case exchangeGoesOn = 7
    /// `SnapshotManifest`; the last block.
    case manifest = 255
  }

  public static var headerSize: Int { 24 }
  public static var magic: UInt32 { 0x4B42_5341 }
  /// Contents are gathered until they reach this; one entity more may be in.
  public static var contentsAim: Int { 256 * 1024 }
  public static var contentsMax: Int { 64 * 1024 * 1024 }
  /// Of the exchange as much goes into one block, about.
  public static var exchangeAim: Int { 4 * 1024 * 1024 }

  public var kind: Kind
  public var contentsLength: Int
  public var storedLength: Int
  public var checksum: UInt32

  /// The whole block of `contents`.
  public static func bytes(_ kind: Kind, _ contents: [UInt8]) -> (header: SnapshotBlock, bytes: [UInt8]) {
    precondition(contents.count <= contentsMax)
    let stored = contents.withUnsafeBytes { Compression.compress($0) }
    let block = SnapshotBlock(
      kind: kind, contentsLength: contents.count, storedLength: stored.count, checksum: stored.withUnsafeBytes { crc32c($0) })
    var out = WireWriter(capacity: headerSize + stored.count)
    out.write(magic)
    out.write(kind.rawValue)
    out.write(0 as UInt16)
    out.write(UInt32(block.contentsLength))
    out.write(UInt32(block.storedLength))
    out.write(block.checksum)
    let checksum = out.bytes.withUnsafeBytes { crc32c($0) }
    out.write(checksum)
    out.bytes.append(contentsOf: stored)
    return (block, out.bytes)
  }

  /// Reads and proves a block's header at the front of `bytes`; nil where none stands.
  public init?(readingHeader bytes: RawSpan) {
    guard bytes.byteCount >= Self.headerSize else { return nil }
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _: T.Type) -> T {
      T(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at, as: T.self))
    }
    guard load(0, UInt32.self) == Self.magic,
      load(20, UInt32.self) == bytes.withUnsafeBytes({ crc32c(UnsafeRawBufferPointer(rebasing: $0[..<20])) }),
      let kind = Kind(rawValue: load(4, UInt16.self)), load(6, UInt16.self) == 0
    else { return nil }
    self.kind = kind
    contentsLength = Int(load(8, UInt32.self))
    storedLength = Int(load(12, UInt32.self))
    checksum = load(16, UInt32.self)
    guard contentsLength <= Self.contentsMax, storedLength <= Self.contentsMax + Self.contentsMax / 255 + 64 else { return nil }
  }

  init(kind: Kind, contentsLength: Int, storedLength: Int, checksum: UInt32) {
    self.kind = kind
    self.contentsLength = contentsLength
    self.storedLength = storedLength
    self.checksum = checksum
  }

  /// The contents of the block whose header is this, from the `storedLength` bytes behind it.
  public func contents(_ stored: RawSpan, at: Int) throws(SnapshotError) -> [UInt8] {
    guard stored.byteCount == storedLength else { throw .badBlock(at: at, "it ends beyond the end of the file") }
    guard stored.withUnsafeBytes({ crc32c($0) }) == checksum else { throw .badBlock(at: at, "its checksum does not hold") }
    do throws(FrameError) {
      let contents = try Compression.decompress(stored, limit: contentsLength)
      guard contents.count == contentsLength else { throw .compression("its length is another") }
      return contents
    } catch {
      throw .badBlock(at: at, "\(error)")
    }
  }
}

/// The last block's contents: every other block, by place and checksum.
///
/// `u32 blocks`, each `u64 place, u16 kind, u32 contents, u32 stored, u32 checksum`.
public struct SnapshotManifest: Equatable, Sendable {
  public struct Item: Equatable, Sendable {
    public var at: Int
    public var block: SnapshotBlock
  }

  static let itemSize = 22
  /// A terabyte of state in blocks as small as they come.
  static let itemsMax = 4 * 1024 * 1024

  public var items: [Item] = []

  public init() {}

  public var bytes: [UInt8] {
    var out = WireWriter(capacity: 4 + items.count * Self.itemSize)
    out.write(UInt32(items.count))
    for item in items {
      out.write(UInt64(item.at))
      out.write(item.block.kind.rawValue)
      out.write(UInt32(item.block.contentsLength))
      out.write(UInt32(item.block.storedLength))
      out.write(item.block.checksum)
    }
    return out.bytes
  }

  public init(reading bytes: RawSpan) throws(WireError) {
    var reader = WireReader(bytes)
    let count = try reader.readCount(itemSize: Self.itemSize, limit: Self.itemsMax)
    items.reserveCapacity(count)
    var end = SnapshotHeader.size
    for _ in 0..<count {
      let at = try reader.read(UInt64.self)
      guard at == UInt64(end), let kind = SnapshotBlock.Kind(rawValue: try reader.read(UInt16.self)) else {
        throw .invalid(at: reader.position, "a block is not where the one before ends, or of no known kind")
      }
      let block = SnapshotBlock(
        kind: kind, contentsLength: Int(try reader.read(UInt32.self)), storedLength: Int(try reader.read(UInt32.self)),
        checksum: try reader.read(UInt32.self))
      items.append(Item(at: end, block: block))
      end += SnapshotBlock.headerSize + block.storedLength
    }
    try reader.finish()
  }
}
