/// Why a model can't be used: what happened, where in the file, and what to do about it.
public struct ModelError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Code: String, Sendable, CaseIterable {
    /// Not the format it is said to be: broken JSON, missing members, values of another type.
    case malformed
    /// Well-formed, but a form that isn't supported (multi-class, categorical splits, an unknown objective).
    case unsupported
    /// The parts contradict one another: indices out of bounds, cycles, unequal lengths, numbers that aren't finite.
    case inconsistent
    /// A feature that the feature set doesn't have, or names that are missing or repeated.
    case features
    /// Larger than the stated limits (`TreeLimits`).
    case tooLarge
    /// Training data or options that no model can be made from.
    case training
  }

  public let code: Code
  public let what: String
  /// A path into the document, as in `learner.gradient_booster.model.trees[3].left_children[17]`, or `byte 1042`.
  public let location: String
  public let advice: String

  public init(_ code: Code, _ what: String, at location: String, advice: String) {
    self.code = code
    self.what = what
    self.location = location
    self.advice = advice
  }

  public var description: String { "\(what) (at \(location)). \(advice)" }
}
