/// Predictions at one threshold, counted against labels.
public struct ConfusionCounts: Sendable, Equatable {
  public var truePositives: Int
  public var falsePositives: Int
  public var trueNegatives: Int
  public var falseNegatives: Int

  public init(truePositives: Int = 0, falsePositives: Int = 0, trueNegatives: Int = 0, falseNegatives: Int = 0) {
    self.truePositives = truePositives
    self.falsePositives = falsePositives
    self.trueNegatives = trueNegatives
    self.falseNegatives = falseNegatives
  }

  /// Rows with `score >= threshold` count as predicted positive; a NaN score as negative.
  public init(scores: [Float], labels: [Bool], threshold: Float) {
    precondition(scores.count == labels.count)
    self.init()
    for (score, label) in zip(scores, labels) { count(predicted: score >= threshold, actual: label) }
  }

  public mutating func count(predicted: Bool, actual: Bool) {
    switch (predicted, actual) {
    case (true, true): truePositives += 1
    case (true, false): falsePositives += 1
    case (false, false): trueNegatives += 1
    case (false, true): falseNegatives += 1
    }
  }

  /// Of the rows predicted positive, the share that is; 0 when none was predicted.
  public var precision: Double { Self.share(truePositives, of: truePositives + falsePositives) }

  /// Of the positive rows, the share that was predicted; 0 when there is none.
  public var recall: Double { Self.share(truePositives, of: truePositives + falseNegatives) }

  private static func share(_ part: Int, of whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}
