import Wire

/// One record of a partition's log: a 48-byte header and a payload, replicated byte for byte.
///
/// A record stands for `count` consecutive offsets from `baseOffset` (X: an offset numbers one transaction, not a
/// batch). All of its offsets commit together.
/// ```
///  0 u32 CRC-32C over bytes 4..<length     4 u32 length, header included
///  8 u32 partition   12 u16 kind   14 u16 count (1...65535)
/// 16 u64 epoch       24 u64 base offset    32 i64 logged time, ms since the Unix epoch
/// 40 u64 commit offset known to the primary when it wrote the record   48 payload
/// ```
public struct LogRecord: Equatable, Sendable {
  public static var headerSize: Int { 48 }
  /// Bound of a record, so that a damaged length is never believed.
  public static var lengthMax: Int { 32 * 1024 * 1024 }

  public enum Kind: UInt16, Sendable, CaseIterable {
    /// First entry of a new primary (R7). No payload.
    case epochStart = 1
    /// Transactions with the decisions made on them.
    case decided = 2
    /// From here on this bundle decides (S1, S3). Payload: 16-byte bundle id.
    case bundleActivated = 3
    /// The sinks have everything below the offset in the payload (u64): a later primary delivers from there on (C3).
    case sinkCursor = 4
    /// Every replica writes down its state as it is behind this entry (C1, C3). No payload.
    case checkpoint = 5
    /// Transactions that are decided once other partitions have answered (X1). Payload: an `IntakeRecord`.
    case intake = 6
    /// Others' transactions, added to the entities of this partition (X2). Payload: a `ContributionsRecord`.
    case contributions = 7
    /// Decisions on intakes that stand before it (X4). Payload: `LateDecisions`.
    case decidedLater = 8
    /// Replies that came after the decision (X4). Payload: an `AcknowledgedRecord`.
    case acknowledged = 9
    /// Homes that have retired (X5). Payload: a `ForgottenRecord`.
    case forgotten = 10
    /// Contributions under this bundle may come: its features are computed beside those that already are (X6). Payload: 16-byte
    /// bundle id.
    case bundlePrepared = 11
    /// What has become known of transactions that stand before it (`Label`). Payload: a `LabelsRecord`.
    case labels = 12
    /// Hot items of lists, by which decisions go from here on. Payload: a `ListItemsRecord`.
    case listItems = 13
    /// Intake ends here: others take this partition's place (R12). Payload: a `Succession`.
    case seal = 15
    /// The coordinator has given the split or merge up; intake goes on. Payload: u32 operation.
    case unsealed = 16

    // Facts about one replica's own log. They stand in its journal only and are never replicated; `count` is 1.

    /// The partition's records at and above `baseOffset` are void (R8).
    case truncated = 100
    /// This node's copy of the partition is gone: nothing before counts any more. `baseOffset` is 0.
    case dropped = 101
    /// This replica has a partition that takes the place of others (R12): its state is theirs at their seals, which stand
    /// before it in this journal, and had committed. Stands for the child's offset 0. Payload: a `Succession`.
    case born = 105
    /// Nothing came of it. No payload.
    case unborn = 106

    public var isLocal: Bool { rawValue >= 100 }
    /// Whoever takes the record has to have the bundle that it names.
    public var namesBundle: Bool { self == .bundleActivated || self == .bundlePrepared }
    /// The sinks take it.
    public var hasDecisions: Bool { self == .decided || self == .decidedLater }
  }

  public var partition: PartitionID
  public var kind: Kind
  public var count: Int
  public var epoch: Epoch
  public var baseOffset: Offset
  public var loggedTime: Int64
  /// Everything below was committed when the record was written, so whoever replays it may apply that far (R14).
  public var commitOffset: Offset
  public var length: Int

  public var endOffset: Offset { baseOffset + count }

  public init(
    partition: PartitionID, kind: Kind, count: Int, epoch: Epoch, baseOffset: Offset, loggedTime: Int64, commitOffset: Offset, length: Int
  ) {
    self.partition = partition
    self.kind = kind
    self.count = count
    self.epoch = epoch
    self.baseOffset = baseOffset
    self.loggedTime = loggedTime
    self.commitOffset = commitOffset
    self.length = length
  }

  /// Writes the header, with the checksum over header and payload, at the front of a record whose payload already
  /// stands behind it. `record` is exactly `length` bytes.
  public func seal(_ record: UnsafeMutableRawBufferPointer) {
    precondition(record.count == length && length >= Self.headerSize && (1...65_535).contains(count))
    func put<T: FixedWidthInteger>(_ value: T, _ at: Int) { record.storeBytes(of: value.littleEndian, toByteOffset: at, as: T.self) }
    put(UInt32(length), 4)
    put(partition.rawValue, 8)
    put(kind.rawValue, 12)
    put(UInt16(count), 14)
    put(epoch.rawValue, 16)
    put(baseOffset.rawValue, 24)
    put(loggedTime, 32)
    put(commitOffset.rawValue, 40)
    put(crc32c(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(record)[4...])), 0)
  }

  /// Reads and proves the record at the front of `bytes`, which may hold more behind it.
  public init(reading bytes: UnsafeRawBufferPointer) throws(LogRecordError) {
    guard bytes.count >= Self.headerSize else { throw .truncated }
    func load<T: FixedWidthInteger>(_ at: Int, _: T.Type) -> T {
      T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
    }
    length = Int(load(4, UInt32.self))
    guard length >= Self.headerSize, length <= Self.lengthMax else { throw .badLength(length) }
    guard bytes.count >= length else { throw .truncated }
    guard load(0, UInt32.self) == crc32c(UnsafeRawBufferPointer(rebasing: bytes[4..<length])) else { throw .checksum }
    partition = PartitionID(load(8, UInt32.self))
    let code = load(12, UInt16.self)
    guard let kind = Kind(rawValue: code) else { throw .unknownKind(code) }
    self.kind = kind
    count = Int(load(14, UInt16.self))
    guard count >= 1 else { throw .badHeader }
    epoch = Epoch(load(16, UInt64.self))
    baseOffset = Offset(load(24, UInt64.self))
    loggedTime = load(32, Int64.self)
    commitOffset = Offset(load(40, UInt64.self))
  }
}

public enum LogRecordError: Error, Equatable, Sendable {
  case truncated
  case badLength(Int)
  case checksum
  case unknownKind(UInt16)
  case badHeader
}
