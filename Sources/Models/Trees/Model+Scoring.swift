/// Memory that scoring reuses from call to call. One for each thread that scores.
public struct ModelScratch: Sendable {
  var trees = TreeScratch()

  public init() {}
}

extension Model {
  /// Scores rows of the feature set's row-major matrix. Values are rounded to float32; NaN is a missing value.
  ///
  /// XGBoost: what `Booster.predict` returns (a probability for logistic objectives). Isolation forest: 0 to 1, higher
  /// is more anomalous. Allocates only when `scratch` has to grow.
  /// - Parameters:
  ///   - rows: `rowCount` rows of at least `rowWidthMin` features, `stride` apart.
  ///   - out: receives `rowCount` scores.
  public func score(
    rows: UnsafeBufferPointer<Double>, rowCount: Int, stride: Int, into out: UnsafeMutableBufferPointer<Float>,
    scratch: inout ModelScratch
  ) {
    precondition(rowCount >= 0 && out.count >= rowCount && stride >= rowWidthMin)
    guard rowCount > 0, let values = rows.baseAddress, let scores = out.baseAddress else { return }
    precondition(rows.count >= (rowCount - 1) * stride + rowWidthMin)
    featureIndices.withUnsafeBufferPointer { indices in
      ensemble.score(rowCount: rowCount, into: scores, scratch: &scratch.trees, kernel: .automatic) { row, feature in
        Float(values[row &* stride &+ indices[feature]])
      }
    }
    switch source {
    case .xgboost(let model):
      for row in 0..<rowCount { scores[row] = model.prediction(ofMargin: scores[row]) }
    case .isolationForest(let forest):
      for row in 0..<rowCount { scores[row] = forest.score(ofPathLengthSum: scores[row]) }
    }
  }
}
