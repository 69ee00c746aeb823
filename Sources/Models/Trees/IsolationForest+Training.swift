extension IsolationForest {
  public struct Options: Sendable, Equatable {
    /// Determines the forest, together with the rows and their order.
    public var seed: UInt64
    public var trees: Int
    /// Rows drawn without replacement for each tree; all rows when there are fewer.
    public var sampleSize: Int

    public init(seed: UInt64, trees: Int = 100, sampleSize: Int = 256) {
      self.seed = seed
      self.trees = trees
      self.sampleSize = sampleSize
    }

    static let treesMax = 10_000
    static let sampleSizeMax = 65_536
  }

  /// Grows a forest. Each tree splits a sample by a random feature, of those that vary in the node, at a random point
  /// between its extremes, until a row is alone, nothing varies, or ceil(log2(sample)) splits are made.
  /// - Parameters:
  ///   - rows: a row-major matrix; NaN is a missing value, infinities are refused.
  ///   - featureNames: one for each column.
  public static func train(
    rows: [Float], featureNames: [String], options: Options
  ) throws(ModelError) -> IsolationForest {
    let features = featureNames.count
    try check(rows: rows, featureNames: featureNames, options: options)
    let rowCount = rows.count / features
    let sampleSize = min(options.sampleSize, rowCount)
    var generator = SeededGenerator(seed: options.seed)
    var order = Array(0..<rowCount)
    var trees: [DecisionTree] = []
    var nodeSizes: [[Int]] = []
    for index in 0..<options.trees {
      for i in 0..<sampleSize { order.swapAt(i, i + generator.below(rowCount - i)) }
      var grower = IsolationTreeGrower(
        rows: rows, featureCount: features, sample: Array(order[0..<sampleSize]), generator: generator)
      grower.grow()
      generator = grower.generator
      do throws(DecisionTree.Defect) {
        trees.append(try tree(grower.nodes, sizes: grower.sizes, featureCount: features))
      } catch {
        throw error.modelError(in: "trees[\(index)]")
      }
      nodeSizes.append(grower.sizes)
    }
    return try IsolationForest(
      featureNames: featureNames, sampleSize: sampleSize, trees: trees, trainingRowsByNode: nodeSizes)
  }

  /// Trains with features named `f0`, `f1`, ...
  public static func train(
    rows: [Float], featureCount: Int, options: Options
  ) throws(ModelError) -> IsolationForest {
    try train(rows: rows, featureNames: (0..<max(0, featureCount)).map { "f\($0)" }, options: options)
  }

  private static func check(rows: [Float], featureNames: [String], options: Options) throws(ModelError) {
    func refuse(_ what: String, _ location: String, _ advice: String) -> ModelError {
      ModelError(.training, what, at: location, advice: advice)
    }
    let features = featureNames.count
    guard features > 0, features <= TreeLimits.features, Set(featureNames).count == features else {
      throw refuse(
        "A forest needs 1 to \(TreeLimits.features) features with names of their own", "featureNames",
        "Name each feature once.")
    }
    guard rows.count % features == 0, rows.count / features >= 2 else {
      throw refuse(
        "\(rows.count) values are not two or more rows of \(features) features", "rows", "Pass complete rows.")
    }
    if let bad = rows.firstIndex(where: \.isInfinite) {
      throw refuse(
        "The feature \"\(featureNames[bad % features])\" is infinite", "row \(bad / features)",
        "Pass NaN for a missing value, or leave the row out.")
    }
    guard (1...Options.treesMax).contains(options.trees), (2...Options.sampleSizeMax).contains(options.sampleSize)
    else {
      throw refuse(
        "\(options.trees) trees of \(options.sampleSize) rows are not possible", "options",
        "Choose 1 to \(Options.treesMax) trees and samples of 2 to \(Options.sampleSizeMax) rows.")
    }
  }
}
