import Glibc
import Models
import Testing

@Suite("Models bound to a feature set")
struct TreesModelTests {
  @Test("an isolation forest's reasons name the feature that isolates the row")
  func forestContributions() throws {
    var generator = SeededGenerator(seed: 5)
    let rows = (0..<1200).map { _ in Float(generator.unit()) }
    let forest = try IsolationForest.train(rows: rows, featureNames: ["a", "b", "c"], options: .init(seed: 1))
    let model = try Model(forest, featureNames: ["c", "x", "b", "a"])
    #expect(model.featureIndices == [3, 2, 0] && model.rowWidthMin == 4 && model.format == .isolationForest)
    let odd: [Double] = [0.5, 99, 40, 0.5]
    let parts = odd.withUnsafeBufferPointer { model.contributions($0) }
    #expect(parts[0].feature == 2 && parts[0].value > 0)
    #expect(odd.withUnsafeBufferPointer { model.contributions($0, top: 1) } == [parts[0]])
    // Path attribution is complete: the contributions lead from the expected score to the row's.
    var scratch = ModelScratch()
    var score: [Float] = [0]
    odd.withUnsafeBufferPointer { odd in
      score.withUnsafeMutableBufferPointer { score in
        model.score(rows: odd, rowCount: 1, stride: 4, into: score, scratch: &scratch)
      }
    }
    let expected = forest.score(ofPathLengthSum: forest.ensemble.trees.reduce(0) { $0 + $1.nodes[0].value })
    #expect(abs(score[0] - expected * exp2(parts.reduce(0) { $0 + $1.value })) < 1e-5)
    #expect(score[0] > expected)
  }

  @Test("a feature set without a feature of the model is refused by name")
  func unknownFeatures() throws {
    let bytes = try XGBoostFixture("stump").model
    let error = #expect(throws: ModelError.self) {
      try Model.parse(bytes: bytes, format: .xgboostJSON, featureNames: Array(XGBoostFixture.featureNames.dropLast()))
    }
    #expect(error?.code == .features && error?.what.contains("\"amount_sum_9h\"") == true)
    let twice = #expect(throws: ModelError.self) {
      try Model.parse(
        bytes: bytes, format: .xgboostJSON, featureNames: XGBoostFixture.featureNames + ["amount_sum_0h"])
    }
    #expect(twice?.code == .features)
  }

  @Test("doubles are rounded to float32 before they are compared")
  func doublesAreRounded() throws {
    let text = String(decoding: try XGBoostFixture("stump").model, as: UTF8.self)
    let model = try Model.parse(
      bytes: Array(text.replacing("\"split_conditions\":[5E-1", with: "\"split_conditions\":[1E-1").utf8),
      format: .xgboostJSON, featureNames: XGBoostFixture.featureNames)
    #expect(model.ensemble.trees[0].nodes[0].threshold == 0.1)
    // 0.1 is below the threshold as a double and equal to it as a float32; equal goes right.
    let leaves = model.ensemble.trees[0].nodes.map(\.value)
    for (value, leaf) in [(0.1, leaves[2]), (0.1 - 1e-12, leaves[2]), (0.0999, leaves[1]), (1e300, leaves[2])] {
      var row = [Double](repeating: 0, count: 10)
      row[3] = value
      var score: [Float] = [0]
      var scratch = ModelScratch()
      row.withUnsafeBufferPointer { row in
        score.withUnsafeMutableBufferPointer { score in
          model.score(rows: row, rowCount: 1, stride: 10, into: score, scratch: &scratch)
        }
      }
      #expect(score[0] == 1 / (exp(-(model.ensemble.base + leaf)) + 1), "\(value)")
    }
  }

  @Test("one format is not read as the other")
  func formatsAreToldApart() throws {
    let stump = try XGBoostFixture("stump").model
    let forest = try TreesDamagedDocumentTests.document(.isolationForest)
    #expect(throws: ModelError.self) {
      try Model.parse(bytes: stump, format: .isolationForest, featureNames: XGBoostFixture.featureNames)
    }
    #expect(throws: ModelError.self) {
      try Model.parse(bytes: forest, format: .xgboostJSON, featureNames: XGBoostFixture.featureNames)
    }
  }
}
