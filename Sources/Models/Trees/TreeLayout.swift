import CKernels

/// Trees as the kernels read them: runs of consecutive trees, either complete (padded to one depth, level by level) or
/// walked node by node. The order of trees is kept, for it is the order of summation.
///
/// A row is given as columns: feature f is column 2f, its negation column 2f + 1. At every split the second child is
/// taken unless `value <= bound`, which holds for no NaN; so the second child must be where missing values go:
/// - right: column x, bound `threshold.nextDown`; `x < threshold` is `x <= bound`, the first child is the left one.
/// - left: column -x, bound `-threshold`; `x >= threshold` is `-x <= bound`, the first child is the right one.
struct TreeLayout: Sendable {
  enum Run: Sendable {
    case complete(depth: Int, treeCount: Int, start: Int)
    case walked(treeCount: Int, start: Int)
  }

  private(set) var runs: [Run] = []
  // SIMD elements keep the tables aligned to cache lines: 16 floats, 32 columns.
  private var thresholds: [SIMD16<Float>] = []
  private var columns: [SIMD32<UInt16>] = []
  private var leaves: [SIMD16<Float>] = []
  private var walkNodes: [assay_walk_node] = []
  private var walkRoots: [UInt32] = []

  init(_ trees: [DecisionTree]) {
    let plan = Self.plan(trees)
    let floatBlocks = plan.reduce(0) { $0 + ($1.depth.map { Self.treeStride($0) / 16 } ?? 0) * $1.trees.count }
    thresholds.reserveCapacity(floatBlocks)
    leaves.reserveCapacity(floatBlocks)
    columns.reserveCapacity(floatBlocks / 2 + 1)
    for part in plan {
      if let depth = part.depth {
        runs.append(.complete(depth: depth, treeCount: part.trees.count, start: thresholds.count * 16))
        for tree in trees[part.trees] { appendComplete(tree, depth: depth) }
      } else {
        runs.append(.walked(treeCount: part.trees.count, start: walkRoots.count))
        for tree in trees[part.trees] { appendWalked(tree) }
      }
    }
    columns.append(SIMD32(repeating: 0))  // The block kernel reads two bytes behind the last column.
  }

  /// Groups of eight trees (what the row kernel interleaves) share a depth; equal neighbours join. `nil`: walked.
  private static func plan(_ trees: [DecisionTree]) -> [(depth: Int?, trees: Range<Int>)] {
    var plan: [(depth: Int?, trees: Range<Int>)] = []
    for start in stride(from: 0, to: trees.count, by: 8) {
      let range = start..<min(start + 8, trees.count)
      let depth = trees[range].reduce(0) { max($0, $1.depth) }
      let nodes = trees[range].reduce(0) { $0 + $1.reachableCount }
      let complete =
        depth <= TreeLimits.completeDepth
        && (depth <= 6 || (range.count << depth) <= TreeLimits.paddingFactor * nodes)
      let wanted = complete ? depth : nil
      if let last = plan.last, last.depth == wanted {
        plan[plan.count - 1].trees = last.trees.lowerBound..<range.upperBound
      } else {
        plan.append((wanted, range))
      }
    }
    return plan
  }

  /// Entries from one complete tree to the next.
  static func treeStride(_ depth: Int) -> Int { max(32, 1 << depth) }

  private static func encode(_ node: DecisionTree.Node) -> (column: UInt16, bound: Float, first: Int, second: Int) {
    if node.missingGoesLeft {
      return (UInt16(2 * node.feature + 1), -node.threshold, Int(node.right), Int(node.left))
    }
    // No value is below minus infinity: a bound of NaN sends every value to the second child.
    let bound = node.threshold == -.infinity ? Float.nan : node.threshold.nextDown
    return (UInt16(2 * node.feature), bound, Int(node.left), Int(node.right))
  }

