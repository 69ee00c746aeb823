import CKernels

/// A sum of decision trees: `base + leaf(tree 0) + leaf(tree 1) + ...`, one float32 addition a tree in this order,
/// which gives the bits of XGBoost's CPU predictor (3.2: it fills the output with the base score, then adds).
///
/// One row takes a scalar kernel that interleaves eight trees; from `rowsForBlock` rows on, where the processor has
/// AVX-512, 16 rows go through the trees together. All kernels give the same bits.
public struct TreeEnsemble: Sendable {
  public let trees: [DecisionTree]
  public let featureCount: Int
  public let base: Float
  let layout: TreeLayout

  /// How rows are taken through the trees; `.automatic` outside of tests and benchmarks.
  public enum Kernel: Sendable {
    case automatic, scalar, block
  }

  /// From here on a partial block costs less than its rows one by one: 2.8 µs against 0.48 µs a row (100 trees of
  /// depth 6, AVX-512).
  static let rowsForBlock = 6
  /// Blocks taken at once: bounds the scratch. The kernel takes them by two.
  static let blocksAtOnce = 4

  public static var hasBlockKernel: Bool { assay_trees_has_block_kernel() }

  /// Throws when the limits are exceeded or a tree uses a feature that doesn't exist.
  public init(trees: [DecisionTree], featureCount: Int, base: Float) throws(ModelError) {
    let advice = "Train with fewer or smaller trees."
    guard featureCount > 0, featureCount <= TreeLimits.features else {
      throw ModelError(
        .tooLarge, "A model has \(featureCount) features; 1 to \(TreeLimits.features) are possible", at: "features",
        advice: "Select features before training.")
    }
    guard trees.count <= TreeLimits.trees else {
      throw ModelError(
        .tooLarge, "A model has \(trees.count) trees; at most \(TreeLimits.trees) are possible", at: "trees",
        advice: advice)
    }
    let nodes = trees.reduce(0) { $0 + $1.nodes.count }
    guard nodes <= TreeLimits.nodes else {
      throw ModelError(
        .tooLarge, "A model has \(nodes) nodes; at most \(TreeLimits.nodes) are possible", at: "trees", advice: advice)
    }
    if let index = trees.firstIndex(where: { $0.featureBound > featureCount }) {
      throw ModelError(
        .inconsistent, "A tree uses feature \(trees[index].featureBound - 1), which does not exist",
        at: "trees[\(index)]", advice: "The file is damaged or was written by another tool: export the model again.")
    }
    self.trees = trees
    self.featureCount = featureCount
    self.base = base
    self.layout = TreeLayout(trees)
  }

  /// Floats of one row as columns: every feature and its negation.
  var columnCount: Int { 2 * featureCount }

  /// Scores rows of a row-major float matrix; NaN is a missing value.
  /// - Parameters:
  ///   - rows: `rowCount` rows of at least `featureCount` floats, `stride` apart.
  ///   - out: receives `rowCount` sums.
  public func score(
    rows: UnsafePointer<Float>, rowCount: Int, stride: Int, into out: UnsafeMutablePointer<Float>,
    scratch: inout TreeScratch, kernel: Kernel = .automatic
  ) {
    precondition(stride >= featureCount && rowCount >= 0)
    score(rowCount: rowCount, into: out, scratch: &scratch, kernel: kernel) { row, feature in
      rows[row &* stride &+ feature]
    }
  }

  /// Scores rows whose values `value(row, feature)` answers.
  @inline(__always)
  func score(
    rowCount: Int, into out: UnsafeMutablePointer<Float>, scratch: inout TreeScratch, kernel: Kernel,
    value: (Int, Int) -> Float
  ) {
    let smallest =
      switch kernel {
      case .scalar: Int.max
      case .block: Self.hasBlockKernel ? 1 : Int.max
      case .automatic: Self.hasBlockKernel ? Self.rowsForBlock : Int.max
      }
    var done = 0
    while rowCount - done >= smallest {
      let rows = min(rowCount - done, 16 * Self.blocksAtOnce)
      let partial = rows % 16
      let taken = partial != 0 && partial < smallest ? rows - partial : rows
      scoreBlocks(first: done, count: taken, into: out + done, scratch: &scratch, value: value)
      done += taken
    }
    for row in done..<rowCount {
      scratch.withColumns(columnCount) { columns in
        for feature in 0..<featureCount {
          let x = value(row, feature)
          columns[2 &* feature] = x
          columns[2 &* feature &+ 1] = -x
        }
        out[row] = base
        layout.addRows(columns, rowCount: 1, rowStride: columnCount, to: out + row)
      }
    }
  }

  /// `count` rows from `first` on, transposed into blocks of 16; lanes behind the last row repeat old contents.
  @inline(__always)
  private func scoreBlocks(
    first: Int, count: Int, into out: UnsafeMutablePointer<Float>, scratch: inout TreeScratch,
    value: (Int, Int) -> Float
  ) {
    let blocks = (count + 15) / 16
    let blockStride = columnCount * 16
    scratch.withColumns(blocks * blockStride + 16 * blocks) { columns in
      for row in 0..<count {
        let lane = columns + (row / 16) * blockStride + row % 16
        for feature in 0..<featureCount {
          let x = value(first &+ row, feature)
          lane[32 &* feature] = x
          lane[32 &* feature &+ 16] = -x
        }
      }
      let sums = columns + blocks * blockStride
      sums.update(repeating: base, count: 16 * blocks)
      layout.addBlocks(columns, blockCount: blocks, blockStride: blockStride, to: sums)
      out.update(from: sums, count: count)
    }
  }
}
