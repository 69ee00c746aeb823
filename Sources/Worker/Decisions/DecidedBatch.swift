import Wire

/// Payload of a `decided` log record: transactions and the decisions made on them, in columns.
///
/// ```
///  0 u64 u64 bundle id    16 u32 bytes of transactions    20 u16 features a row    22 u16 form: 0, or 1 where a list version follows
/// 24 in form 1 u64 version of the lists' hot items
///    transaction records, one behind the other
///    decisions: 16 bytes a row        features: a row-major matrix of f64, features-a-row wide
/// ```
/// The number of rows is the record's `count`.
public struct DecidedBatch: ~Escapable {
  static var fixedSize: Int { 24 }

  public let bundle: BundleID
  /// Of the hot items that lay over the bundle's lists; 0 before there were any.
  public let listVersion: UInt64
  public let rowCount: Int
  public let featureCount: Int
  let bytes: RawSpan
  let transactionBytes: Int
  /// Where the transactions begin.
  var headerSize: Int { Self.headerSize(listVersion) }

  /// Trusts what the record's checksum has proven, but never a length.
  @_lifetime(copy payload)
  public init(reading payload: RawSpan, rowCount: Int) throws(WireError) {
    var reader = WireReader(payload)
    bundle = BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    transactionBytes = Int(try reader.read(UInt32.self))
    featureCount = Int(try reader.read(UInt16.self))
    let form = try reader.read(UInt16.self)
    guard form <= 1 else { throw .invalid(at: 22, "there is no form \(form)") }
    listVersion = form == 1 ? try reader.read(UInt64.self) : 0
    guard form == 0 || listVersion > 0 else { throw .invalid(at: 24, "list versions begin with 1") }
    let rest = rowCount * (Decision.size + featureCount * 8)
    guard reader.remaining == transactionBytes + rest else {
      throw .invalid(at: 16, "\(rowCount) rows need \(transactionBytes + rest) bytes, there are \(reader.remaining)")
    }
    self.rowCount = rowCount
    bytes = payload
  }

  static func headerSize(_ listVersion: UInt64) -> Int { listVersion == 0 ? fixedSize : fixedSize + 8 }

  public static func payloadSize(rowCount: Int, transactionBytes: Int, featureCount: Int, listVersion: UInt64 = 0) -> Int {
    headerSize(listVersion) + transactionBytes + rowCount * (Decision.size + featureCount * 8)
  }

  public func decision(_ row: Int) -> Decision? {
    let at = headerSize + transactionBytes + row * Decision.size
    return Decision(reading: bytes.extracting(at..<at + Decision.size))
  }

  /// Feature values of a row as raw doubles.
  @_lifetime(copy self)
  public func features(_ row: Int) -> RawSpan {
    let at = headerSize + transactionBytes + rowCount * Decision.size + row * featureCount * 8
    return bytes.extracting(at..<at + featureCount * 8)
  }

  /// Byte ranges of the transactions in the payload.
  public func locateTransactions(into ranges: inout [Range<Int>]) throws(WireError) {
    var at = headerSize
    let end = at + transactionBytes
    for _ in 0..<rowCount {
      guard at + TransactionView.fixedSize <= end else { throw .truncated(at: at, needed: at + TransactionView.fixedSize - end) }
      let length = Int(UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt16.self)))
      guard length >= TransactionView.fixedSize, at + length <= end else { throw .invalid(at: at, "a transaction overruns its column") }
      ranges.append(at..<at + length)
      at += length
    }
    guard at == end else { throw .leftOver(at: at, end - at) }
  }

  /// The payload's bytes at `range`, as `locateTransactions` gave it.
  @_lifetime(copy self)
  public func transaction(_ range: Range<Int>) -> TransactionView { TransactionView(trusted: bytes.extracting(range)) }

  /// Writes a payload: transaction records one behind the other, and a row of `features` for each decision.
  static func write(
    bundle: BundleID, listVersion: UInt64 = 0, transactions: [UInt8], decisions: [Decision], features: [Double], to out: inout WireWriter
  ) {
    out.write(bundle.high)
    out.write(bundle.low)
    out.write(UInt32(transactions.count))
    out.write(UInt16(decisions.isEmpty ? 0 : features.count / decisions.count))
    out.write((listVersion == 0 ? 0 : 1) as UInt16)
    if listVersion > 0 { out.write(listVersion) }
    transactions.withUnsafeBytes { out.write(raw: $0) }
    withUnsafeTemporaryAllocation(byteCount: Decision.size, alignment: 8) { bytes in
      for decision in decisions {
        decision.write(to: bytes.baseAddress!)
        out.write(raw: UnsafeRawBufferPointer(bytes))
      }
    }
    for value in features { out.write(value) }
  }
}
