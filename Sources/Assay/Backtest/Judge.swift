import CEL
import Models
import Wire

/// One bundle's view of a shard's transactions, decided in batches as a worker decides them.
final class Judge {
  let bundle: Models.Bundle
  private var table: LabelledHistories
  private var decider = Decider()
  private var matrix: [Double]
  private var flags: [Decision.Flags] = []
  private(set) var decisions: [Decision] = []
  private(set) var refused = 0
  private(set) var firstRefusal: Rejection?
  /// Rules that held, of the rows of the batch: `row * rules + rule`.
  private(set) var held: [Bool] = []
  private(set) var modelScores: [Float] = []
  let ruleCount: Int
  private let lists: ListHistory?
  /// Of each row of the batch, where there are hot items.
  private var versions: [UInt64] = []
  /// Hot items at the versions that rows had last, the newest use first: partitions do not switch at once.
  private var standings: [HotLists] = []
  private static let standingsMax = 8

  init(_ bundle: Models.Bundle, labels: LabelFile?, lists: ListHistory?, batchMax: Int) {
    self.bundle = bundle
    self.lists = bundle.rules == nil ? nil : lists
    table = LabelledHistories(features: bundle.features, labels: labels)
    matrix = [Double](repeating: 0, count: bundle.features.count * batchMax)
    ruleCount = bundle.rules?.book.rules.count ?? 0
  }

  var repeatCounts: RepeatCounts { table.repeatCounts }

  /// The next row of the batch; false if the bundle's schema refuses the transaction, or it has come before.
  func observe(_ record: UnsafeRawBufferPointer) -> Bool {
    let view = TransactionView(trusted: RawSpan(_unsafeBytes: record))
    // Against its own time: a file is neither late nor early.
    if let rejection = bundle.schema.validate(RawSpan(_unsafeBytes: record), now: view.eventTime) {
      refused += 1
      firstRefusal = firstRefusal ?? rejection
      return false
    }
    let width = bundle.features.count
    let row = flags.count
    let key = view.keyHash
    let seen = matrix.withUnsafeMutableBufferPointer {
      table.observe(view, keyHash: key, into: UnsafeMutableBufferPointer(rebasing: $0[row * width..<(row + 1) * width]))
    }
    guard let seen else { return false }
    flags.append(seen.decisionFlags)
    if let lists { versions.append(lists.version(of: view)) }
    return true
  }

  /// Takes the last row back out of the batch; its card's history keeps the event.
  func dropLast() {
    flags.removeLast()
    if lists != nil { versions.removeLast() }
  }

  /// Decides all rows since the last call; `records` has them at `ranges`.
  func decide(_ records: UnsafeRawBufferPointer, _ ranges: [Range<Int>]) {
    let count = flags.count
    decisions.removeAll(keepingCapacity: true)
    held.removeAll(keepingCapacity: true)
    held.append(contentsOf: repeatElement(false, count: count * ruleCount))
    modelScores.removeAll(keepingCapacity: true)
    let hot = hotRuns()
    matrix.withUnsafeBufferPointer { matrix in
      decider.decide(
        bundle, records: records, record: { ranges[$0] }, matrix: matrix, rowCount: count, stride: bundle.features.count,
        flags: flags[...], hot: hot, into: &decisions,
        observe: { row, rule, outcome in if outcome == .holds { self.held[row * self.ruleCount + rule] = true } },
        scored: { self.modelScores.append($0) })
    }
    flags.removeAll(keepingCapacity: true)
    versions.removeAll(keepingCapacity: true)
  }

  /// Runs of rows of one list version, with the items of then.
  private func hotRuns() -> [(rows: Range<Int>, lists: HotLists)] {
    guard let lists else { return [] }
    var runs: [(rows: Range<Int>, lists: HotLists)] = []
    var start = 0
    while start < versions.count {
      var end = start + 1
      while end < versions.count, versions[end] == versions[start] { end += 1 }
      let standing = standing(at: versions[start], lists)
      if !standing.isEmpty { runs.append((start..<end, standing)) }
      start = end
    }
    return runs
  }

  private func standing(at version: UInt64, _ lists: ListHistory) -> HotLists {
    let known = standings.firstIndex { $0.version == version }
    let standing = known.map { standings.remove(at: $0) } ?? lists.lists(at: version)
    standings.insert(standing, at: 0)
    if standings.count > Self.standingsMax { standings.removeLast() }
    return standing
  }

  func takeTallies(_ body: (Rule, RuleTally) -> Void) { decider.takeTallies { body($1, $2) } }
}
