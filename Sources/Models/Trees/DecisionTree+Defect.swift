extension DecisionTree.Defect {
  /// The defect as an operator reads it; `location` names the tree.
  func modelError(in location: String) -> ModelError {
    let at = "\(location), node \(node)"
    let advice = "The file is damaged or was written by another tool: export the model again."
    switch reason {
    case .empty: return ModelError(.inconsistent, "A tree has no nodes", at: location, advice: advice)
    case .childOutOfBounds(let child):
      return ModelError(.inconsistent, "A node's child \(child) does not exist", at: at, advice: advice)
    case .reachedTwice:
      return ModelError(.inconsistent, "A node is reached on two ways: not a tree", at: at, advice: advice)
    case .tooDeep:
      return ModelError(
        .tooLarge, "A tree is deeper than \(TreeLimits.depth) decisions", at: at,
        advice: "Train with a smaller max_depth or max_leaves.")
    case .featureOutOfBounds(let feature):
      return ModelError(.inconsistent, "A split uses feature \(feature), which does not exist", at: at, advice: advice)
    case .thresholdNotANumber:
      return ModelError(.inconsistent, "A split's threshold is not a number", at: at, advice: advice)
    case .leafNotFinite:
      return ModelError(.inconsistent, "A leaf's value is not a finite number", at: at, advice: advice)
    }
  }
}
