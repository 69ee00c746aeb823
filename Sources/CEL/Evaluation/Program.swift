/// A compiled expression: immutable, shared by threads.
public struct Program: Sendable {
  public let source: SourceText
  public let type: ValueType
  /// The variables that it reads, in the order in which `evaluate(inputs:)` takes them.
  public let inputs: [String]
  let plan: Plan
  private let slotCount: Int
  private let zones: ZoneTable
  private let stepsMax: Int

  public init(_ checked: CheckedExpression, in environment: Environment) {
    var planner = Planner(checked, environment)
    plan = planner.plan(checked.expression)
    (source, type, inputs, slotCount) = (checked.source, checked.type, planner.inputs, planner.slotCount)
    (zones, stepsMax) = (environment.zones, environment.limits.stepsMax)
  }

  /// Reads, checks and compiles.
  public init(_ text: String, in environment: Environment) throws(ExpressionError) {
    self.init(try CheckedExpression.check(text, in: environment), in: environment)
  }

  /// `inputs`: one for each of `self.inputs`; nil for a variable without a value. `time` is when tables are asked; `replacing` says
  /// which is asked in the place of another.
  public func evaluate(
    inputs: [Value?], time: Int64 = 0, replacing: ((any MemberTable) -> any MemberTable)? = nil
  ) throws(EvaluationError) -> Value {
    precondition(inputs.count == self.inputs.count)
    var evaluation = Evaluation(inputs: inputs, slotCount: slotCount, zones: zones, steps: stepsMax, time: time)
    evaluation.replacing = replacing
    return try evaluation.value(of: plan)
  }

  public func evaluate(_ variables: [String: Value] = [:]) throws(EvaluationError) -> Value {
    try evaluate(inputs: inputs.map { variables[$0] })
  }
}
