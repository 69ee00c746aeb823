/// A binary decision tree over float32 features, checked: every node is reached from the root exactly once.
public struct DecisionTree: Sendable, Equatable {
  /// A split (`left >= 0`): `x < threshold` goes left, a missing value (NaN) by `missingGoesLeft`. Or a leaf.
  public struct Node: Sendable, Equatable {
    public var left: Int32
    public var right: Int32
    public var feature: Int32
    public var missingGoesLeft: Bool
    public var threshold: Float
    /// A leaf's output. For a split the expected output below it, by which decisions are explained, not made.
    public var value: Float

    public static func leaf(_ value: Float) -> Node {
      Node(left: -1, right: -1, feature: 0, missingGoesLeft: false, threshold: 0, value: value)
    }

    public static func split(
      feature: Int, threshold: Float, missingGoesLeft: Bool, left: Int, right: Int, value: Float = 0
    ) -> Node {
      Node(
        left: Int32(clamping: left), right: Int32(clamping: right), feature: Int32(clamping: feature),
        missingGoesLeft: missingGoesLeft, threshold: threshold, value: value)
    }

    public var isLeaf: Bool { left < 0 }
  }

  /// What is wrong with a list of nodes, and with which of them.
  public struct Defect: Error, Equatable, Sendable {
    public enum Reason: Equatable, Sendable {
      case empty
      case childOutOfBounds(Int)
      case reachedTwice
      case tooDeep
      case featureOutOfBounds(Int)
      case thresholdNotANumber
      case leafNotFinite
    }
    public let node: Int
    public let reason: Reason

    public init(node: Int, reason: Reason) {
      self.node = node
      self.reason = reason
    }
  }

  /// In the order given; the root is first. Nodes that can't be reached (XGBoost keeps pruned ones) are kept, unused.
  public let nodes: [Node]
  /// Decisions from the root to the deepest leaf; 0 for a tree that is a single leaf.
  public let depth: Int
  /// Nodes that can be reached from the root.
  public let reachableCount: Int
  /// One more than the highest feature that a split uses; 0 for a single leaf.
  public let featureBound: Int

  /// Checks bounds, cycles, shared children, depth and numbers; linear in the nodes, without recursion.
  public init(nodes: [Node], featureCount: Int) throws(Defect) {
    guard !nodes.isEmpty else { throw Defect(node: 0, reason: .empty) }
    var reached = [Bool](repeating: false, count: nodes.count)
    var pending: [(node: Int, depth: Int)] = [(0, 0)]
    var deepest = 0
    var count = 0
    var bound = 0
    while let (index, depth) = pending.popLast() {
      guard !reached[index] else { throw Defect(node: index, reason: .reachedTwice) }
      reached[index] = true
      count += 1
      deepest = max(deepest, depth)
      let node = nodes[index]
      guard !node.isLeaf else {
        guard node.value.isFinite else { throw Defect(node: index, reason: .leafNotFinite) }
        continue
      }
      guard depth < TreeLimits.depth else { throw Defect(node: index, reason: .tooDeep) }
      guard node.feature >= 0, Int(node.feature) < featureCount else {
        throw Defect(node: index, reason: .featureOutOfBounds(Int(node.feature)))
      }
      bound = max(bound, Int(node.feature) + 1)
      guard !node.threshold.isNaN else { throw Defect(node: index, reason: .thresholdNotANumber) }
      for child in [node.right, node.left] {
        guard child >= 0, Int(child) < nodes.count else {
          throw Defect(node: index, reason: .childOutOfBounds(Int(child)))
        }
        pending.append((Int(child), depth + 1))
      }
    }
    self.nodes = nodes
    self.depth = deepest
    self.reachableCount = count
    self.featureBound = bound
  }

  /// The same tree with every split's `value` set to the mean of its children's, by `weight(node)`: what the training
  /// data led to expect there. Weights that don't add up to something positive count as equal.
  func settingExpectedValues(weight: (Int) -> Float) -> DecisionTree {
    var nodes = self.nodes
    var order: [Int] = [0]
    var next = 0
    while next < order.count {
      let node = nodes[order[next]]
      next += 1
      if !node.isLeaf { order += [Int(node.left), Int(node.right)] }
    }
    for index in order.reversed() where !nodes[index].isLeaf {
      let left = Int(nodes[index].left)
      let right = Int(nodes[index].right)
      let both = weight(left) + weight(right)
      let share = both > 0 && both.isFinite ? weight(left) / both : 0.5
      nodes[index].value = nodes[left].value * share + nodes[right].value * (1 - share)
    }
    return DecisionTree(copying: self, nodes: nodes)
  }

  private init(copying tree: DecisionTree, nodes: [Node]) {
    self.nodes = nodes
    depth = tree.depth
    reachableCount = tree.reachableCount
    featureBound = tree.featureBound
  }

  /// Where a value leads from a split.
  @inline(__always)
  func child(of node: Node, for value: Float) -> Int {
    let goesLeft = value.isNaN ? node.missingGoesLeft : value < node.threshold
    return Int(goesLeft ? node.left : node.right)
  }

  /// Walks one row (a value per feature), plainly; what the fast kernels are measured against.
  public func evaluate(_ row: (Int) -> Float) -> Float {
    var node = nodes[0]
    while !node.isLeaf { node = nodes[child(of: node, for: row(Int(node.feature)))] }
    return node.value
  }
}
