import Foundation

/// What came of a run: a Markdown file, a picture beside it, and the lines for the terminal.
struct Report {
  let options: ChaosOptions
  let seed: UInt64
  let history: History
  let ledgers: [Ledger]
  let checks: [Check]
  private let timeline: Timeline
  private let gaps: Gaps

  init(options: ChaosOptions, seed: UInt64, history: History, ledgers: [Ledger], checks: [Check]) {
    self.options = options
    self.seed = seed
    self.history = history
    self.ledgers = ledgers
    self.checks = checks
    timeline = Timeline(ledgers, history)
    gaps = Gaps(ledgers, history.slots)
  }

  /// Longest gap of the undisturbed seconds at the beginning.
  private var quietGap: Int64 {
    gaps.longest(from: history.began + 1_000_000_000, to: history.faults.first?.began ?? history.ended).length
  }

  struct KindGap {
    var kind: FaultKind
    var count: Int
    var longest: Int64
    var goal: String
    var verdict: String
  }

  private var kindGaps: [KindGap] {
    FaultKind.allCases.compactMap { kind in
      var longest: Int64 = 0
      var count = 0
      for (index, fault) in history.faults.enumerated() where fault.kind == kind {
        let end = index + 1 < history.faults.count ? history.faults[index + 1].began : history.ended
        longest = max(longest, gaps.longest(from: fault.began, to: end).length)
        count += 1
      }
      guard count > 0 else { return nil }
      switch kind.goal {
      case nil: return KindGap(kind: kind, count: count, longest: longest, goal: "", verdict: "")
      case 0:
        // No gap of its own: the undisturbed cluster's, and a little more for there are more seconds to have one in.
        let isMet = longest <= max(2 * quietGap, 100_000_000)
        return KindGap(kind: kind, count: count, longest: longest, goal: "none of its own", verdict: isMet ? "met" : "missed")
      case let goal?:
        let isMet = Double(longest) <= goal * 1e9
        return KindGap(kind: kind, count: count, longest: longest, goal: "\(goal) s", verdict: isMet ? "met" : "missed")
      }
    }
  }

  /// For the terminal.
  var summary: String {
    var lines = ["", "longest gap without decisions for affected keys (undisturbed: \(milliseconds(quietGap)))"]
    for gap in kindGaps {
      lines.append(
        "  " + pad(gap.kind.title, 36) + pad(left: "\(gap.count)", 4) + pad(left: milliseconds(gap.longest), 12) + "   " + pad(gap.goal, 18)
          + gap.verdict)
    }
    lines.append("")
    lines.append("checks")
    for check in checks {
      lines.append(
        "  " + pad(check.name, 76) + pad(left: "\(check.count)", 10) + " " + pad(check.unit, 14)
          + (check.holds ? "ok" : "\(check.violations.count) VIOLATIONS"))
      for violation in check.violations.prefix(5) { lines.append("      \(violation)") }
    }
    lines.append("")
    lines.append(
      checks.allSatisfy(\.holds)
        ? "every check holds; the report is \(options.report)"
        : "CHECKS FAILED; the report is \(options.report); faults come in the same order with --seed \(seed)")
    return lines.joined(separator: "\n")
  }

  private func milliseconds(_ nanoseconds: Int64) -> String { "\((nanoseconds + 500_000) / 1_000_000) ms" }

  func write(to path: String) throws {
    let picture = (path.hasSuffix(".md") ? String(path.dropLast(3)) : path) + ".svg"
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try TimelinePicture(timeline: timeline, history: history, rate: options.rate).svg.write(
      toFile: picture, atomically: true, encoding: .utf8)
    try markdown(picture: URL(fileURLWithPath: picture).lastPathComponent).write(toFile: path, atomically: true, encoding: .utf8)
  }

  private func markdown(picture: String) -> String {
    let sent = ledgers.reduce(0) { $0 + $1.count }
    let acknowledged = ledgers.reduce(0) { $0 + $1.acknowledged }
    var out = """
      # Chaos report

      \(options.nodes) workers, \(options.partitions) partitions of 3 replicas, \(options.coordinators) coordinator\(options.coordinators == 1 ? "" : "s"), each on a host of its own
      (network namespace), data on disk with fsync, TLS everywhere. \(ledgers.count) clients send \(Int(options.rate)) transactions a second with unique
      ids, whatever the cluster does. \(history.faults.count) faults in \(seconds(history.ended - history.began)) s; seed \(seed).

      **\(checks.allSatisfy(\.holds) ? "Every check holds" : "Checks failed")**: \(sent) transactions sent, \(acknowledged) acknowledged.

      ![Decisions a second and latency, with the faults](\(picture))

      ## Longest gap without decisions, by kind of fault

      The longest time for which any partition's keys waited without a decision, while a transaction of theirs was due: from
      the fault to the next one. Undisturbed: \(milliseconds(quietGap)).

      | fault | times | longest gap | goal | |
      |---|---:|---:|---|---|

      """
    for gap in kindGaps {
      out += "| \(gap.kind.title) | \(gap.count) | \(milliseconds(gap.longest)) | \(gap.goal) | \(gap.verdict) |\n"
    }
    out += "\n## Checks\n\n| check | looked at | violations |\n|---|---:|---:|\n"
    for check in checks { out += "| \(check.name) | \(check.count) \(check.unit) | \(check.violations.count) |\n" }
    for check in checks where !check.holds {
      out += "\n### \(check.name)\n\n```\n\(check.violations.prefix(20).joined(separator: "\n"))\n```\n"
    }
    out += "\n## Faults\n\n| # | at | fault | to | lasted | whole again after | longest gap | it began after |\n"
    out += "|---:|---:|---|---|---:|---:|---:|---:|\n"
    for (index, fault) in history.faults.enumerated() {
      let end = index + 1 < history.faults.count ? history.faults[index + 1].began : history.ended
      let gap = gaps.longest(from: fault.began, to: end)
      out +=
        "| \(index + 1) | \(seconds(fault.began - history.began)) s | \(fault.kind.title) | \(fault.target) | \(seconds(fault.healed - fault.began)) s | "
        + "\(fault.whole.map { "\(seconds($0 - fault.healed)) s" } ?? "never") | \(milliseconds(gap.length)) | "
        + "\(seconds(max(0, gap.from - fault.began))) s |\n"
    }
    out += "\n## Second by second\n\nLatency of the transactions due in that second, from when they were due.\n\n"
    out += "| second | decisions | p50 ms | p99 ms | max ms |\n|---:|---:|---:|---:|---:|\n"
    for (index, second) in timeline.seconds.enumerated() {
      out += "| \(index) | \(second.decisions) | \(place(second.p50)) | \(place(second.p99)) | \(place(second.max)) |\n"
    }
    return out
  }

  private func place(_ value: Double?) -> String {
    guard let value else { return "" }
    return value < 100 ? String(format: "%.1f", value) : String(format: "%.0f", value)
  }
}
