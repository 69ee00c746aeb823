import Testing
import Wire

@testable import Models

@Suite("Bundles: their own tests")
struct BundleTestRunTests {
  static let rules = BundleRulesTests.rules([
    "{id: burst, when: card.count_1h >= 2.0, reason: BURST, action: decline}",
    "{id: risky, when: tx.risk > 0.9, reason: RISKY, score: 0.5}",
  ])

  static func transaction(_ id: String, _ more: String = "") -> String {
    "{transaction_id: \(id), event_time: 2026-01-05T10:00:00Z, amount: 1.00, currency: EUR, card: 007, risk: 0.5\(more)}"
  }

  static func run(_ tests: String) throws -> [BundleTestRun.Result] {
    let archive = BundleRulesTests.archive(["rules/a.yaml": rules, "tests/a.yaml": tests])
    return try BundleTestRun.run(try Bundle(archive: archive, id: BundleID(high: 1, low: 2)), archive)
  }

  @Test func stepsSeeOneHistoryAndTestsTheirOwn() throws {
    let results = try Self.run(
      """
      version: 1
      tests:
        - name: two in an hour
          steps:
            - transaction: \(Self.transaction("t1", ", tier: 'true', vip: true"))
              expect: {action: approve, score: 0, reasons: [], features: {count_1h: 1, seconds_since_last: missing}}
            - transaction: \(Self.transaction("t2"))
              expect: {action: decline, reasons: [BURST], features: {count_1h: 2, mean_24h: 100, seconds_since_last: 0}}
        - name: one alone
          steps:
            - transaction: \(Self.transaction("t3"))
              expect: {action: approve, features: {count_1h: 1}}
      """)
    #expect(results.map(\.name) == ["two in an hour", "one alone"] && results.map(\.steps) == [2, 1])
    #expect(results.flatMap(\.failures) == [])
  }

