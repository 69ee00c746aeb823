/// The formats of models that a bundle may name.
public enum ModelFormat: String, Sendable, CaseIterable {
  case xgboostJSON = "xgboost-json"
  case isolationForest = "assay-isolation-forest"
}

/// A model bound to a feature set: it knows which of the set's features it takes, and scores rows of the set's matrix.
public struct Model: Sendable {
  enum Source: Sendable {
    case xgboost(XGBoostModel)
    case isolationForest(IsolationForest)
  }

  let source: Source
  /// For each feature of the model, in the model's order, its position in the feature set.
  public let featureIndices: [Int]
  /// What a row must have at least: one more than the highest of `featureIndices`.
  public let rowWidthMin: Int

  /// Reads a model and binds it by name to a feature set.
  /// - Parameter featureNames: the feature set's names, in the order of its matrix's columns.
  public static func parse(
    bytes: [UInt8], format: ModelFormat, featureNames: [String]
  ) throws(ModelError) -> Model {
    switch format {
    case .xgboostJSON: try Model(XGBoostModel(json: bytes), featureNames: featureNames)
    case .isolationForest: try Model(IsolationForest(json: bytes), featureNames: featureNames)
    }
  }

  public init(_ model: XGBoostModel, featureNames: [String]) throws(ModelError) {
    try self.init(.xgboost(model), modelNames: model.featureNames, featureNames: featureNames)
  }

  public init(_ forest: IsolationForest, featureNames: [String]) throws(ModelError) {
    try self.init(.isolationForest(forest), modelNames: forest.featureNames, featureNames: featureNames)
  }

  private init(_ source: Source, modelNames: [String], featureNames: [String]) throws(ModelError) {
    self.source = source
    var positions: [String: Int] = [:]
    for (index, name) in featureNames.enumerated() where positions.updateValue(index, forKey: name) != nil {
      throw ModelError(
        .features, "The feature set has \"\(name)\" twice", at: "features", advice: "Name each feature once.")
    }
    let unknown = modelNames.filter { positions[$0] == nil }
    guard unknown.isEmpty else {
      let shown = unknown.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ")
      throw ModelError(
        .features,
        "The model takes \(unknown.count) features that the feature set does not have: \(shown)"
          + (unknown.count > 5 ? ", ..." : ""),
        at: "feature_names", advice: "Declare them in the bundle's features, or train without them.")
    }
    guard Set(modelNames).count == modelNames.count else {
      throw ModelError(
        .features, "The model names a feature twice", at: "feature_names", advice: "Name each feature once.")
    }
    featureIndices = modelNames.compactMap { positions[$0] }
    rowWidthMin = (featureIndices.max() ?? -1) + 1
  }

  public var format: ModelFormat {
    switch source {
    case .xgboost: .xgboostJSON
    case .isolationForest: .isolationForest
    }
  }

  /// The trees, over the model's own features.
  public var ensemble: TreeEnsemble {
    switch source {
    case .xgboost(let model): model.ensemble
    case .isolationForest(let forest): forest.ensemble
    }
  }
}
