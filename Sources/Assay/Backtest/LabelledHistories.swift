import HeapModule
import Models
import Wire

/// Histories of a replay. What comes again counts once, as online. Labels count from when they became known: before the next transaction
/// whose event time is not earlier. A label that was known before its own transaction counts behind it.
struct LabelledHistories: ~Copyable {
  private struct Waiting: Comparable {
    var at: Int64
    /// Among equal times the file's order.
    var number: Int
    var label: Label
    var transaction: [UInt8]

    static func < (a: Self, b: Self) -> Bool { (a.at, a.number) < (b.at, b.number) }
    static func == (a: Self, b: Self) -> Bool { (a.at, a.number) == (b.at, b.number) }
  }

  private var table: FeatureHistories
  /// Nil where no feature asks for them, or nothing is known of their times.
  private let labels: LabelFile?
  private var waiting = Heap<Waiting>()
  private var number = 0
  private var repeats = RepeatFilter()

  init(features: FeatureSet, labels: LabelFile?) {
    table = FeatureHistories(features: features)
    self.labels = features.countsLabels && labels?.hasTimes == true ? labels : nil
  }

  var repeatCounts: RepeatCounts { RepeatCounts(repeated: repeats.repeated, contradicting: repeats.contradicting) }

  /// As `FeatureHistories.observe`, with what is known by then; nil of a transaction that has come before.
  mutating func observe(_ view: TransactionView, keyHash: KeyHash, into out: UnsafeMutableBufferPointer<Double>) -> Observation? {
    guard repeats.isNew(view, keyHash: keyHash) else { return nil }
    guard let labels else { return table.observe(view, keyHash: keyHash, into: out) }
    while let first = waiting.min, first.at <= view.eventTime {
      waiting.removeMin()
      first.transaction.withUnsafeBytes { bytes in
        let transaction = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
        _ = table.label(first.label, transaction, keyHash: transaction.keyHash)
      }
    }
    let seen = table.observe(view, keyHash: keyHash, into: out)
    let id = view.id.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    for known in labels.known[id] ?? [] {
      number += 1
      waiting.insert(
        Waiting(at: known.at, number: number, label: known.label, transaction: view.bytes.withUnsafeBytes { [UInt8]($0) }))
    }
    return seen
  }
}
