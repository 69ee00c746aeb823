/// How much a feature moved a row's score, and which way.
public struct FeatureContribution: Sendable, Equatable {
  /// Position in the feature set.
  public let feature: Int
  /// Positive: raised the score. XGBoost: in units of the margin. Isolation forest: of the score's binary logarithm.
  public let value: Float
}

extension Model {
  /// The features that moved a row's score most, largest absolute contribution first (ties by position).
  ///
  /// Path attribution (Saabas 2014, "Interpreting random forests"; XGBoost's `approx_contribs`): each split's feature
  /// is credited with the change of the expected output from the split to the child taken. Allocates: it is meant for
  /// flagged rows.
  /// - Parameter row: one row of the feature set's matrix, at least `rowWidthMin` values.
  public func contributions(_ row: UnsafeBufferPointer<Double>, top: Int = .max) -> [FeatureContribution] {
    precondition(row.count >= rowWidthMin)
    let ensemble = self.ensemble
    var sums = [Float](repeating: 0, count: ensemble.featureCount)
    for tree in ensemble.trees {
      var node = tree.nodes[0]
      while !node.isLeaf {
        let feature = Int(node.feature)
        let child = tree.nodes[tree.child(of: node, for: Float(row[featureIndices[feature]]))]
        sums[feature] += child.value - node.value
        node = child
      }
    }
    let scale: Float =
      switch source {
      case .xgboost: 1
      case .isolationForest(let forest): forest.logScorePerPathLength
      }
    let all = sums.enumerated().compactMap { feature, sum in
      sum == 0 ? nil : FeatureContribution(feature: featureIndices[feature], value: sum * scale)
    }
    let ordered = all.sorted {
      let (a, b) = (abs($0.value), abs($1.value))
      return a != b ? a > b : $0.feature < $1.feature
    }
    return Array(ordered.prefix(top))
  }
}
