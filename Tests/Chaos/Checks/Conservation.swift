import Client
import Models
import Wire

/// What the cluster knows of entities in the end, as an operator reads it, against a count of all that was sent: each transaction
/// counts once at each of its entities, whoever was killed meanwhile, and whether or not its decision has waited for them (X3, X4).
struct Conservation {
  let ledgers: [Ledger]

  struct Outcome {
    var asked = 0
    var violations: [String] = []
  }

  private struct Total: Equatable {
    var count = 0
    /// Minor units.
    var sum: Int64 = 0
  }

  private struct Question {
    var kind: EntityKind
    var token: String
    var total: Total
    var answer = "nothing"
  }

  /// Of each kind this many of the busiest entities are asked for, and as many of the others.
  private static let busiest = 100
  /// Nobody waits for what a decision was made without: it may still be under way. ms.
  private static let patience = 60_000
  /// Below the events that are kept of an entity one by one.
  private static let countMax = 4_000

  func check(_ admin: AdminClient, _ clock: RunClock) async throws -> Outcome {
    var open = ChaosBundle.entities.flatMap { kind in chosen(totals(kind)).map { Question(kind: kind, token: $0.0, total: $0.1) } }
    var outcome = Outcome(asked: open.count)
    try await clock.wait(Self.patience) {
      var wrong: [Question] = []
      for var question in open {
        try clock.check()
        do {
          let found = try await Self.total(admin, question.kind, question.token)
          if found == question.total { continue }
          question.answer = "\(found.count) of \(found.sum)"
        } catch {
          question.answer = "nothing: \(error)"
        }
        wrong.append(question)
      }
      open = wrong
      return open.isEmpty
    }
    outcome.violations = open.map {
      "\($0.kind) \($0.token): \($0.total.count) transactions of together \($0.total.sum) were sent, and the cluster knows \($0.answer)"
    }
    return outcome
  }

  private func totals(_ kind: EntityKind) -> [String: Total] {
    var totals: [String: Total] = [:]
    for ledger in ledgers {
      let records = ledger.records
      for number in 0..<ledger.count {
        let transaction = TransactionView(trusted: records.span.bytes.extracting(ledger.range(number)))
        let token = EntityToken.text(of: transaction.token(EntitySlot(kind)), kind: kind)
        totals[token, default: Total()].count += 1
        totals[token]!.sum += transaction.amount
      }
    }
    return totals
  }

  private func chosen(_ totals: [String: Total]) -> [(String, Total)] {
    let all = totals.filter { $0.value.count <= Self.countMax }.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
    let rest = all.dropFirst(Self.busiest)
    let step = max(1, rest.count / Self.busiest)
    return all.prefix(Self.busiest).map { ($0.key, $0.value) }
      + stride(from: rest.startIndex, to: rest.endIndex, by: step).map { (rest[$0].key, rest[$0].value) }
  }

  private static func total(_ admin: AdminClient, _ kind: EntityKind, _ token: String) async throws -> Total {
    let answer = try await admin.entity(kind, token, events: 1)
    func value(_ name: String) -> Double { answer.features.first { $0.name == name }?.value ?? 0 }
    return Total(count: Int(value(ChaosBundle.count(kind))), sum: Int64(value(ChaosBundle.sum(kind))))
  }
}
