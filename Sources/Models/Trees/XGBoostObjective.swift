import Glibc

/// What an XGBoost objective makes of the base score and of the sum of leaves.
/// Formulas: XGBoost 3.2, `src/objective/regression_loss.h`, `regression_obj.cu`, `src/common/math.h`.
enum XGBoostObjective: Sendable, Equatable {
  /// The prediction is the margin.
  case identity
  /// The prediction is the margin's sigmoid; the base score is a probability.
  case logistic
  /// The prediction is the margin's exponential; the base score is a mean.
  case exponential

  static let names: [(name: String, objective: XGBoostObjective)] = [
    ("reg:squarederror", .identity), ("reg:linear", .identity), ("reg:squaredlogerror", .identity),
    ("reg:pseudohubererror", .identity), ("reg:absoluteerror", .identity), ("binary:logitraw", .identity),
    ("binary:logistic", .logistic), ("reg:logistic", .logistic),
    ("count:poisson", .exponential), ("reg:gamma", .exponential), ("reg:tweedie", .exponential),
  ]

  init?(name: String) {
    guard let known = Self.names.first(where: { $0.name == name }) else { return nil }
    self = known.objective
  }

  /// The base score as a margin; nil where it has none.
  func margin(ofBaseScore score: Float) -> Float? {
    guard score.isFinite else { return nil }
    switch self {
    case .identity: return score
    case .logistic:
      guard score >= 0, score <= 1 else { return nil }
      let bounded = min(max(score, 1e-6), 1 - 1e-6)  // kRtEps
      return -logf(1 / bounded - 1)
    case .exponential: return score > 0 ? logf(score) : nil
    }
  }

  func prediction(ofMargin margin: Float) -> Float {
    switch self {
    case .identity: margin
    case .logistic: 1 / (expf(min(-margin, 88.7)) + 1 + 1e-16)
    case .exponential: expf(margin)
    }
  }
}
