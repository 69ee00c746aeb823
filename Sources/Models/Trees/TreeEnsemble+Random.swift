extension TreeEnsemble {
  /// Full trees with random splits, for benchmarks and tests: thresholds in -1 ..< 1, leaves in -0.5 ..< 0.5, either
  /// default direction. The seed determines the ensemble.
  /// - Parameter depth: 0 to 16.
  public static func random(
    trees: Int, depth: Int, features: Int, seed: UInt64
  ) throws(ModelError) -> TreeEnsemble {
    precondition((0...16).contains(depth))
    var generator = SeededGenerator(seed: seed)
    var made: [DecisionTree] = []
    made.reserveCapacity(trees)
    let splits = (1 << depth) - 1
    for index in 0..<trees {
      var nodes: [DecisionTree.Node] = []
      nodes.reserveCapacity(2 * splits + 1)
      for i in 0..<splits {
        nodes.append(
          .split(
            feature: generator.below(features), threshold: Float(generator.unit() * 2 - 1),
            missingGoesLeft: generator.below(2) == 0, left: 2 * i + 1, right: 2 * i + 2))
      }
      for _ in 0...splits { nodes.append(.leaf(Float(generator.unit() - 0.5))) }
      do throws(DecisionTree.Defect) {
        made.append(try DecisionTree(nodes: nodes, featureCount: features).settingExpectedValues { _ in 1 })
      } catch {
        throw error.modelError(in: "random tree \(index)")
      }
    }
    return try TreeEnsemble(trees: made, featureCount: features, base: 0)
  }
}
