import CEL
import Wire

/// A condition on a transaction and its features, in CEL, and what follows when it holds.
public struct Rule: Equatable, Sendable {
  /// Unique in its bundle.
  public var id: String
  /// A bool over the bundle's inputs.
  public var expression: String
  /// Machine-readable, such as `AMOUNT_ABOVE_HABIT`.
  public var reasonCode: String
  /// For a person: text with CEL expressions in braces, as in `{amount} is {amount / mean} times the habit`; `{{` is a brace.
  public var text: String
  public var effect: Effect
  public var mode: Mode
  public var failureMode: FailureMode

  public enum Effect: Equatable, Sendable {
    /// Added to the score of the rules.
    case score(Double)
    case action(Decision.Action)
  }

  public enum Mode: String, Sendable, CaseIterable {
    case on
    /// Evaluated and counted, without effect.
    case shadow
    /// Checked with its bundle, not evaluated.
    case off
  }

  /// What a rule that can't be evaluated does: an input is missing, an integer overflows.
  public enum FailureMode: String, Sendable, CaseIterable {
    /// As if it didn't hold.
    case open
    /// As if it held.
    case closed
    /// Sends the transaction to a person.
    case review
  }

  public init(
    id: String, expression: String, reasonCode: String, text: String, effect: Effect, mode: Mode = .on, failureMode: FailureMode = .open
  ) {
    self.id = id
    self.expression = expression
    self.reasonCode = reasonCode
    self.text = text
    self.effect = effect
    self.mode = mode
    self.failureMode = failureMode
  }
}

/// Why a bundle's rules were refused: which rule, which part of it, and what the language says.
public struct RuleError: Error, CustomStringConvertible, Sendable {
  public enum Part: String, Sendable { case id, expression, text }

  public var rule: String
  public var part: Part
  /// With places in the part's text.
  public var error: ExpressionError

  init(rule: String, part: Part, error: ExpressionError) {
    (self.rule, self.part, self.error) = (rule, part, error)
  }

  init(rule: String, part: Part, _ text: String, at offset: Int, _ message: String) {
    self.init(
      rule: rule, part: part,
      error: ExpressionError(source: SourceText(text), issues: [ExpressionIssue(offset: offset, message: message)]))
  }

  public var description: String { "rule '\(rule)', \(part): \(error.description)" }
}
