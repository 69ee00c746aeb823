import Wire

/// Score thresholds of a bundle. A score at or above a threshold takes its action; the gravest wins.
public struct Policy: Equatable, Sendable {
  public var review: Float?
  public var decline: Float?

  public init(review: Float? = nil, decline: Float? = nil) {
    self.review = review
    self.decline = decline
  }

  /// A score that is not a number is for a person to look at.
  @inlinable public func action(_ score: Float) -> Decision.Action {
    if let decline, score >= decline { return .decline }
    if let review, score >= review { return .review }
    return score.isNaN ? .review : .approve
  }
}

/// A named condition on one feature: why a flagged transaction looks wrong.
public struct ReasonRule: Equatable, Sendable {
  /// Machine-readable, such as `AMOUNT_ABOVE_HABIT`.
  public var code: String
  /// For a person.
  public var text: String
  public var feature: Int
  public var above: Double?
  public var below: Double?

  public init(code: String, text: String, feature: Int, above: Double?, below: Double?) {
    self.code = code
    self.text = text
    self.feature = feature
    self.above = above
    self.below = below
  }

  /// Missing values (NaN) hold for nothing.
  public func holds(_ value: Double) -> Bool {
    guard !value.isNaN else { return false }
    if let above, !(value > above) { return false }
    if let below, !(value < below) { return false }
    return true
  }
}
