/// The mathematics library: operations that IEEE 754 defines to the last bit, none of libm's others (R14).
enum MathFunctions {
  static func apply(_ builtin: Builtin, _ value: Value) throws(EvaluationError) -> Value? {
    switch (builtin, value) {
    case (.ceil, .double(let a)): return .double(a.rounded(.up))
    case (.floor, .double(let a)): return .double(a.rounded(.down))
    case (.round, .double(let a)): return .double(a.rounded(.toNearestOrAwayFromZero))
    case (.trunc, .double(let a)): return .double(a.rounded(.towardZero))
    case (.sqrt, _): return value.number.map { .double($0.asDouble.squareRoot()) }
    case (.abs, .double(let a)): return .double(a.magnitude)
    case (.abs, .uint): return value
    case (.abs, .int(let a)):
      guard a != .min else { throw EvaluationError(.overflow, "integer overflow") }
      return .int(Swift.abs(a))
    case (.sign, .double(let a)): return .double(a > 0 ? 1 : a < 0 ? -1 : a)
    case (.sign, .int(let a)): return .int(a.signum())
    case (.sign, .uint(let a)): return .uint(min(a, 1))
    case (.isNaN, .double(let a)): return .bool(a.isNaN)
    case (.isInf, .double(let a)): return .bool(a.isInfinite)
    case (.isFinite, .double(let a)): return .bool(a.isFinite)
    case (.bitNot, .int(let a)): return .int(~a)
    case (.bitNot, .uint(let a)): return .uint(~a)
    default: return nil
    }
  }

  static func apply(_ builtin: Builtin, _ a: Value, _ b: Value) throws(EvaluationError) -> Value? {
    if builtin == .bitShiftLeft || builtin == .bitShiftRight { return try shift(a, b, isLeft: builtin == .bitShiftLeft) }
    switch (a, b) {
    case (.int(let a), .int(let b)): return .int(bits(builtin, a, b))
    case (.uint(let a), .uint(let b)): return .uint(bits(builtin, a, b))
    default: return nil
    }
  }

  private static func bits<T: FixedWidthInteger>(_ builtin: Builtin, _ a: T, _ b: T) -> T {
    builtin == .bitAnd ? a & b : builtin == .bitOr ? a | b : a ^ b
  }

  /// Bits that leave are lost, zeros follow, on either side and whatever the sign.
  private static func shift(_ value: Value, _ count: Value, isLeft: Bool) throws(EvaluationError) -> Value? {
    guard case .int(let count) = count else { return nil }
    func shifted(_ bits: UInt64) throws(EvaluationError) -> UInt64 {
      guard count >= 0 else { throw EvaluationError(.invalidArgument, "a shift by a negative number of bits") }
      return isLeft ? bits << UInt64(count) : bits >> UInt64(count)
    }
    switch value {
    case .int(let bits): return .int(Int64(bitPattern: try shifted(UInt64(bitPattern: bits))))
    case .uint(let bits): return .uint(try shifted(bits))
    default: return nil
    }
  }

  /// The first of equals.
  static func extreme(_ builtin: Builtin, _ arguments: [Value]) throws(EvaluationError) -> Value? {
    var values = arguments
    if arguments.count == 1, case .list(let list) = arguments[0] {
      guard !list.isEmpty else { throw EvaluationError(.invalidArgument, "\(builtin.rawValue)() of an empty list") }
      values = list
    }
    guard values.allSatisfy({ $0.number != nil }) else { return nil }
    let wanted: Value.Order = builtin == .greatest ? .greater : .less
    return values.dropFirst().reduce(values[0]) { Value.order($1, $0) == wanted ? $1 : $0 }
  }
}
