import Models
import Wire

/// What a backtest counts; summed over shards.
struct BacktestCounts {
  struct Hits {
    var hits = 0
    var frauds = 0
    var failed = 0

    static func += (a: inout Hits, b: Hits) {
      a.hits += b.hits
      a.frauds += b.frauds
      a.failed += b.failed
    }
  }

  var transactions = 0
  var frauds = 0
  /// By action.
  var actions = [Hits](repeating: Hits(), count: 3)
  /// By the book's order.
  var rules: [Hits]
  /// Of the model's score alone against the thresholds.
  var model = Hits()
  /// For the average precision; only where there are labels and a model.
  var scores: [Float] = []
  var labels: [Bool] = []
  /// By the action of the one bundle and of the other, times three.
  var moved = [Hits](repeating: Hits(), count: 9)
  var examples: [Example] = []

  struct Example {
    var id: String
    var before: Decision.Action
    var after: Decision.Action
  }

  static let examplesMax = 5

  init(rules: Int) { self.rules = [Hits](repeating: Hits(), count: rules) }

  mutating func add(_ other: BacktestCounts) {
    transactions += other.transactions
    frauds += other.frauds
    for index in actions.indices { actions[index] += other.actions[index] }
    for index in rules.indices { rules[index] += other.rules[index] }
    model += other.model
    scores += other.scores
    labels += other.labels
    for index in moved.indices { moved[index] += other.moved[index] }
    examples = Array((examples + other.examples).prefix(Self.examplesMax))
  }
}

/// The cards of one thread, judged by one bundle or two.
final class BacktestShard: ReplayShard {
  private static let batchMax = 256

  private let judge: Judge
  private let other: Judge?
  private let labels: LabelFile?
  private let isWarmUp: (Int) -> Bool
  private(set) var counts: BacktestCounts
  private(set) var otherCounts: BacktestCounts?
  private var records: [UInt8] = []
  private var ranges: [Range<Int>] = []
  private var isCounted: [Bool] = []

  /// `isWarmUp`: transactions that only fill the windows, by their number.
  init(
    _ bundle: Models.Bundle, against other: Models.Bundle?, labels: LabelFile?, lists: ListHistory?, isWarmUp: @escaping (Int) -> Bool
  ) {
    judge = Judge(bundle, labels: labels, lists: lists, batchMax: Self.batchMax)
    self.other = other.map { Judge($0, labels: labels, lists: lists, batchMax: Self.batchMax) }
    self.labels = labels
    self.isWarmUp = isWarmUp
    counts = BacktestCounts(rules: judge.ruleCount)
    otherCounts = self.other.map { BacktestCounts(rules: $0.ruleCount) }
  }

  /// By the schema of the first bundle.
  var refused: Int { judge.refused }
  var firstRefusal: Rejection? { judge.firstRefusal }
  var repeatCounts: RepeatCounts { judge.repeatCounts }

  func take(_ record: UnsafeRawBufferPointer, number: Int) {
    guard judge.observe(record) else { return }
    // One that the other bundle's schema refuses can't be compared.
    if let other, !other.observe(record) { return judge.dropLast() }
    let start = records.count
    records.append(contentsOf: record)
    ranges.append(start..<records.count)
    isCounted.append(!isWarmUp(number))
    if ranges.count == Self.batchMax { decide() }
  }

  func endRound() { if !ranges.isEmpty { decide() } }

  private func decide() {
    records.withUnsafeBytes { bytes in
      judge.decide(bytes, ranges)
      other?.decide(bytes, ranges)
      for (row, range) in ranges.enumerated() where isCounted[row] {
        count(row, TransactionView(trusted: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[range]))))
      }
    }
    records.removeAll(keepingCapacity: true)
    ranges.removeAll(keepingCapacity: true)
    isCounted.removeAll(keepingCapacity: true)
  }

  private func count(_ row: Int, _ view: TransactionView) {
    let id = view.id.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    let isFraud = labels?.contains(id) ?? false
    Self.count(row, judge, isFraud, hasLabels: labels != nil, &counts)
    guard let other else { return }
    Self.count(row, other, isFraud, hasLabels: labels != nil, &otherCounts!)
    let (after, before) = (judge.decisions[row].action, other.decisions[row].action)
    let place = Int(before.rawValue) * 3 + Int(after.rawValue)
    counts.moved[place].hits += 1
    if isFraud { counts.moved[place].frauds += 1 }
    if before != after, counts.examples.count < BacktestCounts.examplesMax {
      counts.examples.append(.init(id: id, before: before, after: after))
    }
  }

  private static func count(_ row: Int, _ judge: Judge, _ isFraud: Bool, hasLabels: Bool, _ counts: inout BacktestCounts) {
    counts.transactions += 1
    let hit = BacktestCounts.Hits(hits: 1, frauds: isFraud ? 1 : 0)
    if isFraud { counts.frauds += 1 }
    counts.actions[Int(judge.decisions[row].action.rawValue)] += hit
    for rule in 0..<judge.ruleCount where judge.held[row * judge.ruleCount + rule] { counts.rules[rule] += hit }
    guard judge.bundle.model != nil else { return }
    let score = judge.modelScores[row]
    if judge.bundle.policy.action(score) != .approve { counts.model += hit }
    if hasLabels, !score.isNaN {
      counts.scores.append(score)
      counts.labels.append(isFraud)
    }
  }

  /// Puts the rules' failures into the counts; once, at the end.
  func finish() {
    Self.takeFailures(judge, &counts)
    if let other { Self.takeFailures(other, &otherCounts!) }
  }

  private static func takeFailures(_ judge: Judge, _ counts: inout BacktestCounts) {
    let rules = judge.bundle.rules?.book.rules ?? []
    judge.takeTallies { rule, tally in
      if let index = rules.firstIndex(where: { $0.id == rule.id }) { counts.rules[index].failed += tally.failed }
    }
  }
}
