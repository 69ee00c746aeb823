/// Measures of a scorer against labels.
public enum Evaluation {
  /// The area under the precision-recall curve as a sum over thresholds: sum of (R_n - R_(n-1)) P_n, equal scores taken
  /// together (scikit-learn's `average_precision_score`). 0 when no label is positive.
  /// - Parameters:
  ///   - scores: higher means more likely positive; no NaN.
  ///   - labels: as many as scores.
  public static func averagePrecision(scores: [Float], labels: [Bool]) -> Double {
    precondition(scores.count == labels.count && !scores.contains(where: \.isNaN))
    let positives = labels.count(where: { $0 })
    guard positives > 0 else { return 0 }
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var sum = 0.0
    var truePositives = 0
    var start = 0
    while start < order.count {
      var end = start
      var found = 0
      while end < order.count, scores[order[end]] == scores[order[start]] {
        if labels[order[end]] { found += 1 }
        end += 1
      }
      truePositives += found
      sum += Double(found) / Double(positives) * (Double(truePositives) / Double(end))
      start = end
    }
    return sum
  }
}
