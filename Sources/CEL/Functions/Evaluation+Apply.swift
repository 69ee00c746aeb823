extension Evaluation {
  /// Calls a function with its arguments, a method's target first.
  mutating func apply(_ builtin: Builtin, _ arguments: [Value]) throws(EvaluationError) -> Value {
    for argument in arguments { try charge(argument.cost) }
    let result: Value?
    switch arguments.count {
    case 0: result = builtin == .optionalNone ? .optional(nil) : nil
    case 1: result = try applyOne(builtin, arguments[0])
    case 2: result = try applyTwo(builtin, arguments[0], arguments[1])
    default: result = try applyMany(builtin, arguments)
    }
    guard let result else { throw .noOverload(builtin.symbol, arguments) }
    return result
  }

  /// Operators of two operands take no array.
  mutating func apply(_ builtin: Builtin, _ a: Value, _ b: Value) throws(EvaluationError) -> Value {
    try charge(a.cost + b.cost)
    guard let result = try applyTwo(builtin, a, b) else { throw .noOverload(builtin.symbol, [a, b]) }
    return result
  }

  private mutating func applyOne(_ builtin: Builtin, _ a: Value) throws(EvaluationError) -> Value? {
    switch builtin {
    case .not:
      guard case .bool(let a) = a else { return nil }
      return .bool(!a)
    case .negate: return try Arithmetic.negate(a)
    case .bool, .bytes, .double, .duration, .int, .string, .timestamp, .uint, .type, .dyn: return try Conversion.apply(builtin, a)
    case .size: return Self.size(a)
    case .optionalOf: return .optional(a)
    case .optionalOfNonZeroValue: return .optional(a.isZero ? nil : a)
    case .hasValue, .value: return try OptionalFunctions.apply(builtin, a)
    case .ip, .isIP, .cidr, .isCIDR, .isCanonical, .family, .isUnspecified, .isLoopback, .isGlobalUnicast, .isLinkLocalMulticast,
      .isLinkLocalUnicast, .masked, .prefixLength:
      return try NetworkFunctions.apply(builtin, a)
    case .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getFullYear, .getHours, .getMilliseconds, .getMinutes, .getMonth,
      .getSeconds:
      return TimeFunctions.apply(builtin, a)
    case .greatest, .least: return try MathFunctions.extreme(builtin, [a])
    case .ceil, .floor, .round, .trunc, .sqrt, .abs, .sign, .isNaN, .isInf, .isFinite, .bitNot: return try MathFunctions.apply(builtin, a)
    case .join: return try join(a, "")
    case .base64Encode, .base64Decode: return try Base64.apply(builtin, a)
    default:
      guard case .string(let text) = a else { return nil }
      return StringFunctions.apply(builtin, text)
    }
  }

  private mutating func applyTwo(_ builtin: Builtin, _ a: Value, _ b: Value) throws(EvaluationError) -> Value? {
    switch builtin {
    case .equal: return .bool(try equal(a, b))
    case .notEqual: return .bool(try !equal(a, b))
    case .less: return Value.order(a, b).map { .bool($0 == .less) }
    case .lessOrEqual: return Value.order(a, b).map { .bool($0 == .less || $0 == .equal) }
    case .greater: return Value.order(a, b).map { .bool($0 == .greater) }
    case .greaterOrEqual: return Value.order(a, b).map { .bool($0 == .greater || $0 == .equal) }
    case .add, .subtract, .multiply, .divide, .remainder: return try Arithmetic.apply(builtin, a, b)
    case .contained: return try contained(a, in: b)
    case .index: return try Self.index(a, b)
    case .optionalIndex: return try Self.optionalIndex(a, b)
    case .optionalSelect:
      guard case .string(let name) = b else { return nil }
      return try Self.optionalField(name, of: a)
    case .or_, .orValue: return OptionalFunctions.apply(builtin, a, b)
    case .containsIP, .containsCIDR: return try NetworkFunctions.apply(builtin, a, b)
    case .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getFullYear, .getHours, .getMilliseconds, .getMinutes, .getMonth,
      .getSeconds:
      guard case .string(let zone) = b else { return nil }
      return try TimeFunctions.apply(builtin, a, zone: zone, zones)
    case .greatest, .least: return try MathFunctions.extreme(builtin, [a, b])
    case .bitAnd, .bitOr, .bitXor, .bitShiftLeft, .bitShiftRight: return try MathFunctions.apply(builtin, a, b)
    case .join:
      guard case .string(let separator) = b else { return nil }
      return try join(a, separator)
    case .matches:
      guard case .string = a, case .string(let text) = b else { return nil }
      return .bool(try matches(a, Self.pattern(text)))
    case .format:
      guard case .string(let template) = a, case .list(let values) = b else { return nil }
      return .string(try format(template, values))
    default:
      guard case .string(let text) = a else { return nil }
      return try StringFunctions.apply(builtin, text, b)
    }
  }

  private mutating func applyMany(_ builtin: Builtin, _ arguments: [Value]) throws(EvaluationError) -> Value? {
    switch builtin {
    case .greatest, .least: return try MathFunctions.extreme(builtin, arguments)
    case .replace: return try replace(arguments)
    default:
      guard case .string(let text) = arguments[0] else { return nil }
      return try StringFunctions.apply(builtin, text, arguments[1], arguments[2], count: arguments.count)
    }
  }

  // MARK: Of several types

  private static func size(_ value: Value) -> Value? {
    switch value {
    case .string(let text): .int(Int64(text.unicodeScalars.count))
    case .bytes(let bytes): .int(Int64(bytes.count))
    case .list(let list): .int(Int64(list.count))
    case .map(let map): .int(Int64(map.count))
    default: nil
    }
  }

  private mutating func equal(_ a: Value, _ b: Value) throws(EvaluationError) -> Bool {
    let result = Value.equal(a, b, &steps)
    try charge(0)
    return result
  }

  private mutating func contained(_ value: Value, in container: Value) throws(EvaluationError) -> Value? {
    switch container {
    case .list(let list):
      for element in list where try equal(value, element) { return .bool(true) }
      return .bool(false)
    case .map(let map): return .bool(map[value] != nil)
    default: return nil
    }
  }

  private static func index(_ container: Value, _ key: Value) throws(EvaluationError) -> Value? {
    switch container {
    case .list(let list):
      let index = try place(key)
      guard index >= 0, index < list.count else { throw EvaluationError(.invalidArgument, "index out of range: \(index)") }
      return list[Int(index)]
    case .map(let map):
      guard let value = map[key] else { throw EvaluationError(.noSuchField, "no such key") }
      return value
    case .optional: return try optionalIndex(container, key)
    default: return nil
    }
  }

  private static func optionalIndex(_ container: Value, _ key: Value) throws(EvaluationError) -> Value? {
    switch container {
    case .list(let list):
      let index = try place(key)
      return .optional(index >= 0 && index < list.count ? list[Int(index)] : nil)
    case .map(let map): return .optional(map[key])
    case .optional(let inner):
      guard let inner else { return container }
      return try optionalIndex(inner, key)
    default: return nil
    }
  }

  /// Any number that is whole.
  private static func place(_ key: Value) throws(EvaluationError) -> Int64 {
    guard let number = key.number else { throw EvaluationError(.noSuchOverload, "a \(key.typeName) is no index of a list") }
    guard let index = number.asInt else { throw EvaluationError(.invalidArgument, "an index is a whole number") }
    return index
  }

  private static func pattern(_ text: String) throws(EvaluationError) -> Pattern {
    do throws(PatternError) { return try Pattern(text) } catch { throw EvaluationError(.invalidArgument, error.message) }
  }

  mutating func matches(_ value: Value, _ pattern: Pattern) throws(EvaluationError) -> Bool {
    guard case .string(var text) = value else { throw .noOverload("matches", [value]) }
    try charge(text.utf8.count * pattern.steps.count / 16)
    return text.withUTF8 { matcher.matches(pattern, $0) }
  }
}

extension Value {
  /// Steps for taking the value as an argument: what a function does is proportional to it.
  var cost: Int {
    switch self {
    case .string(let text): text.utf8.count / 16
    case .bytes(let bytes): bytes.count / 16
    case .list(let list): list.count / 4
    default: 0
    }
  }
}
