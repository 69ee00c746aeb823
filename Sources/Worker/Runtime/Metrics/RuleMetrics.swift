import Models

/// What the rules of the bundles that decide here have done: one for each event loop, and cells for each rule that did something.
final class RuleMetrics {
  private struct Cells {
    let hits: Counter
    let failures: Counter
  }

  private let registry: MetricsRegistry
  private var cells: [String: Cells] = [:]

  init(_ registry: MetricsRegistry) { self.registry = registry }

  func add(_ rule: Rule, _ tally: RuleTally) {
    let key = "\(rule.id)/\(rule.mode.rawValue)"
    let found = cells[key] ?? cells(for: rule)
    cells[key] = found
    found.hits.add(tally.held)
    found.failures.add(tally.failed)
  }

  private func cells(for rule: Rule) -> Cells {
    let labels: MetricLabels = ["rule": rule.id, "mode": rule.mode.rawValue]
    return Cells(
      hits: registry.counter(
        "assay_rule_hits_total", "Transactions for which a rule held; with mode shadow it had no effect.", labels, isSparse: true),
      failures: registry.counter(
        "assay_rule_failures_total", "Transactions for which a rule could not be evaluated, and its failure mode counted.", labels,
        isSparse: true))
  }
}