  private mutating func appendComplete(_ tree: DecisionTree, depth: Int) {
    let size = Self.treeStride(depth)
    var bounds = [Float](repeating: 0, count: size)
    var cols = [UInt16](repeating: 0, count: size)
    var values = [Float](repeating: 0, count: size)
    // Breadth first: the node of `tree` that stands at each heap position of a level; a leaf stands above all below it.
    var level = [0]
    for d in 0..<depth {
      var next: [Int] = []
      next.reserveCapacity(level.count * 2)
      for (offset, index) in level.enumerated() {
        let node = tree.nodes[index]
        if node.isLeaf {
          next.append(index)
          next.append(index)
        } else {
          let position = (1 << d) + offset
          let split = Self.encode(node)
          bounds[position] = split.bound
          cols[position] = split.column
          next.append(split.first)
          next.append(split.second)
        }
      }
      level = next
    }
    for (offset, index) in level.enumerated() { values[offset] = tree.nodes[index].value }
    for i in stride(from: 0, to: size, by: 16) {
      thresholds.append(SIMD16(bounds[i..<i + 16]))
      leaves.append(SIMD16(values[i..<i + 16]))
    }
    for i in stride(from: 0, to: size, by: 32) { columns.append(SIMD32(cols[i..<i + 32])) }
  }

  private mutating func appendWalked(_ tree: DecisionTree) {
    let root = walkNodes.count
    walkRoots.append(UInt32(root))
    walkNodes.append(assay_walk_node())
    // Depth first, the two children side by side.
    var pending: [(node: Int, position: Int)] = [(0, root)]
    while let (index, position) = pending.popLast() {
      let node = tree.nodes[index]
      if node.isLeaf {
        walkNodes[position] = assay_walk_node(
          threshold: node.value, child: UInt32(position), column: 0, is_split: 0)
        continue
      }
      let split = Self.encode(node)
      let child = walkNodes.count
      walkNodes.append(assay_walk_node())
      walkNodes.append(assay_walk_node())
      walkNodes[position] = assay_walk_node(
        threshold: split.bound, child: UInt32(child), column: split.column, is_split: 1)
      pending.append((split.second, child + 1))
      pending.append((split.first, child))
    }
  }

  /// Adds all trees to `sums[0 ..< rowCount]`, for rows given as columns one after another (`rowStride` apart).
  func addRows(
    _ rows: UnsafePointer<Float>, rowCount: Int, rowStride: Int, to sums: UnsafeMutablePointer<Float>
  ) {
    forEachRun(
      complete: { run in
        withUnsafePointer(to: run) { run in
          for r in 0..<rowCount { assay_trees_row(run, rows + r * rowStride, sums + r) }
        }
      },
      walked: { nodes, roots, count in
        assay_trees_walk(nodes, roots, count, rows, rowStride, 1, rowCount, sums)
      })
  }

  /// Adds all trees to `sums[0 ..< 16 * blockCount]`, for blocks of 16 rows, column after column.
  func addBlocks(
    _ blocks: UnsafePointer<Float>, blockCount: Int, blockStride: Int, to sums: UnsafeMutablePointer<Float>
  ) {
    forEachRun(
      complete: { run in
        withUnsafePointer(to: run) { assay_trees_block($0, blocks, blockStride, blockCount, sums) }
      },
      walked: { nodes, roots, count in
        for b in 0..<blockCount {
          assay_trees_walk(nodes, roots, count, blocks + b * blockStride, 1, 16, 16, sums + 16 * b)
        }
      })
  }

  @inline(__always)
  private func forEachRun(
    complete: (assay_tree_run) -> Void,
    walked: (UnsafePointer<assay_walk_node>?, UnsafePointer<UInt32>, Int) -> Void
  ) {
    thresholds.withUnsafeBytes { thresholds in
      columns.withUnsafeBytes { columns in
        leaves.withUnsafeBytes { leaves in
          let t = thresholds.baseAddress?.assumingMemoryBound(to: Float.self)
          let c = columns.baseAddress?.assumingMemoryBound(to: UInt16.self)
          let l = leaves.baseAddress?.assumingMemoryBound(to: Float.self)
          for run in runs {
            switch run {
            case .complete(let depth, let count, let start):
              complete(
                assay_tree_run(
                  threshold: t.map { $0 + start }, column: c.map { $0 + start }, leaf: l.map { $0 + start },
                  tree_count: count, depth: UInt32(depth), stride: UInt32(Self.treeStride(depth))))
            case .walked(let count, let start):
              walkNodes.withUnsafeBufferPointer { nodes in
                walkRoots.withUnsafeBufferPointer { roots in
                  walked(nodes.baseAddress, roots.baseAddress! + start, count)
                }
              }
            }
          }
        }
      }
    }
  }
}
