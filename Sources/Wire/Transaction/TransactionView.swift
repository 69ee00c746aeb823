/// One transaction as bytes: the same on the wire, in the log and in the feature engine, so that nothing between a
/// client and a decision copies it field by field.
///
/// Layout, little endian; `n` is the sum of all lengths:
/// ```
///  0 u16 length of the whole record    2 u8 layout version (1)   3 u8 channel    4 u8 entry mode   5 u8 length of ip (0, 4, 16)
///  6 u16 currency (ISO 4217 numeric)   8 i64 event time, ms      16 i64 amount, minor units
/// 24 u16 country (two ASCII letters, 0 = none)  26 u16 MCC (0xFFFF = none)
/// 28 u8 lengths of id, card, customer, merchant, terminal, device   34 u8 count of extra fields  35 u8 reserved (0)
/// 36 id, card, customer, merchant, terminal, device, ip, then each extra field (see `ExtraField`)
/// ```
public struct TransactionView: ~Escapable {
  public static var fixedSize: Int { 36 }
  public static var sizeMax: Int { 16_384 }
  public static var layoutVersion: UInt8 { 1 }
  public static var tokenLengthMax: Int { 128 }
  public static var noMCC: UInt16 { 0xFFFF }

  public let bytes: RawSpan

  /// Trusts the bytes: for records that `TransactionView.check` has passed (anything read back from the log).
  @inlinable @_lifetime(copy bytes) public init(trusted bytes: RawSpan) { self.bytes = bytes }

  @inlinable public var length: Int { Int(load(0, UInt16.self)) }
  @inlinable public var channel: Channel { Channel(rawValue: byte(3)) ?? .unknown }
  @inlinable public var entryMode: EntryMode { EntryMode(rawValue: byte(4)) ?? .unknown }
  @inlinable public var currency: Currency { Currency(numeric: load(6, UInt16.self)) }
  @inlinable public var eventTime: Int64 { load(8, Int64.self) }
  @inlinable public var amount: Int64 { load(16, Int64.self) }
  @inlinable public var country: Country { Country(code: load(24, UInt16.self)) }
  /// Merchant category code (ISO 18245), nil where the transaction has none.
  @inlinable public var mcc: UInt16? {
    let code = load(26, UInt16.self)
    return code == Self.noMCC ? nil : code
  }
  @inlinable public var extraCount: Int { Int(byte(34)) }

  @inlinable public var id: RawSpan { @_lifetime(copy self) get { part(0) } }
  @inlinable public var card: RawSpan { @_lifetime(copy self) get { part(1) } }
  @inlinable public var customer: RawSpan { @_lifetime(copy self) get { part(2) } }
  @inlinable public var merchant: RawSpan { @_lifetime(copy self) get { part(3) } }
  @inlinable public var terminal: RawSpan { @_lifetime(copy self) get { part(4) } }
  @inlinable public var device: RawSpan { @_lifetime(copy self) get { part(5) } }
  /// 4 or 16 bytes in network order, or none.
  @inlinable public var ip: RawSpan {
    @_lifetime(copy self) get {
      let start = extrasStart - Int(byte(5))
      return bytes.extracting(start..<extrasStart)
    }
  }
  /// The extra fields' bytes; read them with `ExtraField.Iterator`.
  @inlinable public var extras: RawSpan { @_lifetime(copy self) get { bytes.extracting(extrasStart..<bytes.byteCount) } }

  @inlinable public var keyHash: KeyHash { KeyHash(of: card, kind: .card) }

  @inlinable var extrasStart: Int {
    var at = Self.fixedSize
    for i in 0..<6 { at += Int(byte(28 + i)) }
    return at + Int(byte(5))
  }

  @inlinable @_lifetime(copy self) func part(_ index: Int) -> RawSpan {
    var at = Self.fixedSize
    for i in 0..<index { at += Int(byte(28 + i)) }
    return bytes.extracting(at..<at + Int(byte(28 + index)))
  }

  @inlinable @inline(__always) func byte(_ at: Int) -> UInt8 { bytes.unsafeLoad(fromByteOffset: at, as: UInt8.self) }

  @inlinable @inline(__always) func load<T: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _: T.Type) -> T {
    T(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at, as: T.self))
  }
}
