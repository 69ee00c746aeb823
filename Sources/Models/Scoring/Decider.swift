import CEL
import Wire

/// Turns a feature matrix into decisions under one bundle: model, rules, thresholds, reasons. One a loop.
public struct Decider {
  private var scores: [Float] = []
  private var scratch = ModelScratch()
  /// Of the bundles that decided last, the newest first: while a switch is under way two take turns.
  private var runners: [(bundle: Bundle, isOverlaid: Bool, runner: RuleRunner)] = []
  private static let runnersMax = 4

  public init() {}

  /// `matrix` is row-major, `stride` wide, with `flags` a row; appends one decision a row to `decisions`. `record` gives a
  /// row's transaction as a range of `records`, which rules read. `hot` are the hot items of lists for runs of rows, in their order;
  /// rows in none of them have none. `observe` hears of each rule that was evaluated for a row, and
  /// `scored` of each row's score of the model.
  public mutating func decide(
    _ bundle: Bundle, records: UnsafeRawBufferPointer, record: (Int) -> Range<Int>, matrix: UnsafeBufferPointer<Double>, rowCount: Int,
    stride: Int, flags: ArraySlice<Decision.Flags>, hot: [(rows: Range<Int>, lists: HotLists)] = [], into decisions: inout [Decision],
    observe: (_ row: Int, _ rule: Int, ScalarFrame.Outcome) -> Void = { _, _, _ in }, scored: (Float) -> Void = { _ in }
  ) {
    if scores.count < rowCount { scores = [Float](repeating: 0, count: max(rowCount, 1024)) }
    if let model = bundle.model {
      scores.withUnsafeMutableBufferPointer {
        model.score(rows: matrix, rowCount: rowCount, stride: stride, into: $0, scratch: &scratch)
      }
    } else {
      for row in 0..<rowCount { scores[row] = 0 }
    }
    let rules = bundle.rules
    var runner: RuleRunner?
    if let rules { runner = self.runner(of: bundle, rules, isOverlaid: false) }
    let policy = bundle.policy
    var turns = hot[...]
    for row in 0..<rowCount {
      if let rules, let turn = turns.first, turn.rows.lowerBound <= row {
        if row < turn.rows.upperBound {
          runner = self.runner(of: bundle, rules, isOverlaid: true)
          runner!.follow(turn.lists)
          if row == turn.rows.upperBound - 1 { turns.removeFirst() }
        }
      } else if let rules, !hot.isEmpty {
        runner = self.runner(of: bundle, rules, isOverlaid: false)
      }
      var score = scores[row]
      scored(score)
      var action = Decision.Action.approve
      var held = Decision.noReasons
      if let rules, let runner {
        let bytes = UnsafeRawBufferPointer(rebasing: records[record(row)])
        rules.inputs.fill(runner.frame, bytes, row: matrix.baseAddress.unsafelyUnwrapped + row * stride, score: score)
        let verdict = runner.evaluate { observe(row, $0, $1) }
        // A sum in the book's order, rounded once: the same on every machine.
        if verdict.score != 0 { score = Float(Double(score) + verdict.score) }
        action = verdict.action
        held = verdict.reasons
      }
      let scored = policy.action(score)
      if scored.rawValue > action.rawValue { action = scored }
      var decision = Decision(
        score: score, action: action, verdict: action == .approve ? .clear : .potentialFraud,
        flags: flags[flags.startIndex + row], reasons: Decision.noReasons)
      if decision.verdict == .potentialFraud {
        let values = UnsafeBufferPointer(rebasing: matrix[row * stride..<row * stride + stride])
        decision.reasons = bundle.reasons(for: values, held: held)
      }
      decisions.append(decision)
    }
  }

  private mutating func runner(of bundle: Bundle, _ rules: BundleRules, isOverlaid: Bool) -> RuleRunner {
    if let known = runners.firstIndex(where: { $0.bundle === bundle && $0.isOverlaid == isOverlaid }) { return runners[known].runner }
    let made = RuleRunner(rules.book, under: isOverlaid ? bundle.lists : [])
    runners.insert((bundle, isOverlaid, made), at: 0)
    if runners.count > Self.runnersMax {
      let last = runners.removeLast()
      runners.first { $0.bundle === last.bundle }?.runner.absorb(last.runner)
    }
    return made
  }

  /// What rules have done since it was last asked.
  public func takeTallies(_ body: (Bundle, _ rule: Rule, RuleTally) -> Void) {
    for (bundle, _, runner) in runners {
      runner.takeTallies { body(bundle, runner.book.rules[$0], $1) }
    }
  }
}
