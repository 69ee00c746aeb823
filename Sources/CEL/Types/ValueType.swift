/// A type as the checker knows it: finer than the types of values, which are all the same list.
public indirect enum ValueType: Hashable, Sendable, CustomStringConvertible {
  /// Any of them; known only at run time.
  case dyn
  case null, bool, int, uint, double, string, bytes, timestamp, duration, ip, cidr
  case list(ValueType)
  case map(ValueType, ValueType)
  /// The type of a type.
  case type(ValueType)
  case optional(ValueType)
  /// A type of the embedding program, with parameters.
  case abstract(String, [ValueType])
  /// `A` in a signature.
  case parameter(String)
  /// A type that is still to be found out.
  case variable(Int)
  /// Of what has been reported already.
  case error

  public var description: String {
    switch self {
    case .dyn: "dyn"
    case .null: "null_type"
    case .bool: "bool"
    case .int: "int"
    case .uint: "uint"
    case .double: "double"
    case .string: "string"
    case .bytes: "bytes"
    case .timestamp: "google.protobuf.Timestamp"
    case .duration: "google.protobuf.Duration"
    case .ip: "net.IP"
    case .cidr: "net.CIDR"
    case .list(let element): "list(\(element))"
    case .map(let key, let value): "map(\(key), \(value))"
    case .type(let type): "type(\(type))"
    case .optional(let type): "optional_type(\(type))"
    case .abstract(let name, let types):
      types.isEmpty ? name : "\(name)(\(types.map(\.description).joined(separator: ", ")))"
    case .parameter(let name): name
    case .variable: "dyn"
    case .error: "!error"
    }
  }

  var parameters: [ValueType] {
    switch self {
    case .list(let a), .type(let a), .optional(let a): [a]
    case .map(let a, let b): [a, b]
    case .abstract(_, let types): types
    default: []
    }
  }

  /// The same type with other parameters.
  func with(_ types: [ValueType]) -> ValueType {
    switch self {
    case .list: .list(types[0])
    case .type: .type(types[0])
    case .optional: .optional(types[0])
    case .map: .map(types[0], types[1])
    case .abstract(let name, _): .abstract(name, types)
    default: self
    }
  }

  /// Equal but for their parameters.
  func isSameKind(as other: ValueType) -> Bool {
    switch (self, other) {
    case (.list, .list), (.map, .map), (.type, .type), (.optional, .optional): true
    case (.abstract(let a, let types), .abstract(let b, let others)): a == b && types.count == others.count
    default: self == other
    }
  }

  /// Names that stand for types in expressions.
  static let named: [String: ValueType] = [
    "bool": .bool, "int": .int, "uint": .uint, "double": .double, "string": .string, "bytes": .bytes, "null_type": .null,
    "list": .list(.dyn), "map": .map(.dyn, .dyn), "type": .type(.dyn), "optional_type": .optional(.dyn),
    "google.protobuf.Timestamp": .timestamp, "google.protobuf.Duration": .duration, "net.IP": .ip, "net.CIDR": .cidr,
  ]
}
