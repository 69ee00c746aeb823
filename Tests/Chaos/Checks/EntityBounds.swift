import Models
import Wire

/// What a decision may have been told of its other entities. In which order their partitions took the transactions in is nowhere
/// written down, so that no value can be computed again; but none may count what nobody sent, or anything twice.
struct EntityBounds {
  private struct History {
    var times: [Int64] = []
    /// Of the amounts up to each.
    var sums: [Int64] = []
  }

  /// An hour, the window of those features; ms.
  private static let window: Int64 = 3_600_000

  private var histories: [EntityKind: [KeyHash: History]] = [:]

  init(_ ledgers: some Sequence<Ledger>) {
    for kind in ChaosBundle.entities {
      var events: [KeyHash: [(time: Int64, amount: Int64)]] = [:]
      for ledger in ledgers {
        let records = ledger.records
        for number in 0..<ledger.count {
          let transaction = TransactionView(trusted: records.span.bytes.extracting(ledger.range(number)))
          events[transaction.key(EntitySlot(kind)), default: []].append((transaction.eventTime, transaction.amount))
        }
      }
      histories[kind] = events.mapValues { events in
        var history = History()
        for event in events.sorted(by: { $0.time < $1.time }) {
          history.times.append(event.time)
          history.sums.append((history.sums.last ?? 0) + event.amount)
        }
        return history
      }
    }
  }

  /// What is wrong with an entity's count and sum of the hour up to a transaction, itself among them.
  func problem(_ kind: EntityKind, _ transaction: TransactionView, count: Double, sum: Double) -> String? {
    guard let history = histories[kind]?[transaction.key(EntitySlot(kind))] else { return "nobody sent any" }
    let end = Self.end(history.times, transaction.eventTime)
    let start = Self.end(history.times, transaction.eventTime - Self.window)
    let most = history.sums[end - 1] - (start > 0 ? history.sums[start - 1] : 0)
    if count < 1 || sum < Double(transaction.amount) { return "it does not count the transaction itself" }
    if count > Double(end - start) { return "it counts \(count) of the \(end - start) that were sent" }
    if sum > Double(most) { return "it sums up \(sum) of the \(most) that were sent" }
    return nil
  }

  /// How many of the rising `times` are at `time` or before.
  private static func end(_ times: [Int64], _ time: Int64) -> Int {
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if times[middle] <= time { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
