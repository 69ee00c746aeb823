/// Decisions and latencies second by second.
struct Timeline {
  struct Second {
    /// Answers that came in it.
    var decisions = 0
    /// Of the transactions that were due in it, milliseconds; nil where there were none.
    var p50: Double?
    var p99: Double?
    var max: Double?
  }

  let seconds: [Second]

  init(_ ledgers: [Ledger], _ history: History) {
    let count = Int((history.ended - history.began) / 1_000_000_000) + 1
    var seconds = [Second](repeating: Second(), count: count)
    var latencies = [[Int64]](repeating: [], count: count)
    func second(_ time: Int64) -> Int { min(count - 1, Swift.max(0, Int((time - history.began) / 1_000_000_000))) }
    for ledger in ledgers {
      for number in 0..<ledger.count where ledger.answered[number] > 0 {
        seconds[second(ledger.answered[number])].decisions += 1
        latencies[second(ledger.due[number])].append(ledger.answered[number] - ledger.due[number])
      }
    }
    for index in 0..<count where !latencies[index].isEmpty {
      let sorted = latencies[index].sorted()
      seconds[index].p50 = Self.percentile(sorted, 0.5)
      seconds[index].p99 = Self.percentile(sorted, 0.99)
      seconds[index].max = Double(sorted.last!) / 1e6
    }
    self.seconds = seconds
  }

  static func percentile(_ sorted: [Int64], _ share: Double) -> Double {
    Double(sorted[min(sorted.count - 1, Int((Double(sorted.count) * share).rounded(.up)) - 1)]) / 1e6
  }
}
