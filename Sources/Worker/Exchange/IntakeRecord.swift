import Wire

/// Payload of an `intake` log record at the home partition: transactions that are decided once others have answered
/// (X1). The home entity's features are not in it: every replica computes them at this place (R14).
///
/// ```
///  0 u64 u64 bundle that decides them   16 u32 bytes of transactions   20 u32 reserved (0)
/// 24 transaction records, one behind the other; then u8 slots a row: the entities that each contributes to
/// ```
/// The number of rows is the record's `count`.
public struct IntakeRecord: ~Escapable {
  public static var headerSize: Int { 24 }

  public let bundle: BundleID
  public let rowCount: Int
  let bytes: RawSpan
  let transactionBytes: Int

  /// Trusts what the record's checksum has proven, but never a length.
  @_lifetime(copy payload)
  public init(reading payload: RawSpan, rowCount: Int) throws(WireError) {
    var reader = WireReader(payload)
    bundle = BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    transactionBytes = Int(try reader.read(UInt32.self))
    guard try reader.read(UInt32.self) == 0 else { throw .invalid(at: 20, "reserved bytes are not 0") }
    guard reader.remaining == transactionBytes + rowCount else {
      throw .invalid(at: 16, "\(rowCount) rows need \(transactionBytes + rowCount) bytes, there are \(reader.remaining)")
    }
    self.rowCount = rowCount
    bytes = payload
  }

  public static func payloadSize(rowCount: Int, transactionBytes: Int) -> Int { headerSize + transactionBytes + rowCount }

  public func slots(_ row: Int) -> EntitySlots {
    EntitySlots(rawValue: bytes.unsafeLoad(fromByteOffset: Self.headerSize + transactionBytes + row, as: UInt8.self))
  }

  /// Byte ranges of the transactions in the payload.
  public func locateTransactions(into ranges: inout [Range<Int>]) throws(WireError) {
    var at = Self.headerSize
    let end = at + transactionBytes
    for row in 0..<rowCount {
      guard at + TransactionView.fixedSize <= end else { throw .truncated(at: at, needed: at + TransactionView.fixedSize - end) }
      let length = Int(UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt16.self)))
      guard length >= TransactionView.fixedSize, at + length <= end else { throw .invalid(at: at, "a transaction overruns its column") }
      guard slots(row).isSubset(of: .foreign) else { throw .invalid(at: end + row, "no such entities") }
      ranges.append(at..<at + length)
      at += length
    }
    guard at == end else { throw .leftOver(at: at, end - at) }
  }

  /// The payload's bytes at `range`, as `locateTransactions` gave it.
  @_lifetime(copy self)
  public func transaction(_ range: Range<Int>) -> TransactionView { TransactionView(trusted: bytes.extracting(range)) }

  /// Writes a payload; `transactions` and `slots` have a row each.
  public static func write(bundle: BundleID, transactions: [[UInt8]], slots: [EntitySlots], to out: inout WireWriter) {
    precondition(transactions.count == slots.count)
    out.write(bundle.high)
    out.write(bundle.low)
    out.write(UInt32(transactions.reduce(0) { $0 + $1.count }))
    out.write(0 as UInt32)
    for transaction in transactions { transaction.withUnsafeBytes { out.write(raw: $0) } }
    for slots in slots { out.write(slots.rawValue) }
  }

  /// The same for rows of a `Submit`, into exactly `payloadSize` bytes.
  static func write(
    bundle: BundleID, rows: [(range: Range<Int>, slots: EntitySlots)], of payload: UnsafeRawBufferPointer,
    to out: UnsafeMutableRawBufferPointer
  ) {
    var at = headerSize
    for row in rows {
      (out.baseAddress! + at).copyMemory(from: payload.baseAddress! + row.range.lowerBound, byteCount: row.range.count)
      at += row.range.count
    }
    out.storeBytes(of: bundle.high.littleEndian, as: UInt64.self)
    out.storeBytes(of: bundle.low.littleEndian, toByteOffset: 8, as: UInt64.self)
    out.storeBytes(of: UInt32(at - headerSize).littleEndian, toByteOffset: 16, as: UInt32.self)
    out.storeBytes(of: 0, toByteOffset: 20, as: UInt32.self)
    for row in rows {
      out[at] = row.slots.rawValue
      at += 1
    }
  }
}
