import Models
import Testing
import Wire

@testable import Worker

@Suite("Rules on a transaction's way") struct ShardRuleTests {
  private static func bundle() throws -> Bundle {
    let rules = """
      version: 1
      rules:
        - {id: blocked, when: tx.card in lists.blocked, reason: BLOCKED, action: decline}
        - {id: burst, when: card.count_1h >= 2.0, reason: BURST, action: review}
        - {id: failing, when: tx.mcc == 7995, reason: GAMBLING, action: decline, mode: shadow}
      """
    let archive = BundleArchive(
      files: [
        "bundle.yaml": """
        version: 1
        name: rules
        features: features.yaml
        lists: [{name: blocked, file: lists/blocked.csv, type: text}]
        """,
        "features.yaml": "version: 1\nfeatures:\n  - {name: count_1h, aggregate: count, window: 1h}\n",
        "lists/blocked.csv": "value\ncard-3\n", "rules/all.yaml": rules,
      ].mapValues { Array($0.utf8) })
    return try Bundle(archive: archive, id: BundleID(high: 1, low: 1))
  }

  /// Rows of four partitions in one batch, behind one that is refused: each rule must see its own row's transaction.
  @Test func `each row is judged by its own transaction and features`() throws {
    var rig = try ShardRig(partitions: 4, bundle: Self.bundle())
    rig.lead()
    var rows = (1...12).map { ShardRig.transaction("t\($0)", card: "card-\(1 + $0 % 6)") }
    rows.insert(ShardRig.transaction("t6", card: "card-1", amount: 1), at: 6)
    rows.insert(ShardRig.transaction("t6", card: "card-1", amount: 2), at: 7)
    let answer = try rig.answer(rows)
    var seen: [String: Int] = [:]
    for (row, outcome) in zip(rows, answer.outcomes) where outcome.status == .decided {
      let view = TransactionView(trusted: row.span.bytes)
      let card = view.card.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      seen[card, default: 0] += 1
      let expected: [String] = (card == "card-3" ? ["BLOCKED"] : []) + (seen[card]! >= 2 ? ["BURST"] : [])
      #expect(rig.bundle.reasons(of: outcome.decision) == expected, "\(card)")
      #expect(outcome.decision.action == (card == "card-3" ? .decline : seen[card]! >= 2 ? .review : .approve))
    }
    #expect(seen.values.reduce(0, +) == 12)

    let registry = MetricsRegistry()
    let metrics = RuleMetrics(registry)
    rig.shard.work.decider.takeTallies { metrics.add($1, $2) }
    let text = registry.text()
    #expect(text.contains("assay_rule_hits_total{rule=\"blocked\",mode=\"on\"} 2\n"), "\(text)")
    #expect(text.contains("assay_rule_hits_total{rule=\"burst\",mode=\"on\"} 6\n"), "\(text)")
    #expect(text.contains("assay_rule_failures_total{rule=\"failing\",mode=\"shadow\"} 12\n"), "\(text)")
  }
}
