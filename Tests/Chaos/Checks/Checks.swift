/// One thing that must hold, how often it was looked at, and every time it did not.
struct Check {
  var name: String
  /// What was counted, such as "transactions".
  var unit: String
  var count: Int
  var violations: [String]

  var holds: Bool { violations.isEmpty }
}

extension Check {
  /// Every check over a finished run.
  static func all(
    _ ledgers: [UInt32: Ledger], _ recheck: RecheckOutcome, _ files: DecisionFiles, _ oracle: Oracle.Outcome, _ digests: Digests,
    convergence: [String], strikes: Int
  ) -> [Check] {
    let sent = ledgers.values.reduce(0) { $0 + $1.count }
    let acknowledged = ledgers.values.reduce(0) { $0 + $1.acknowledged }
    let twice = ledgers.values.reduce(0) { $0 + $1.answeredTwice }
    var unacknowledged: [String] = []
    var missing: [String] = []
    for (client, ledger) in ledgers.sorted(by: { $0.key < $1.key }) {
      for (number, reason) in ledger.failures.sorted(by: { $0.key < $1.key }) {
        unacknowledged.append("transaction \(number) of client \(client): \(reason)")
      }
      let places = files.placeOfTransaction[client] ?? [:]
      for number in 0..<ledger.count {
        guard let answer = ledger.answers[number] else { continue }
        let said = LogPlace(partition: answer.partition, offset: answer.offset)
        if places[number] != said {
          missing.append(
            "transaction \(number) of client \(client) was acknowledged at \(said), and the files have it at \(places[number].map { "\($0)" } ?? "no place")"
          )
        }
      }
    }
    return [
      Check(name: "every transaction sent was acknowledged in the end", unit: "transactions", count: sent, violations: unacknowledged),
      Check(
        name: "no transaction was answered twice", unit: "answers", count: acknowledged,
        violations: twice == 0 ? [] : ["\(twice) answers came twice"]),
      Check(
        name: "asked again, each gives the equal decision, as a duplicate", unit: "transactions", count: recheck.asked,
        violations: recheck.changed + recheck.unanswered),
      Check(
        name: "each place in the log has one decision, and each transaction one place", unit: "lines", count: files.lineCount,
        violations: files.violations),
      Check(
        name: "each acknowledged transaction is in the files where its answer says", unit: "transactions", count: acknowledged,
        violations: missing),
      Check(
        name: "features, scores, reasons and flags are the oracle's, to the byte", unit: "decisions", count: oracle.decisions,
        violations: oracle.violations),
      Check(
        name: "replicas' states are equal where they were written down at one place in the log", unit: "states", count: digests.compared,
        violations: digests.violations),
      Check(name: "after each fault the cluster became whole again", unit: "faults", count: strikes, violations: convergence),
    ]
  }
}
