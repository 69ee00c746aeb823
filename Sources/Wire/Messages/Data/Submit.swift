/// A batch of transactions, from a client to any worker, or from a worker to the home partition's primary.
///
/// ```
///  0 i64 first sent, ms since the Unix epoch: when the oldest row of the batch was first tried
///  8 u32 deadline, ms the sender still waits    12 u8 flags    13 u8 reserved (0)    14 u16 rows (1...10,000)
/// 16 the rows: transaction records, each with its own length; with `labels`, each with a `Label` behind it
/// ```
///
/// Labels take the way of transactions, to the same home partitions, with the same retries: a frame has one or the other.
public struct Submit: Equatable, Sendable {
  public static var headerSize: Int { 16 }
  public static var rowsMax: Int { 10_000 }

  public struct Flags: OptionSet, Sendable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The answer carries each decision's features.
    public static var withFeatures: Flags { Flags(rawValue: 1) }
    /// Passed on by a worker: whoever gets it answers for its own partitions only, so that maps that disagree can't
    /// send a batch round in circles.
    public static var forwarded: Flags { Flags(rawValue: 2) }
    /// A payment is waiting: goes before bulk traffic when a queue forms.
    public static var interactive: Flags { Flags(rawValue: 4) }
    /// The rows are labels of transactions that were decided before: the transaction as it was submitted, then the label. They are
    /// answered as applied, not decided.
    public static var labels: Flags { Flags(rawValue: 8) }
    static var known: Flags { [.withFeatures, .forwarded, .interactive, .labels] }
  }

  public var firstSent: Int64
  public var deadlineMilliseconds: UInt32
  public var flags: Flags
  public var rowCount: Int

  public init(firstSent: Int64, deadlineMilliseconds: UInt32, flags: Flags, rowCount: Int) {
    self.firstSent = firstSent
    self.deadlineMilliseconds = deadlineMilliseconds
    self.flags = flags
    self.rowCount = rowCount
  }

  public func write(rows: borrowing RawSpan, to out: inout WireWriter) {
    out.write(firstSent)
    out.write(deadlineMilliseconds)
    out.write(flags.rawValue)
    out.write(0 as UInt8)
    out.write(UInt16(rowCount))
    out.write(raw: rows)
  }

  /// Reads the header; the rows follow at `headerSize`. Each row's own length is checked by `RowCursor`.
  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    firstSent = try reader.read(Int64.self)
    deadlineMilliseconds = try reader.read(UInt32.self)
    flags = Flags(rawValue: try reader.read(UInt8.self))
    guard Flags.known.isSuperset(of: flags), try reader.read(UInt8.self) == 0 else {
      throw .invalid(at: 12, "unknown flags")
    }
    rowCount = Int(try reader.read(UInt16.self))
    guard rowCount >= 1, rowCount <= Self.rowsMax else { throw .overLimit(at: 14, rowCount, limit: Self.rowsMax) }
  }

  /// Byte ranges of the rows in `payload` (with their labels), appended to `rows`. Refuses rows that overrun and bytes left over; a row's
  /// contents are judged later, one by one, by the schema.
  public func locateRows(in payload: RawSpan, into rows: inout [Range<Int>]) throws(WireError) {
    var at = Self.headerSize
    let tail = flags.contains(.labels) ? Label.encodedSize : 0
    for _ in 0..<rowCount {
      guard at + 2 <= payload.byteCount else { throw .truncated(at: at, needed: at + 2 - payload.byteCount) }
      let length = Int(UInt16(littleEndian: payload.unsafeLoadUnaligned(fromByteOffset: at, as: UInt16.self)))
      guard length >= TransactionView.fixedSize, length <= TransactionView.sizeMax else {
        throw .invalid(at: at, "a row of \(length) bytes; a transaction has \(TransactionView.fixedSize) to \(TransactionView.sizeMax)")
      }
      let end = at + length + tail
      guard end <= payload.byteCount else { throw .truncated(at: at, needed: end - payload.byteCount) }
      rows.append(at..<end)
      at = end
    }
    guard at == payload.byteCount else { throw .leftOver(at: at, payload.byteCount - at) }
  }
}
