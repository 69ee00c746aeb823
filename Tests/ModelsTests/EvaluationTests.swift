import Models
import Testing

@Suite("Evaluation")
struct EvaluationTests {
  /// Expected values by sklearn.metrics.average_precision_score (1.9).
  static let cases: [(scores: [Float], labels: [Int], expected: Double)] = [
    ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.8333333333333333),
    ([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 0], 0.25),
    ([0.9, 0.8, 0.8, 0.8, 0.3, 0.3, 0.1], [1, 0, 1, 1, 0, 1, 0], 0.7916666666666666),
    ([3, 2, 1], [0, 0, 1], 0.3333333333333333),
    ([1, 2, 3], [0, 0, 1], 1),
    ([1, 2, 3], [1, 1, 1], 1),
  ]

  @Test("average precision equals scikit-learn's, ties taken together", arguments: cases.indices)
  func averagePrecision(index: Int) {
    let (scores, labels, expected) = Self.cases[index]
    let result = Evaluation.averagePrecision(scores: scores, labels: labels.map { $0 == 1 })
    #expect(abs(result - expected) < 1e-12)
  }

  @Test("average precision without positive labels is zero")
  func noPositives() {
    #expect(Evaluation.averagePrecision(scores: [1, 2], labels: [false, false]) == 0)
    #expect(Evaluation.averagePrecision(scores: [], labels: []) == 0)
  }

  @Test("rows at the threshold count as predicted")
  func confusion() {
    let counts = ConfusionCounts(
      scores: [0.2, 0.5, 0.7, 0.9, .nan], labels: [true, true, false, true, true], threshold: 0.5)
    #expect(
      counts == ConfusionCounts(truePositives: 2, falsePositives: 1, trueNegatives: 0, falseNegatives: 2))
    #expect(counts.precision == 2.0 / 3 && counts.recall == 0.5)
  }

  @Test("precision and recall of nothing are zero")
  func nothing() {
    let counts = ConfusionCounts(scores: [], labels: [], threshold: 0)
    #expect(counts.precision == 0 && counts.recall == 0)
  }
}
