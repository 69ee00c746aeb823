import Models
import Testing

@Suite("Tree ensembles")
struct TreesEnsembleTests {
  static let kernels = [TreeEnsemble.Kernel.scalar, .block, .automatic]

  @Test("every kernel equals the plain walk to the bit, whatever the depth", arguments: 0...12)
  func kernelsEqualPlainWalk(depth: Int) throws {
    // 19 trees: two groups of eight and a rest, four and a rest.
    let ensemble = try TreeEnsemble.random(trees: 19, depth: depth, features: 7, seed: UInt64(depth))
    let rows = awkwardRows(ensemble, count: 67, seed: 5)
    let expected = plainSums(ensemble, rows)
    for kernel in Self.kernels {
      #expect(ensemble.scores(of: rows, kernel: kernel).map(\.bitPattern) == expected, "\(kernel)")
    }
  }

  @Test("every number of rows gives the rows' own scores")
  func everyRowCount() throws {
    let ensemble = try TreeEnsemble.random(trees: 9, depth: 6, features: 5, seed: 1)
    let rows = awkwardRows(ensemble, count: 150, seed: 6)
    let expected = plainSums(ensemble, rows)
    for count in 0...150 {
      for kernel in Self.kernels {
        let scores = ensemble.scores(of: Array(rows[0..<count * 5]), kernel: kernel)
        #expect(scores.map(\.bitPattern) == Array(expected[0..<count]), "\(count) rows, \(kernel)")
      }
    }
  }

  @Test("trees of unequal shapes keep their order of summation")
  func unequalShapes() throws {
    var generator = SeededGenerator(seed: 3)
    var trees: [DecisionTree] = []
    for index in 0..<60 {
      // Lone leaves, small trees, chains as deep as 40, and blocks of eight that are padded.
      let splits = index % 5 == 0 ? 0 : index % 7 == 0 ? 40 : 1 + generator.below(20)
      trees.append(try Self.randomShape(splits: splits, chain: index % 7 == 0, features: 6, &generator))
    }
    #expect(Set(trees.map(\.depth)).count > 5 && trees.contains { $0.depth == 40 })
    let ensemble = try TreeEnsemble(trees: trees, featureCount: 6, base: 1_000_003)
    let rows = awkwardRows(ensemble, count: 80, seed: 8)
    let expected = plainSums(ensemble, rows)
    for kernel in Self.kernels {
      #expect(ensemble.scores(of: rows, kernel: kernel).map(\.bitPattern) == expected, "\(kernel)")
    }
  }

  @Test("extreme thresholds and values go where `x < threshold` says", arguments: [true, false])
  func extremes(missingGoesLeft: Bool) throws {
    let values: [Float] = [
      -.infinity, -.greatestFiniteMagnitude, -1, -.leastNonzeroMagnitude, -0.0, 0, .leastNonzeroMagnitude, 1,
      .greatestFiniteMagnitude, .infinity, .nan,
    ]
    let trees = try values.filter { !$0.isNaN }.map { threshold in
      try DecisionTree(
        nodes: [
          .split(feature: 0, threshold: threshold, missingGoesLeft: missingGoesLeft, left: 1, right: 2), .leaf(1),
          .leaf(2),
        ], featureCount: 1)
    }
    for (index, tree) in trees.enumerated() {
      let ensemble = try TreeEnsemble(trees: [tree], featureCount: 1, base: 0)
      for kernel in Self.kernels {
        let left = ensemble.scores(of: values, kernel: kernel).map { $0 == 1 }
        #expect(left == values.map { $0.isNaN ? missingGoesLeft : $0 < values[index] }, "\(values[index]) \(kernel)")
      }
    }
  }

