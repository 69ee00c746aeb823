/// Optionals' methods.
enum OptionalFunctions {
  static func apply(_ builtin: Builtin, _ value: Value) throws(EvaluationError) -> Value? {
    guard case .optional(let inner) = value else { return nil }
    if builtin == .hasValue { return .bool(inner != nil) }
    guard let inner else { throw EvaluationError(.invalidArgument, "optional.none() has no value") }
    return inner
  }

  static func apply(_ builtin: Builtin, _ value: Value, _ other: Value) -> Value? {
    guard case .optional(let inner) = value else { return nil }
    if builtin == .orValue { return inner ?? other }
    guard case .optional = other else { return nil }
    return inner == nil ? other : value
  }
}
