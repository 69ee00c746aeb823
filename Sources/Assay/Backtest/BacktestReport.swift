import Models
import Wire

/// A backtest's figures as text: one table of what flags, one of what another bundle does otherwise.
struct BacktestReport {
  let bundle: Models.Bundle
  let counts: BacktestCounts
  let hasLabels: Bool

  var lines: [String] {
    var lines: [String] = []
    lines.append(
      "transactions  \(NumberText.grouped(counts.transactions))"
        + (hasLabels ? ", \(NumberText.grouped(counts.frauds)) of them fraud" : ", without labels"))
    lines.append(Self.header(hasLabels))
    var flagged = counts.actions[1]
    flagged += counts.actions[2]
    lines.append(row("all that is flagged", flagged))
    lines.append(row("  review", counts.actions[1]))
    lines.append(row("  decline", counts.actions[2]))
    if bundle.model != nil { lines.append(row("model, its thresholds alone", counts.model)) }
    for (rule, hits) in zip(bundle.rules?.book.rules ?? [], counts.rules) {
      let mode = rule.mode == .on ? "" : " (\(rule.mode.rawValue))"
      lines.append(row("rule \(rule.id)\(mode)", hits))
    }
    if !counts.scores.isEmpty, counts.frauds > 0 {
      let precision = Evaluation.averagePrecision(scores: counts.scores, labels: counts.labels)
      lines.append("model's average precision  \(NumberText.fixed(precision, 4))")
    }
    return lines
  }

  private static func header(_ hasLabels: Bool) -> String {
    "\(Self.left("", 40))\(Self.right("hits", 12))\(Self.right("rate", 10))"
      + (hasLabels ? "\(Self.right("precision", 11))\(Self.right("recall", 9))" : "") + Self.right("failed", 10)
  }

  private func row(_ name: String, _ hits: BacktestCounts.Hits) -> String {
    let rate = Double(hits.hits) / Double(max(counts.transactions, 1))
    var text = Self.left(name, 40) + Self.right(NumberText.grouped(hits.hits), 12) + Self.right(NumberText.fixed(rate * 100, 3) + " %", 10)
    if hasLabels {
      text += Self.right(hits.hits == 0 ? "-" : NumberText.fixed(Double(hits.frauds) / Double(hits.hits), 4), 11)
      text += Self.right(counts.frauds == 0 ? "-" : NumberText.fixed(Double(hits.frauds) / Double(counts.frauds), 4), 9)
    }
    return hits.failed == 0 ? text : text + Self.right(NumberText.grouped(hits.failed), 10)
  }

  /// What this bundle decides otherwise than `other`.
  func difference(to other: BacktestReport) -> [String] {
    let actions: [Decision.Action] = [.approve, .review, .decline]
    var lines = ["against \(other.bundle.name) (\(other.bundle.id)):"]
    var changed = 0
    for before in actions {
      for after in actions where before != after {
        let hits = counts.moved[Int(before.rawValue) * 3 + Int(after.rawValue)]
        guard hits.hits > 0 else { continue }
        changed += hits.hits
        lines.append(
          "  \(Self.left("\(before) -> \(after)", 24))\(Self.right(NumberText.grouped(hits.hits), 12))"
            + (hasLabels ? ", \(NumberText.grouped(hits.frauds)) of them fraud" : ""))
      }
    }
    lines.append("  \(NumberText.grouped(changed)) of \(NumberText.grouped(counts.transactions)) transactions get another action")
    for example in counts.examples { lines.append("  such as \(example.id): \(example.before) -> \(example.after)") }
    return lines
  }

  private static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  private static func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
}
