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

  init(_ bundle: Models.Bundle, labels: LabelFile?, batchMax: Int) {
    self.bundle = bundle
    table = LabelledHistories(features: bundle.features, labels: labels)
    matrix = [Double](repeating: 0, count: bundle.features.count * batchMax)
    ruleCount = bundle.rules?.book.rules.count ?? 0
  }

  /// The next row of the batch; false if the bundle's schema refuses the transaction.
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
    flags.append(seen.decisionFlags)
    return true
  }

  /// Takes the last row back out of the batch; its card's history keeps the event.
  func dropLast() { flags.removeLast() }

  /// Decides all rows since the last call; `records` has them at `ranges`.
  func decide(_ records: UnsafeRawBufferPointer, _ ranges: [Range<Int>]) {
    let count = flags.count
    decisions.removeAll(keepingCapacity: true)
    held.removeAll(keepingCapacity: true)
    held.append(contentsOf: repeatElement(false, count: count * ruleCount))
    modelScores.removeAll(keepingCapacity: true)
    matrix.withUnsafeBufferPointer { matrix in
      decider.decide(
        bundle, records: records, record: { ranges[$0] }, matrix: matrix, rowCount: count, stride: bundle.features.count,
        flags: flags[...], into: &decisions,
        observe: { row, rule, outcome in if outcome == .holds { self.held[row * self.ruleCount + rule] = true } },
        scored: { self.modelScores.append($0) })
    }
    flags.removeAll(keepingCapacity: true)
  }

  func takeTallies(_ body: (Rule, RuleTally) -> Void) { decider.takeTallies { body($1, $2) } }
}
