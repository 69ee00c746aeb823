import Models
import Testing

@Suite("XGBoost parity")
struct TreesXGBoostParityTests {
  @Test("margins equal XGBoost's to the bit, by every kernel", arguments: XGBoostFixture.names)
  func marginsEqualXGBoosts(name: String) throws {
    let fixture = try XGBoostFixture(name)
    let model = try XGBoostModel(json: fixture.model)
    let expected = fixture.expected.map(\.margin.bitPattern)
    #expect(expected.count == 96)
    for kernel in [TreeEnsemble.Kernel.scalar, .block, .automatic] {
      let margins = model.ensemble.scores(of: fixture.rows, kernel: kernel)
      #expect(margins.map(\.bitPattern) == expected, "\(kernel)")
    }
  }

  @Test("predictions from a matrix of doubles equal XGBoost's to the bit", arguments: XGBoostFixture.names)
  func predictionsEqualXGBoosts(name: String) throws {
    let fixture = try XGBoostFixture(name)
    let matrix = WideMatrix(fixture.rows)
    let model = try Model.parse(bytes: fixture.model, format: .xgboostJSON, featureNames: matrix.featureNames)
    #expect(model.featureIndices == matrix.positions)
    let scores = matrix.scores(of: model)
    #expect(scores.map(\.bitPattern) == fixture.expected.map(\.prediction.bitPattern))
  }

  @Test("contributions equal XGBoost's approximate ones", arguments: XGBoostFixture.names)
  func contributionsEqualXGBoosts(name: String) throws {
    let fixture = try XGBoostFixture(name)
    let matrix = WideMatrix(fixture.rows)
    let model = try Model.parse(bytes: fixture.model, format: .xgboostJSON, featureNames: matrix.featureNames)
    for (row, expected) in fixture.expected.enumerated() where expected.topContribution != 0 {
      let parts = matrix.withRow(row) { model.contributions($0) }
      let mine = try #require(parts.first { $0.feature == matrix.positions[expected.topFeature] })
      #expect(abs(mine.value - expected.topContribution) <= 1e-4 * max(1, abs(expected.topContribution)), "row \(row)")
      #expect(abs(abs(parts[0].value) - abs(expected.topContribution)) <= 1e-4 * max(1, abs(expected.topContribution)))
    }
  }
}

/// A feature set in which the model's features are scattered among others, in another order.
struct WideMatrix {
  let featureNames: [String]
  let positions: [Int]
  let stride = 25
  let rowCount: Int
  private let values: [Double]

  init(_ rows: [Float]) {
    let positions = (0..<10).map { 22 - 2 * $0 }
    var names = (0..<23).map { "other_\($0)" }
    for (feature, position) in positions.enumerated() { names[position] = XGBoostFixture.featureNames[feature] }
    rowCount = rows.count / 10
    var values = [Double](repeating: 1e300, count: rowCount * stride)
    for row in 0..<rowCount {
      for feature in 0..<10 { values[row * stride + positions[feature]] = Double(rows[row * 10 + feature]) }
    }
    self.values = values
    self.positions = positions
    featureNames = names
  }

  func withRow<T>(_ row: Int, _ body: (UnsafeBufferPointer<Double>) -> T) -> T {
    values.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[row * stride..<(row + 1) * stride])) }
  }

  func scores(of model: Model) -> [Float] {
    var scratch = ModelScratch()
    return [Float](unsafeUninitializedCapacity: rowCount) { out, count in
      values.withUnsafeBufferPointer {
        model.score(rows: $0, rowCount: rowCount, stride: stride, into: out, scratch: &scratch)
      }
      count = rowCount
    }
  }
}

extension TreeEnsemble {
  /// Scores row-major rows of exactly this ensemble's features.
  func scores(of rows: [Float], kernel: Kernel) -> [Float] {
    var scratch = TreeScratch()
    let rowCount = rows.count / featureCount
    return [Float](unsafeUninitializedCapacity: rowCount) { out, count in
      rows.withUnsafeBufferPointer { rows in
        guard let rows = rows.baseAddress, let out = out.baseAddress else { return }
        score(rows: rows, rowCount: rowCount, stride: featureCount, into: out, scratch: &scratch, kernel: kernel)
      }
      count = rowCount
    }
  }
}
