/// A value of the language, boxed: for variables, constants and results of the general evaluator.
public enum Value: Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  case double(Double)
  /// Code points, never normalised: two texts are equal if their bytes are.
  case string(String)
  case bytes([UInt8])
  case list([Value])
  case map(MapValue)
  case timestamp(Instant)
  case duration(Interval)
  /// By its name: `int`, `list`, `google.protobuf.Timestamp`.
  case type(String)
  indirect case optional(Value?)
  case ip(IPAddress)
  case cidr(AddressRange)

  /// The name of the value's type: what `type(x)` gives.
  public var typeName: String {
    switch self {
    case .null: "null_type"
    case .bool: "bool"
    case .int: "int"
    case .uint: "uint"
    case .double: "double"
    case .string: "string"
    case .bytes: "bytes"
    case .list: "list"
    case .map: "map"
    case .timestamp: "google.protobuf.Timestamp"
    case .duration: "google.protobuf.Duration"
    case .type: "type"
    case .optional: "optional_type"
    case .ip: "net.IP"
    case .cidr: "net.CIDR"
    }
  }

  /// Zero, false, empty, null: what `optional.ofNonZeroValue` leaves out.
  var isZero: Bool {
    switch self {
    case .null: true
    case .bool(let value): !value
    case .int(let value): value == 0
    case .uint(let value): value == 0
    case .double(let value): value == 0
    case .string(let value): value.isEmpty
    case .bytes(let value): value.isEmpty
    case .list(let value): value.isEmpty
    case .map(let value): value.count == 0
    case .timestamp(let value): value == Instant(seconds: 0, nanoseconds: 0)
    case .duration(let value): value.nanoseconds == 0
    case .optional(let value): value == nil
    case .type, .ip, .cidr: false
    }
  }

  /// The numeric value if it is one.
  var number: Number? {
    switch self {
    case .int(let value): .int(value)
    case .uint(let value): .uint(value)
    case .double(let value): .double(value)
    default: nil
    }
  }
}
