/// Bounds of an expression, so that neither its reading nor its evaluation can exhaust a thread.
///
/// The specification demands 32 repetitions of repeating rules and 12 of recursive ones; ours are far above.
public struct ExpressionLimits: Sendable {
  /// Bytes of text.
  public var textBytesMax = 65_536
  /// Nested parentheses, brackets, braces, operands: what costs the parser a stack frame.
  public var nestingMax = 200
  /// Height of the tree; a row of `a + b + c` is as high as it is long. `&&` and `||` in a row count once.
  public var heightMax = 250
  /// Comprehensions inside comprehensions: each level multiplies the work.
  public var comprehensionNestingMax = 4
  /// Evaluations inside one another, of bindings that ask for one another: what a thread's stack holds.
  let depthMax = 600
  /// Nodes evaluated, elements visited, and bytes of text produced (16 a step), in one evaluation.
  public var stepsMax = 1_000_000

  public init() {}
}