  @Test("scratch is reused by ensembles of different widths")
  func scratchIsShared() throws {
    var scratch = TreeScratch()
    for (features, count) in [(3, 40), (50, 2), (2, 9), (50, 64), (3, 1)] {
      let ensemble = try TreeEnsemble.random(trees: 10, depth: 4, features: features, seed: 2)
      let rows = awkwardRows(ensemble, count: count, seed: 9)
      var out = [Float](repeating: 0, count: count)
      rows.withUnsafeBufferPointer { rows in
        out.withUnsafeMutableBufferPointer { out in
          ensemble.score(
            rows: rows.baseAddress!, rowCount: count, stride: features, into: out.baseAddress!, scratch: &scratch)
        }
      }
      #expect(out.map(\.bitPattern) == plainSums(ensemble, rows))
    }
  }

  @Test("a random ensemble is determined by its seed")
  func randomIsDeterministic() throws {
    func nodes(_ seed: UInt64) throws -> [[DecisionTree.Node]] {
      try TreeEnsemble.random(trees: 3, depth: 4, features: 9, seed: seed).trees.map(\.nodes)
    }
    #expect(try nodes(1) == nodes(1))
    #expect(try nodes(1) != nodes(2))
    #expect(SeededGenerator.first(of: 42) == 0xBDD7_3226_2FEB_6E95)  // SplitMix64's published sequence.
  }

  @Test("more than the limits is refused")
  func limits() throws {
    #expect(throws: ModelError.self) { try TreeEnsemble(trees: [], featureCount: 0, base: 0) }
    #expect(throws: ModelError.self) { try TreeEnsemble(trees: [], featureCount: 32_768, base: 0) }
    let leaf = try DecisionTree(nodes: [.leaf(1)], featureCount: 1)
    #expect(throws: ModelError.self) {
      try TreeEnsemble(trees: Array(repeating: leaf, count: 65_537), featureCount: 1, base: 0)
    }
    let split = try DecisionTree(
      nodes: [.split(feature: 4, threshold: 0, missingGoesLeft: true, left: 1, right: 2), .leaf(1), .leaf(2)],
      featureCount: 5)
    #expect(throws: ModelError.self) { try TreeEnsemble(trees: [split], featureCount: 4, base: 0) }
  }

  static func randomShape(
    splits: Int, chain: Bool, features: Int, _ generator: inout SeededGenerator
  ) throws -> DecisionTree {
    var nodes: [DecisionTree.Node] = [.leaf(Float(generator.unit()))]
    var leaves = [0]
    for _ in 0..<splits {
      let at = chain ? leaves.count - 1 : generator.below(leaves.count)
      let node = leaves.remove(at: at)
      nodes[node] = .split(
        feature: generator.below(features), threshold: Float(generator.unit() * 2 - 1),
        missingGoesLeft: generator.below(2) == 0, left: nodes.count, right: nodes.count + 1)
      leaves += [nodes.count, nodes.count + 1]
      nodes += [.leaf(Float(generator.unit())), .leaf(Float(generator.unit()))]
    }
    return try DecisionTree(nodes: nodes, featureCount: features)
  }
}

extension SeededGenerator {
  static func first(of seed: UInt64) -> UInt64 {
    var generator = SeededGenerator(seed: seed)
    return generator.next()
  }
}

/// Rows with values among which are missing ones, infinities, and thresholds of the ensemble itself.
func awkwardRows(_ ensemble: TreeEnsemble, count: Int, seed: UInt64) -> [Float] {
  var generator = SeededGenerator(seed: seed)
  let thresholds = ensemble.trees.flatMap(\.nodes).filter { !$0.isLeaf }.map(\.threshold) + [0]
  return (0..<count * ensemble.featureCount).map { _ in
    switch generator.below(10) {
    case 0: .nan
    case 1: .infinity
    case 2: -.infinity
    case 3, 4: thresholds[generator.below(thresholds.count)]
    default: Float(generator.unit() * 2 - 1)
    }
  }
}

func plainSums(_ ensemble: TreeEnsemble, _ rows: [Float]) -> [UInt32] {
  let width = ensemble.featureCount
  return (0..<rows.count / width).map { row in
    ensemble.trees.reduce(ensemble.base) { sum, tree in sum + tree.evaluate { rows[row * width + $0] } }.bitPattern
  }
}
