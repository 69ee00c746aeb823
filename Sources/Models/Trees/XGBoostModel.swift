/// A model trained by XGBoost, read from the JSON of `save_model("model.json")`.
///
/// Margins and predictions equal those of `Booster.predict` of XGBoost 3.2 on the CPU, bit for bit.
public struct XGBoostModel: Sendable {
  public let featureNames: [String]
  /// Trees in the order of boosting (leaves scaled by `weight_drop` for DART) over the base score's margin.
  public let ensemble: TreeEnsemble
  let objective: XGBoostObjective

  /// Versions whose files mean what this reader takes them to mean. An older or newer file may well load and score
  /// wrongly, as XGBoost 3's files do in XGBoost 1.7, so others are refused.
  static let majorVersions = 1...3

  public init(json bytes: [UInt8]) throws(ModelError) {
    let document = try ModelDocument(bytes)
    try Self.checkVersion(document)
    let learner = try document.member("learner")
    let names = try Self.featureNames(learner)
    objective = try Self.objective(learner)
    let base = try Self.baseMargin(learner, objective)
    let trees = try XGBoostTrees(learner.member("gradient_booster"), featureCount: names.count)
    try Self.checkBestIteration(learner, iterations: trees.iterations)
    featureNames = names
    ensemble = try TreeEnsemble(trees: trees.trees, featureCount: names.count, base: base)
  }

  /// From the sum of leaves to what XGBoost's `predict` returns.
  public func prediction(ofMargin margin: Float) -> Float { objective.prediction(ofMargin: margin) }

  private static func checkVersion(_ document: ModelDocument) throws(ModelError) {
    let version = try document.member("version")
    let numbers = try version.integers()
    guard let major = numbers.first, majorVersions.contains(major) else {
      throw version.error(
        .unsupported, "The model was written by XGBoost \(numbers.map { "\($0)" }.joined(separator: "."))",
        advice: "Export the model with XGBoost \(majorVersions.lowerBound) to \(majorVersions.upperBound).")
    }
  }

  private static func featureNames(_ learner: ModelDocument) throws(ModelError) -> [String] {
    let parameter = try learner.member("learner_model_param").member("num_feature")
    let count = try parameter.integer()
    guard count > 0, count <= TreeLimits.features else {
      throw parameter.error(
        .tooLarge, "The model has \(count) features; 1 to \(TreeLimits.features) are possible",
        advice: "Select features before training.")
    }
    var names: [String] = []
    let list = try learner.optional("feature_names")
    for element in try list?.elements() ?? [] { names.append(try element.string()) }
    guard names.count == count else {
      throw (list ?? learner).error(
        .features, "The model has \(count) features and \(names.count) feature names",
        advice: "Train with feature names (DMatrix(..., feature_names=[...]) or a data frame), then export again.")
    }
    if let types = try learner.optional("feature_types") {
      for (index, element) in try types.elements().enumerated() where try element.string() == "c" {
        throw element.error(
          .unsupported, "The feature \"\(names[index])\" is categorical",
          advice: "Train with numbers: encode the category, and set enable_categorical=False.")
      }
    }
    return names
  }

  private static func objective(_ learner: ModelDocument) throws(ModelError) -> XGBoostObjective {
    let parameters = try learner.member("learner_model_param")
    for name in ["num_class", "num_target"] {
      if let number = try parameters.optional(name), try number.integer() > 1 {
        throw number.error(
          .unsupported, "The model has several outputs", advice: "Train one model for each class or target.")
      }
    }
    let name = try learner.member("objective").member("name")
    guard let objective = XGBoostObjective(name: try name.string()) else {
      throw name.error(
        .unsupported, "The objective \"\(try name.string())\" is not supported",
        advice: "Supported are \(XGBoostObjective.names.map(\.name).joined(separator: ", ")).")
    }
    return objective
  }

  /// The base score, spelled `5E-1` or (since 3.1) `[5E-1]`.
  private static func baseMargin(
    _ learner: ModelDocument, _ objective: XGBoostObjective
  ) throws(ModelError) -> Float {
    let member = try learner.member("learner_model_param").member("base_score")
    var text = Substring(try member.string())
    if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
    guard !text.contains(",") else {
      throw member.error(
        .unsupported, "The model has several base scores", advice: "Train one model for each class or target.")
    }
    guard let score = Float(text), let margin = objective.margin(ofBaseScore: score) else {
      throw member.error(.inconsistent, "The base score \"\(text)\" is not possible for this objective")
    }
    return margin
  }

  /// `Booster.predict` takes every tree, scikit-learn's wrapper those up to the best iteration. A model by which the
  /// two differ is refused rather than guessed at.
  private static func checkBestIteration(_ learner: ModelDocument, iterations: Int) throws(ModelError) {
    guard let best = try learner.optional("attributes")?.optional("best_iteration") else { return }
    guard try best.integer() + 1 != iterations else { return }
    throw best.error(
      .unsupported, "Training stopped early: iteration \(try best.integer()) is the best of \(iterations)",
      advice: "Export the trees that count: booster[: booster.best_iteration + 1].save_model(\"model.json\").")
  }
}
