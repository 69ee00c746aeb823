/// An unboxed value: what it is, the program knows.
///
/// - bool, int, uint, double, duration: the bits, and 0.
/// - timestamp: seconds, and nanoseconds.
/// - string: the address and the length of bytes that outlive the evaluation.
/// - address: 128 bits, IPv4 as `::ffff:a.b.c.d`.
struct Cell {
  var bits: UInt64
  var extra: UInt64

  /// An input without a value. No timestamp, text or address that stands in an input looks like this.
  static let missing = Cell(bits: .max, extra: .max)

  var isMissing: Bool { bits & extra == .max }

  var int: Int64 { Int64(bitPattern: bits) }
  var double: Double { Double(bitPattern: bits) }
  var text: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: UnsafePointer(bitPattern: UInt(bits)), count: Int(extra))
  }
  var instant: Instant { Instant(seconds: int, nanoseconds: Int64(bitPattern: extra)) }

  init(bits: UInt64, extra: UInt64 = 0) {
    self.bits = bits
    self.extra = extra
  }

  init(_ value: Bool) { self.init(bits: value ? 1 : 0) }
  init(_ value: Int64) { self.init(bits: UInt64(bitPattern: value)) }
  init(_ value: Double) { self.init(bits: value.bitPattern) }
  init(_ value: Instant) { self.init(bits: UInt64(bitPattern: value.seconds), extra: UInt64(bitPattern: value.nanoseconds)) }
  init(_ text: UnsafeBufferPointer<UInt8>) {
    self.init(bits: UInt64(UInt(bitPattern: text.baseAddress)), extra: UInt64(text.count))
  }
  init(_ address: IPAddress) {
    self.init(bits: address.high, extra: address.isV4 ? address.low | 0xFFFF << 32 : address.low)
  }
}

/// A variable of scalar programs: a column of the feature matrix, a field of the transaction.
public struct ScalarInput: Sendable, Hashable {
  /// As expressions write it; may be qualified.
  public var name: String
  /// bool, int, uint, double, string, timestamp, duration or net.IP.
  public var type: ValueType
  /// False for what every transaction has: it needs no test, and must be set before each evaluation.
  public var mayBeMissing: Bool

  public init(_ name: String, _ type: ValueType, mayBeMissing: Bool = true) {
    self.name = name
    self.type = type
    self.mayBeMissing = mayBeMissing
  }

  static let types: Set<ValueType> = [.bool, .int, .uint, .double, .string, .timestamp, .duration, .ip]
}
