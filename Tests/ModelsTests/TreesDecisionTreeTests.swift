import Models
import Testing

@Suite("Decision trees")
struct TreesDecisionTreeTests {
  typealias Node = DecisionTree.Node
  typealias Reason = DecisionTree.Defect.Reason

  static func split(_ left: Int, _ right: Int, feature: Int = 0, threshold: Float = 0) -> Node {
    .split(feature: feature, threshold: threshold, missingGoesLeft: false, left: left, right: right)
  }

  static let defective: [(nodes: [Node], node: Int, reason: Reason)] = [
    ([], 0, .empty),
    ([split(1, 3), .leaf(0), .leaf(0)], 0, .childOutOfBounds(3)),
    ([split(1, -1), .leaf(0)], 0, .childOutOfBounds(-1)),
    ([split(0, 1), .leaf(0)], 0, .reachedTwice),
    ([split(1, 1), .leaf(0)], 1, .reachedTwice),
    ([split(1, 2), split(2, 3), .leaf(0), .leaf(0)], 2, .reachedTwice),
    ([split(1, 2, feature: 2), .leaf(0), .leaf(0)], 0, .featureOutOfBounds(2)),
    ([split(1, 2, feature: -1), .leaf(0), .leaf(0)], 0, .featureOutOfBounds(-1)),
    ([split(1, 2, threshold: .nan), .leaf(0), .leaf(0)], 0, .thresholdNotANumber),
    ([split(1, 2), .leaf(0), .leaf(.infinity)], 2, .leafNotFinite),
    ([split(1, 2), .leaf(.nan), .leaf(0)], 1, .leafNotFinite),
  ]

  @Test("a defective tree is refused, naming the node", arguments: defective.indices)
  func defectsAreNamed(index: Int) {
    let (nodes, node, reason) = Self.defective[index]
    #expect(throws: DecisionTree.Defect(node: node, reason: reason)) {
      try DecisionTree(nodes: nodes, featureCount: 2)
    }
  }

  @Test("a chain of 4096 splits is a tree, one of 4097 is too deep")
  func depthIsBounded() throws {
    func chain(_ splits: Int) -> [Node] {
      (0..<splits).flatMap { [Self.split(2 * $0 + 2, 2 * $0 + 1), .leaf(1)] } + [.leaf(2)]
    }
    #expect(try DecisionTree(nodes: chain(4096), featureCount: 1).depth == 4096)
    #expect(throws: DecisionTree.Defect.self) { try DecisionTree(nodes: chain(4097), featureCount: 1) }
  }

  @Test("nodes that nothing leads to are allowed, whatever they hold")
  func unreachableNodes() throws {
    let pruned = Self.split(77, -3, feature: 99, threshold: .nan)
    let tree = try DecisionTree(nodes: [Self.split(3, 1), .leaf(1), pruned, .leaf(2)], featureCount: 1)
    #expect(tree.reachableCount == 3 && tree.depth == 1 && tree.featureBound == 1)
    #expect(tree.evaluate { _ in -1 } == 2)
    let ensemble = try TreeEnsemble(trees: [tree], featureCount: 1, base: 0)
    #expect(ensemble.scores(of: [-1, 0, .nan], kernel: .scalar) == [2, 1, 1])
  }
}
