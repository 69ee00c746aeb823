/// `+ - * / %` and the sign. Integers that overflow are errors; doubles follow IEEE 754.
enum Arithmetic {
  static func negate(_ value: Value) throws(EvaluationError) -> Value? {
    switch value {
    case .int(let a): .int(try checked(Int64(0).subtractingReportingOverflow(a)))
    case .double(let a): .double(-a)
    default: nil
    }
  }

  static func apply(_ builtin: Builtin, _ a: Value, _ b: Value) throws(EvaluationError) -> Value? {
    switch (a, b) {
    case (.int(let a), .int(let b)): .int(try integer(builtin, a, b))
    case (.uint(let a), .uint(let b)): .uint(try integer(builtin, a, b))
    case (.double(let a), .double(let b)): double(builtin, a, b).map { .double($0) }
    case (.string(let a), .string(let b)): builtin == .add ? .string(a + b) : nil
    case (.bytes(let a), .bytes(let b)): builtin == .add ? .bytes(a + b) : nil
    case (.list(let a), .list(let b)): builtin == .add ? .list(a + b) : nil
    default: try time(builtin, a, b)
    }
  }

  private static func checked<T>(_ result: (partialValue: T, overflow: Bool)) throws(EvaluationError) -> T {
    guard !result.overflow else { throw EvaluationError(.overflow, "integer overflow") }
    return result.partialValue
  }

  static func integer<T: FixedWidthInteger>(_ builtin: Builtin, _ a: T, _ b: T) throws(EvaluationError) -> T {
    switch builtin {
    case .add: return try checked(a.addingReportingOverflow(b))
    case .subtract: return try checked(a.subtractingReportingOverflow(b))
    case .multiply: return try checked(a.multipliedReportingOverflow(by: b))
    case .divide:
      guard b != 0 else { throw EvaluationError(.divisionByZero, "division by zero") }
      return try checked(a.dividedReportingOverflow(by: b))
    default:
      guard b != 0 else { throw EvaluationError(.divisionByZero, "modulus by zero") }
      return try checked(a.remainderReportingOverflow(dividingBy: b))
    }
  }

  private static func double(_ builtin: Builtin, _ a: Double, _ b: Double) -> Double? {
    switch builtin {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    default: nil
    }
  }

  private static func time(_ builtin: Builtin, _ a: Value, _ b: Value) throws(EvaluationError) -> Value? {
    switch (builtin, a, b) {
    case (.add, .timestamp(let a), .duration(let b)), (.add, .duration(let b), .timestamp(let a)):
      return .timestamp(try inRange(a.adding(b), "timestamp"))
    case (.subtract, .timestamp(let a), .duration(let b)): return .timestamp(try inRange(a.adding(b, sign: -1), "timestamp"))
    case (.subtract, .timestamp(let a), .timestamp(let b)): return .duration(try inRange(a.since(b), "duration"))
    case (.add, .duration(let a), .duration(let b)):
      return .duration(Interval(nanoseconds: try checked(a.nanoseconds.addingReportingOverflow(b.nanoseconds))))
    case (.subtract, .duration(let a), .duration(let b)):
      return .duration(Interval(nanoseconds: try checked(a.nanoseconds.subtractingReportingOverflow(b.nanoseconds))))
    default: return nil
    }
  }

  private static func inRange<T>(_ value: T?, _ type: String) throws(EvaluationError) -> T {
    guard let value else { throw EvaluationError(.overflow, "\(type) out of range") }
    return value
  }
}
