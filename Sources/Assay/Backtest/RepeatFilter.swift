import Models
import Wire
import Worker

/// Finds the transactions that a file has more than once, by the table that finds a cluster's retries: one (id, card) is decided once,
/// and what comes again changes no history (W3).
struct RepeatFilter: ~Copyable {
  /// How far back it remembers, ms of event time. A cluster decides no retry that is older than its dedup horizon; a file's order may
  /// differ from the stream's by as much as its writers had to wait.
  static let horizon: Int64 = 86_400_000

  private var table = DedupTable()
  private var newest = Int64.min
  /// The same again, and the same (id, card) with other content.
  private(set) var repeated = 0
  private(set) var contradicting = 0

  /// Whether the transaction, which the schema takes, has not come before.
  mutating func isNew(_ view: TransactionView, keyHash: KeyHash) -> Bool {
    if view.eventTime > newest {
      newest = view.eventTime
      table.expire(before: newest - Self.horizon)
    }
    let key = Fingerprint(id: view.id, card: keyHash)
    let content = hash64(view.bytes, seed: 0)
    switch table.lookup(key, content: content) {
    case .duplicate: repeated += 1
    case .conflict: contradicting += 1
    case .new:
      table.insert(
        key, content: content, partition: PartitionID(0), offset: .zero,
        decision: Decision(score: 0, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons), bundle: 0,
        loggedTime: newest)
      return true
    }
    return false
  }
}

/// What of a file came again; summed over shards.
struct RepeatCounts {
  var repeated = 0
  var contradicting = 0

  static func += (a: inout RepeatCounts, b: RepeatCounts) {
    a.repeated += b.repeated
    a.contradicting += b.contradicting
  }

  /// For a report, with its first column `width` wide.
  func lines(width: Int) -> [String] {
    func line(_ name: String, _ count: Int, _ what: String) -> String? {
      count == 0 ? nil : name + String(repeating: " ", count: max(1, width - name.count)) + "\(NumberText.grouped(count)) \(what)"
    }
    return [
      line("repeated", repeated, "transactions that came again, counted once"),
      line("conflicts", contradicting, "transactions that came again with other content, not counted"),
    ].compactMap { $0 }
  }
}
