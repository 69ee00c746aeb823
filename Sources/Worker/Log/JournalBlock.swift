import Wire

/// Header of one journal block: what was written and synced together. Whole log records follow it, directly behind each
/// other; a block without records only carries a durability mark.
///
/// ```
///  0 u32 magic "AJBK"   4 u32 length, header included, padding not
///  8 u64 sequence      16 storage id (u64 high, u64 low)
/// 32 u64 durable: highest sequence known to be on disk when this block was written
/// 40 u32 CRC-32C of the records   44 u32 CRC-32C of bytes 0..<44
/// ```
/// Blocks begin at multiples of 4096 bytes and are padded with zeros: a write never touches a page in which
/// acknowledged bytes stand, so a power cut can tear only what nobody was promised.
///
/// The header proves itself, apart from the records: a block that was torn behind its header still testifies, by
/// `durable`, which earlier blocks must be whole.
public struct JournalBlock: Equatable, Sendable {
  public static var headerSize: Int { 48 }
  public static var alignment: Int { 4096 }
  public static var magic: UInt32 { 0x4B42_4A41 }
  /// Bound of a block, so that a damaged length is never believed.
  public static var lengthMax: Int { 256 * 1024 * 1024 }

  public var length: Int
  public var sequence: JournalSequence
  public var storage: StorageID
  public var durable: JournalSequence
  public var recordsChecksum: UInt32

  public init(
    length: Int, sequence: JournalSequence, storage: StorageID, durable: JournalSequence, recordsChecksum: UInt32
  ) {
    self.length = length
    self.sequence = sequence
    self.storage = storage
    self.durable = durable
    self.recordsChecksum = recordsChecksum
  }

  /// Bytes that the block takes in its file.
  public var span: Int { Self.aligned(length) }
  public static func aligned(_ length: Int) -> Int { (length + alignment - 1) & ~(alignment - 1) }

  public func write(to out: UnsafeMutableRawBufferPointer) {
    precondition(out.count >= Self.headerSize && length >= Self.headerSize && length <= Self.lengthMax)
    func put<T: FixedWidthInteger>(_ value: T, _ at: Int) {
      out.storeBytes(of: value.littleEndian, toByteOffset: at, as: T.self)
    }
    put(Self.magic, 0)
    put(UInt32(length), 4)
    put(sequence.rawValue, 8)
    put(storage.high, 16)
    put(storage.low, 24)
    put(durable.rawValue, 32)
    put(recordsChecksum, 40)
    put(crc32c(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(out)[0..<44])), 44)
  }

  /// Reads and proves the header at the front of `bytes`; the records are proven by `provenRecords`.
  public init(readingHeader bytes: UnsafeRawBufferPointer, storage expected: StorageID) throws(JournalBlockError) {
    guard bytes.count >= Self.headerSize else { throw .truncated }
    func load<T: FixedWidthInteger>(_ at: Int, _: T.Type) -> T {
      T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
    }
    guard load(0, UInt32.self) == Self.magic else { throw .noBlock }
    guard load(44, UInt32.self) == crc32c(UnsafeRawBufferPointer(rebasing: bytes[0..<44])) else {
      throw .headerChecksum
    }
    length = Int(load(4, UInt32.self))
    guard length >= Self.headerSize, length <= Self.lengthMax else { throw .badLength(length) }
    sequence = JournalSequence(load(8, UInt64.self))
    storage = StorageID(high: load(16, UInt64.self), low: load(24, UInt64.self))
    guard storage == expected else { throw .foreignStorage(storage) }
    durable = JournalSequence(load(32, UInt64.self))
    recordsChecksum = load(40, UInt32.self)
  }

  /// The records of the block whose header stands at the front of `bytes`, once their common checksum holds.
  public func provenRecords(in bytes: UnsafeRawBufferPointer) throws(JournalBlockError) -> UnsafeRawBufferPointer {
    guard bytes.count >= length else { throw .truncated }
    let records = UnsafeRawBufferPointer(rebasing: bytes[Self.headerSize..<length])
    guard crc32c(records) == recordsChecksum || planted(.takeTornBlock) else { throw .recordsChecksum }
    return records
  }
}

/// Why there is no good block at a place of a segment.
public enum JournalBlockError: Error, Equatable, Sendable, CustomStringConvertible {
  case truncated
  case noBlock
  case headerChecksum
  case badLength(Int)
  case foreignStorage(StorageID)
  case recordsChecksum
  case outOfSequence(JournalSequence, expected: JournalSequence)

  public var description: String {
    switch self {
    case .truncated: "the block ends beyond the end of the file"
    case .noBlock: "no block begins here"
    case .headerChecksum: "the block header's checksum does not hold"
    case .badLength(let n): "a block can't be \(n) bytes long"
    case .foreignStorage(let id): "the block was written under storage id \(id)"
    case .recordsChecksum: "the checksum over the block's records does not hold"
    case .outOfSequence(let found, let expected): "block \(found) stands where block \(expected) belongs"
    }
  }
}
