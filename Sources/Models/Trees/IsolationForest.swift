import Glibc

/// An isolation forest: rows that random splits separate early are anomalous.
/// Source: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008.
///
/// The score is 2^(-E[h(x)] / c(n)) (equation 2), between 0 and 1: near 1 anomalous, well below 0.5 normal. h(x) is the
/// depth of the leaf plus c(rows of the leaf), summed in float32 over the trees in their order.
///
/// Missing values go, at every split, to the child that got more of the training rows that have a value (the left one
/// when equal), in training as in scoring.
public struct IsolationForest: Sendable {
  public let featureNames: [String]
  /// Rows each tree was grown from: n.
  public let sampleSize: Int
  /// Path lengths; base 0.
  public let ensemble: TreeEnsemble
  /// Rows of the sample that reached each node, tree by tree.
  public let trainingRowsByNode: [[Int]]
  private let inverseNormaliser: Float

  init(
    featureNames: [String], sampleSize: Int, trees: [DecisionTree], trainingRowsByNode: [[Int]]
  ) throws(ModelError) {
    self.featureNames = featureNames
    self.sampleSize = sampleSize
    self.trainingRowsByNode = trainingRowsByNode
    ensemble = try TreeEnsemble(trees: trees, featureCount: featureNames.count, base: 0)
    inverseNormaliser = -1 / (Float(trees.count) * Float(Self.averagePathLength(sampleSize)))
  }

  /// From the sum of path lengths over all trees to the score.
  public func score(ofPathLengthSum sum: Float) -> Float { exp2f(sum * inverseNormaliser) }

  /// How much a change of the path-length sum changes -E[h(x)] / c(n), the score's binary logarithm.
  var logScorePerPathLength: Float { inverseNormaliser }

  /// c(n), the average path length of an unsuccessful search in a binary search tree of n rows (equation 1):
  /// 2 H(n - 1) - 2 (n - 1) / n, with H(i) = ln(i) + Euler's constant; c(2) = 1, c(1) = 0.
  static func averagePathLength(_ rows: Int) -> Double {
    guard rows > 2 else { return rows == 2 ? 1 : 0 }
    let n = Double(rows)
    return 2 * (log(n - 1) + 0.5772156649015329) - 2 * (n - 1) / n
  }

  /// The tree's nodes with every leaf's value set to its depth + c(rows), every split's to the mean below it.
  static func tree(
    _ splits: [DecisionTree.Node], sizes: [Int], featureCount: Int
  ) throws(DecisionTree.Defect) -> DecisionTree {
    var nodes = splits
    _ = try DecisionTree(nodes: nodes, featureCount: featureCount)  // Only a checked tree can be walked below.
    var pending: [(node: Int, depth: Int)] = [(0, 0)]
    while let (index, depth) = pending.popLast() {
      if nodes[index].isLeaf {
        nodes[index].value = Float(Double(depth) + averagePathLength(sizes[index]))
      } else {
        pending.append((Int(nodes[index].left), depth + 1))
        pending.append((Int(nodes[index].right), depth + 1))
      }
    }
    return try DecisionTree(nodes: nodes, featureCount: featureCount)
      .settingExpectedValues { Float(sizes[$0]) }
  }
}