  @Test func whatTurnsOutOtherwiseIsToldWithItsPlace() throws {
    let results = try Self.run(
      """
      version: 1
      tests:
        - name: all wrong
          steps:
            - transaction: \(Self.transaction("t1"))
              expect: {action: review, score: 0.25, reasons: [BURST], features: {count_1h: 2, seconds_since_last: 3}}
      """)
    #expect(
      results[0].failures.map(\.description) == [
        "tests/a.yaml:6:26: tests[0].steps[0].expect.action: test 'all wrong': action is approve, expected review",
        "tests/a.yaml:6:41: tests[0].steps[0].expect.score: test 'all wrong': score is 0.0, expected 0.25",
        "tests/a.yaml:6:56: tests[0].steps[0].expect.reasons: test 'all wrong': reasons is [], expected [\"BURST\"]",
        "tests/a.yaml:6:86: tests[0].steps[0].expect.features.count_1h: test 'all wrong': count_1h is 1.0, expected 2.0",
        "tests/a.yaml:6:109: tests[0].steps[0].expect.features.seconds_since_last: test 'all wrong': seconds_since_last is "
          + "missing, expected 3.0",
      ])
  }

  private static let risk =
    "version: 1\nfeatures:\n  - {name: frauds_30d, aggregate: fraud_count, window: 30d}\n"
    + "  - {name: merchant_share_30d, entity: merchant, aggregate: fraud_share, window: 30d}\n"

  static func labelled(_ steps: [String]) throws -> [DefinitionError] {
    let tests = "version: 1\ntests:\n  - name: labels\n    steps:\n" + steps.map { "      - \($0)\n" }.joined()
    let archive = BundleRulesTests.archive(["features.yaml": risk, "tests/a.yaml": tests])
    return try BundleTestRun.run(try Bundle(archive: archive, id: BundleID(high: 1, low: 2)), archive).flatMap(\.failures)
  }

  @Test func aLabelCountsFromItsStepOn() throws {
    func step(_ id: String, _ frauds: String, _ share: String) -> String {
      "{transaction: \(Self.transaction(id, ", merchant: m")), expect: {features: {frauds_30d: \(frauds), merchant_share_30d: \(share)}}}"
    }
    let steps = [
      step("t1", "0", "0"), "label: {transaction_id: t1, label: fraud}", step("t2", "1", "0.5"),
      "label: {transaction_id: t1, card: '007', label: legitimate, label_version: 2}", step("t3", "0", "0"),
    ]
    #expect(try Self.labelled(steps) == [])
    let failures = try Self.labelled(steps + [step("t4", "1", "0.25"), "label: {transaction_id: t1, label: fraud}"])
    #expect(
      failures.map { String($0.description.split(separator: ": ", maxSplits: 2)[2]) } == [
        "test 'labels': frauds_30d is 0.0, expected 1.0", "test 'labels': merchant_share_30d is 0.0, expected 0.25",
        "test 'labels': the transaction has a label of version 2: give this one a higher label_version",
      ], "\(failures)")
  }

  @Test func aLabelThatNobodyTakesFails() throws {
    let label = "label: {transaction_id: t1, label: fraud}"
    let kept = try Self.run(
      "version: 1\ntests:\n  - name: none\n    steps:\n      - transaction: \(Self.transaction("t1"))\n      - \(label)\n")
    #expect(kept[0].failures.map(\.description).first?.hasSuffix("no feature asks for labels: none are kept") == true && kept[0].steps == 1)
    for (step, why) in [
      (label, "no step before is a transaction of this id"), ("{label: {transaction_id: t1, label: bad}}", "'bad' is not a known label"),
      ("{\(label), transaction: \(Self.transaction("t1"))}", "a label is a step of its own"),
      ("label: {transaction_id: t1, label: fraud, label_version: 0}", "0 is outside 1 to 65535"),
      ("label: {transaction_id: t0, card: other, label: fraud}", "no step before is a transaction of this id"),
    ] {
      let found = BundleCheckTests.findings([
        "features.yaml": Self.risk,
        "tests/a.yaml": "version: 1\ntests:\n  - name: bad\n    steps:\n      - transaction: \(Self.transaction("t0"))\n      - \(step)\n",
      ])
      #expect(found.count == 1 && found[0].contains(why), "\(step): \(found)")
    }
  }

  @Test func mistakesInTestsAreFoundByTheCheck() {
    let found = BundleCheckTests.findings([
      "tests/a.yaml": """
      version: 1
      tests:
        - name: bad
          steps:
            - transaction: {transaction_id: t, event_time: 2026-01-05T10:00:00Z, amount: -1, currency: EUR, card: c, risk: 1}
            - transaction: {transaction_id: t, event_time: 2026-01-05T10:00:00Z, amount: 1, currency: EUR, card: c}
            - transaction: {transaction_id: t, event_time: 2026-01-05T10:00:00Z, amout: 1, currency: EUR, card: c, risk: 1}
            - transaction: \(Self.transaction("t"))
              expect: {action: refuse, features: {count_2h: 1}}
            - transaction: \(Self.transaction("t"))
              expect: {features: {count_2h: 1}}
      """
    ])
    #expect(
      found.map { String($0.prefix { $0 != "," }) } == [
        "tests/a.yaml:5:84: tests[0].steps[0].transaction.amount: the transaction is refused: negative_amount (amount): an amount is zero "
          + "or more",
        "tests/a.yaml:6:22: tests[0].steps[1].transaction: the transaction is refused: missing_field (risk): a transaction needs this field",
        "tests/a.yaml:7:83: tests[0].steps[2].transaction.amout: the transaction is refused: unknown_field (amout): the field isn't known; "
          + "did you mean `amount`?",
        "tests/a.yaml:9:26: tests[0].steps[3].expect.action: 'refuse' is not a known action. Known here: approve",
        "tests/a.yaml:11:29: tests[0].steps[4].expect.features: unknown key 'count_2h'. Did you mean 'count_1h'?",
      ], "\(found)")
  }
}
