/// An expression whose names have been found and whose types are known.
public struct CheckedExpression: Sendable {
  public let source: SourceText
  public let expression: Expression
  /// Of the value.
  public let type: ValueType
  /// By the numbers of nodes.
  let types: [Int: ValueType]
  let references: [Int: Reference]

  /// What a name or a call turned out to be.
  enum Reference: Sendable {
    /// A variable of the environment, by its full name.
    case variable(String)
    /// A table of the environment, by its full name.
    case table(String)
    /// A variable of a comprehension or a binding.
    case local(String)
    case constant(Value)
    /// `isMethod`: the target is the first argument; otherwise it was a piece of the function's name.
    case function(Builtin, isMethod: Bool)
    /// Found to fail whenever it is evaluated.
    case failure(EvaluationError)
  }
}

extension CheckedExpression {
  /// Reads and checks. Without `isStrict`, what the checker would refuse fails when it is evaluated instead.
  ///
  /// - Throws: everything that was found wrong, with places.
  public static func check(
    _ text: String, in environment: Environment, isStrict: Bool = true
  ) throws(ExpressionError) -> CheckedExpression {
    let source = SourceText(text)
    let expression = try Parser.parse(source, limits: environment.limits)
    var checker = Checker(environment: environment, isStrict: isStrict)
    let type = checker.check(expression)
    guard checker.issues.isEmpty else {
      throw ExpressionError(source: source, issues: checker.issues.sorted { $0.offset < $1.offset })
    }
    return CheckedExpression(
      source: source, expression: expression, type: checker.unifier.closed(type),
      types: checker.types.mapValues { checker.unifier.closed($0) }, references: checker.references)
  }
}
