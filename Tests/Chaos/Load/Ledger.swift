import Wire

/// Everything one client has sent, and what it was told: a row for each transaction, by its number.
struct Ledger {
  /// What the cluster said of a transaction.
  struct Answer: Equatable {
    var partition: PartitionID
    var offset: Offset
    var decision: Decision
    var bundle: BundleID
  }

  let recordLength: Int
  private(set) var records: [UInt8] = []
  /// When each was due, and when it was answered (0: not yet); monotonic nanoseconds.
  private(set) var due: [Int64] = []
  private(set) var answered: [Int64] = []
  /// Wall clock when it was first given to the client, ms.
  private(set) var firstSent: [Int64] = []
  private(set) var keys: [KeyHash] = []
  private(set) var answers: [Answer?] = []
  private(set) var failures: [Int: String] = [:]
  /// Rows answered a second time: the client must never do that.
  private(set) var answeredTwice = 0

  init(recordLength: Int) { self.recordLength = recordLength }

  var count: Int { due.count }
  var acknowledged: Int { answers.reduce(0) { $1 == nil ? $0 : $0 + 1 } }

  func range(_ number: Int) -> Range<Int> { number * recordLength..<(number + 1) * recordLength }

  mutating func add(_ record: RawSpan, due time: Int64, wall: Int64) {
    record.withUnsafeBytes { records.append(contentsOf: $0) }
    due.append(time)
    answered.append(0)
    firstSent.append(wall)
    keys.append(TransactionView(trusted: record).keyHash)
    answers.append(nil)
  }

  mutating func answer(_ number: Int, _ answer: Answer, at time: Int64) {
    if answers[number] != nil { answeredTwice += 1 }
    answers[number] = answer
    answered[number] = time
  }

  mutating func fail(_ number: Int, _ reason: String) { failures[number] = reason }
}
