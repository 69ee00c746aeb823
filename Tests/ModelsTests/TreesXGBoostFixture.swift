import Foundation
import Testing

/// What ops/parity/make-xgboost-fixtures wrote: a model, rows, and what XGBoost itself predicts for them.
struct XGBoostFixture: CustomTestStringConvertible {
  struct Expected {
    let margin: Float
    let prediction: Float
    let topFeature: Int
    let topContribution: Float
  }

  static let names = [
    "logistic-100x6", "squarederror-13x5", "lossguide-deep", "base-score-low", "base-score-high", "base-score-large",
    "logitraw", "poisson", "gamma", "tweedie", "absoluteerror", "squaredlogerror", "pseudohubererror", "dart",
    "parallel-trees", "stump", "pruned", "depth-12",
  ]
  static let featureNames = (0..<10).map { "amount_sum_\($0)h" }

  let name: String
  let model: [UInt8]
  /// Row-major, 10 features.
  let rows: [Float]
  let expected: [Expected]

  var testDescription: String { name }

  init(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/xgboost")
    func lines(_ file: String) throws -> [[Substring]] {
      try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        .split(separator: "\n").map { $0.split(separator: " ") }
    }
    func float(_ bits: Substring) throws -> Float {
      guard let bits = UInt32(bits, radix: 16) else { throw CocoaError(.fileReadCorruptFile) }
      return Float(bitPattern: bits)
    }
    self.name = name
    model = Array(try Data(contentsOf: folder.appending(path: "\(name).model.json")))
    rows = try lines("rows.txt").flatMap { try $0.map(float) }
    expected = try lines("\(name).expected.txt").map {
      Expected(
        margin: try float($0[0]), prediction: try float($0[1]), topFeature: Int($0[2])!, topContribution: Float($0[3])!)
    }
  }
}
