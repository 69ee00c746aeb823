import Models
import Wire

/// Turns a feature matrix into decisions under one bundle: model, thresholds, reasons.
struct Decider {
  private var scores: [Float] = []
  private var scratch = ModelScratch()

  /// `matrix` is row-major, `stride` wide, with `flags` a row; appends one decision a row to `decisions`.
  mutating func decide(
    _ bundle: Bundle, matrix: UnsafeBufferPointer<Double>, rowCount: Int, stride: Int, flags: ArraySlice<Decision.Flags>,
    into decisions: inout [Decision]
  ) {
    if scores.count < rowCount { scores = [Float](repeating: 0, count: max(rowCount, 1024)) }
    if let model = bundle.model {
      scores.withUnsafeMutableBufferPointer {
        model.score(rows: matrix, rowCount: rowCount, stride: stride, into: $0, scratch: &scratch)
      }
    } else {
      for row in 0..<rowCount { scores[row] = 0 }
    }
    let policy = bundle.policy
    for row in 0..<rowCount {
      let score = scores[row]
      let action = policy.action(score)
      var decision = Decision(
        score: score, action: action, verdict: action == .approve ? .clear : .potentialFraud,
        flags: flags[flags.startIndex + row], reasons: Decision.noReasons)
      if decision.verdict == .potentialFraud {
        let values = UnsafeBufferPointer(rebasing: matrix[row * stride..<row * stride + stride])
        decision.reasons = bundle.reasons(for: values)
      }
      decisions.append(decision)
    }
  }
}
