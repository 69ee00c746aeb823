import Glibc
import Models
import Testing

@Suite("Isolation forest")
struct TreesIsolationForestTests {
  /// 500 rows of 4 features around the origin, then 10 far away; some values are missing.
  static func planted(seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    func normal() -> Double { (0..<12).reduce(-6.0) { sum, _ in sum + generator.unit() } }
    var rows: [Float] = []
    for row in 0..<510 {
      for _ in 0..<4 {
        let x = Float(normal() + (row < 500 ? 0 : 7))
        rows.append(row < 500 && generator.below(50) == 0 ? .nan : x)
      }
    }
    return rows
  }

  static func scores(_ forest: IsolationForest, _ rows: [Float]) -> [Float] {
    forest.ensemble.scores(of: rows, kernel: .automatic).map(forest.score)
  }

  @Test("planted outliers score above every other row", arguments: 1...5)
  func separatesOutliers(seed: Int) throws {
    let rows = Self.planted(seed: UInt64(seed))
    let forest = try IsolationForest.train(rows: rows, featureCount: 4, options: .init(seed: UInt64(seed)))
    let scores = Self.scores(forest, rows)
    let labels = (0..<510).map { $0 >= 500 }
    #expect(Evaluation.averagePrecision(scores: scores, labels: labels) > 0.95)
    #expect(scores[500...].allSatisfy { $0 > 0.6 })
    #expect(scores[..<500].reduce(0, +) / 500 < 0.5)
  }

  /// A leaf's path length, recursively, from the document alone.
  private static func pathLength(_ tree: DecisionTree, _ sizes: [Int], _ row: ArraySlice<Float>, _ node: Int) -> Double {
    let at = tree.nodes[node]
    guard !at.isLeaf else {
      let n = Double(sizes[node])
      return n < 2 ? 0 : n == 2 ? 1 : 2 * (log(n - 1) + 0.5772156649015329) - 2 * (n - 1) / n
    }
    let x = row[row.startIndex + Int(at.feature)]
    let left = x.isNaN ? at.missingGoesLeft : x < at.threshold
    return 1 + pathLength(tree, sizes, row, Int(left ? at.left : at.right))
  }

  @Test("scores equal equation 2 evaluated recursively")
  func equalsRecursiveEvaluation() throws {
    let rows = Self.planted(seed: 9)
    let forest = try IsolationForest.train(
      rows: rows, featureCount: 4, options: .init(seed: 4, trees: 37, sampleSize: 100))
    let sums = forest.ensemble.scores(of: rows, kernel: .automatic)
    for row in 0..<510 {
      let values = rows[row * 4..<row * 4 + 4]
      var sum: Float = 0
      for (tree, sizes) in zip(forest.ensemble.trees, forest.trainingRowsByNode) {
        sum += Float(Self.pathLength(tree, sizes, values, 0))
      }
      #expect(sums[row] == sum)
      let c = 2 * (log(99.0) + 0.5772156649015329) - 2 * 99 / 100
      #expect(abs(Double(forest.score(ofPathLengthSum: sum)) - pow(2, -Double(sum) / 37 / c)) < 1e-6)
    }
  }

  @Test("the seed and the rows determine the forest")
  func deterministic() throws {
    let rows = Self.planted(seed: 2)
    func document(_ seed: UInt64) throws -> [UInt8] {
      try IsolationForest.train(rows: rows, featureCount: 4, options: .init(seed: seed, trees: 20)).encode()
    }
    #expect(try document(7) == document(7))
    #expect(try document(7) != document(8))
  }

  @Test("a decoded forest scores as the encoded one, and encodes to the same bytes")
  func roundTrip() throws {
    let rows = Self.planted(seed: 3)
    let names = ["plain", "quote\"backslash\\", "newline\n", "ünïcode 🌲"]
    let forest = try IsolationForest.train(rows: rows, featureNames: names, options: .init(seed: 1, trees: 11))
    let decoded = try IsolationForest(json: forest.encode())
    #expect(decoded.featureNames == names && decoded.sampleSize == 256)
    #expect(decoded.encode() == forest.encode())
    #expect(Self.scores(decoded, rows) == Self.scores(forest, rows))
  }

  @Test("missing values follow the larger part, in training as in scoring")
  func missingValues() throws {
    // Nine rows at 0, one at 10: every split separates the one, so missing values keep to the nine.
    let rows: [Float] = Array(repeating: 0, count: 9) + [10] + [.nan, .nan]
    let forest = try IsolationForest.train(rows: rows, featureCount: 1, options: .init(seed: 1, trees: 10))
    let scores = Self.scores(forest, [0, 10, .nan])
    #expect(scores[2] == scores[0] && scores[1] > scores[0])
  }

  @Test("rows that don't differ are leaves, not splits")
  func constantRows() throws {
    let forest = try IsolationForest.train(
      rows: Array(repeating: 5, count: 60), featureCount: 2, options: .init(seed: 1))
    #expect(forest.ensemble.trees.allSatisfy { $0.nodes.count == 1 })
    #expect(abs(Self.scores(forest, [5, 5])[0] - 0.5) < 1e-6)
  }

  @Test("neighbouring floats and the widest range can be split")
  func extremeRanges() throws {
    for pair in [(Float(1), Float(1).nextUp), (-Float.greatestFiniteMagnitude, .greatestFiniteMagnitude)] {
      let forest = try IsolationForest.train(
        rows: [pair.0, pair.1], featureCount: 1, options: .init(seed: 1, trees: 20))
      #expect(forest.ensemble.trees.allSatisfy { $0.nodes.count == 3 && $0.nodes[0].threshold.isFinite })
    }
  }

  @Test("what can't be trained on is refused")
  func refusals() {
    func train(_ rows: [Float], _ names: [String], _ options: IsolationForest.Options) throws {
      _ = try IsolationForest.train(rows: rows, featureNames: names, options: options)
    }
    let good = IsolationForest.Options(seed: 1)
    #expect(throws: ModelError.self) { try train([1, 2, 3], ["a", "b"], good) }
    #expect(throws: ModelError.self) { try train([1, 2], ["a", "b"], good) }
    #expect(throws: ModelError.self) { try train([1, 2, 3, 4], ["a", "a"], good) }
    #expect(throws: ModelError.self) { try train([], [], good) }
    #expect(throws: ModelError.self) { try train([1, 2, .infinity, 4], ["a", "b"], good) }
    #expect(throws: ModelError.self) { try train([1, 2], ["a"], .init(seed: 1, trees: 0)) }
    #expect(throws: ModelError.self) { try train([1, 2], ["a"], .init(seed: 1, sampleSize: 1)) }
  }
}
