/// Why an evaluation has no value. `&&`, `||`, `all` and `exists` may do without the operand that failed.
public struct EvaluationError: Error, Sendable, CustomStringConvertible {
  public enum Code: UInt8, Sendable {
    case noSuchOverload = 1
    /// No variable, or no function, of this name.
    case unknownName
    /// A map has no such key, an input is missing.
    case noSuchField
    case divisionByZero
    case overflow
    /// An index or an argument that the function refuses.
    case invalidArgument
    /// A text that can't be read as what it was to become.
    case conversion
    /// `ExpressionLimits.stepsMax`: nothing absorbs this one.
    case tooCostly
  }

  public var code: Code
  public var message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }

  static func noOverload(_ function: String, _ arguments: [Value]) -> EvaluationError {
    EvaluationError(.noSuchOverload, "no such overload: \(function)(\(arguments.map(\.typeName).joined(separator: ", ")))")
  }
}
