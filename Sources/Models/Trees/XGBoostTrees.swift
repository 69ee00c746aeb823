/// The trees of an XGBoost model, in the order in which its predictor adds them.
struct XGBoostTrees {
  let trees: [DecisionTree]
  /// Boosting rounds; each has `num_parallel_tree` trees.
  let iterations: Int

  init(_ booster: ModelDocument, featureCount: Int) throws(ModelError) {
    let name = try booster.member("name").string()
    let model: ModelDocument
    var weights: [Float]?
    switch name {
    case "gbtree": model = try booster.member("model")
    case "dart":
      model = try booster.member("gbtree").member("model")
      weights = try booster.member("weight_drop").floats()
    default:
      throw try booster.member("name").error(
        .unsupported, "The booster \"\(name)\" is not supported", advice: "Train with booster gbtree or dart.")
    }
    if let categories = try model.optional("cats")?.optional("enc"), !categories.isEmpty {
      throw categories.error(
        .unsupported, "The model has categorical features",
        advice: "Train with numbers: encode the category, and set enable_categorical=False.")
    }
    let list = try model.member("trees")
    let elements = try list.elements()
    guard elements.count <= TreeLimits.trees else {
      throw list.error(
        .tooLarge, "The model has \(elements.count) trees; at most \(TreeLimits.trees) are possible",
        advice: "Train with fewer trees.")
    }
    let groups = try model.member("tree_info")
    let groupNumbers = try groups.integers()
    guard groupNumbers.count == elements.count, groupNumbers.allSatisfy({ $0 == 0 }) else {
      throw groups.error(.unsupported, "The trees belong to several outputs", advice: "Train one model for each class.")
    }
    if let weights, weights.count != elements.count {
      throw booster.error(.inconsistent, "weight_drop has \(weights.count) weights for \(elements.count) trees")
    }
    // The predictor's order is that of the ids, which needn't be the file's.
    var ordered = [DecisionTree?](repeating: nil, count: elements.count)
    var nodes = 0
    for element in elements {
      let id = try element.member("id")
      let position = try id.integer()
      guard ordered.indices.contains(position), ordered[position] == nil else {
        throw id.error(.inconsistent, "The tree number \(position) is out of bounds or repeated")
      }
      let tree = try Self.tree(element, featureCount: featureCount, weight: weights?[position] ?? 1)
      nodes += tree.nodes.count
      guard nodes <= TreeLimits.nodes else {
        throw element.error(
          .tooLarge, "The model has more than \(TreeLimits.nodes) nodes", advice: "Train with fewer or smaller trees.")
      }
      ordered[position] = tree
    }
    trees = ordered.compactMap { $0 }
    let parallel = try model.member("gbtree_model_param").optional("num_parallel_tree")?.integer() ?? 1
    iterations = trees.count / max(1, parallel)
  }

  private static func tree(
    _ element: ModelDocument, featureCount: Int, weight: Float
  ) throws(ModelError) -> DecisionTree {
    let parameters = try element.member("tree_param")
    if let size = try parameters.optional("size_leaf_vector"), try size.integer() > 1 {
      throw size.error(.unsupported, "The leaves are vectors", advice: "Train one model for each class or target.")
    }
    let left = try element.member("left_children").integers()
    func sameLength<T>(_ name: String, _ values: [T]) throws(ModelError) -> [T] {
      guard values.count == left.count else {
        throw element.error(.inconsistent, "\(name) has \(values.count) entries for \(left.count) nodes")
      }
      return values
    }
    let right = try sameLength("right_children", element.member("right_children").integers())
    let features = try sameLength("split_indices", element.member("split_indices").integers())
    let conditions = try sameLength("split_conditions", element.member("split_conditions").floats())
    let defaults = try sameLength("default_left", element.member("default_left").integers())
    let hessians = try element.optional("sum_hessian")?.floats() ?? []
    if let types = try element.optional("split_type"), try types.integers().contains(where: { $0 != 0 }) {
      throw types.error(
        .unsupported, "A split is categorical",
        advice: "Train with numbers: encode the category, and set enable_categorical=False.")
    }
    var nodes: [DecisionTree.Node] = []
    nodes.reserveCapacity(left.count)
    do throws(DecisionTree.Defect) {
      for i in left.indices {
        guard left[i] >= -1 else { throw DecisionTree.Defect(node: i, reason: .childOutOfBounds(left[i])) }
        nodes.append(
          left[i] == -1
            ? .leaf(conditions[i] * weight)
            : .split(
              feature: features[i], threshold: conditions[i], missingGoesLeft: defaults[i] != 0, left: left[i],
              right: right[i]))
      }
      return try DecisionTree(nodes: nodes, featureCount: featureCount)
        .settingExpectedValues { hessians.indices.contains($0) ? hessians[$0] : 1 }
    } catch {
      throw error.modelError(in: element.path)
    }
  }
}
