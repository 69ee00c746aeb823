import Models
import Wire

@testable import Models
@testable import Worker

/// Recomputes a partition's decisions from its committed history, one transaction after the other, each window by looking
/// at every event of the card. Knows nothing of the worker's tables.
struct Oracle {
  private struct Event {
    var time: Int64
    var amount: Int64
  }

  private var histories: [KeyHash: [Event]] = [:]
  private var bundle: Bundle?
  private var ranges: [Range<Int>] = []
  private(set) var decided = 0

  init() {}

  /// Of a successor: its parents', as far as their cards are its own.
  init(of parents: [Oracle], _ range: KeyRange) {
    for parent in parents {
      histories.merge(parent.histories.filter { range.contains($0.key) }) { mine, _ in mine }
      bundle = bundle ?? parent.bundle
    }
  }

  /// Why `entry` is not what its predecessors make of it; nil if it is.
  mutating func check(_ entry: LogMirror.Entry) -> String? {
    let payload = entry.bytes[LogRecord.headerSize...]
    switch entry.header.kind {
    case .bundleActivated:
      let id = entry.bytes.withUnsafeBytes { BundleID(activatedBy: $0) }
      bundle = id.flatMap { Bundles.byID[$0]?.bundle }
      return bundle == nil ? "activates an unknown bundle" : nil
    case .decided:
      guard let bundle else { return "is decided without a bundle" }
      return Array(payload).withUnsafeBytes { check(RawSpan(_unsafeBytes: $0), entry.header, bundle) }
    default: return nil
    }
  }

  private mutating func check(_ payload: RawSpan, _ header: LogRecord, _ bundle: Bundle) -> String? {
    do throws(WireError) {
      let batch = try DecidedBatch(reading: payload, rowCount: header.count)
      guard batch.bundle == bundle.id else { return "is decided under \(batch.bundle) while \(bundle.id) is active (S3)" }
      ranges.removeAll(keepingCapacity: true)
      try batch.locateTransactions(into: &ranges)
      for (row, range) in ranges.enumerated() {
        decided += 1
        let transaction = batch.transaction(range)
        let (values, flags) = observe(transaction, bundle)
        let logged = batch.features(row).withUnsafeBytes { raw in
          (0..<batch.featureCount).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
        }
        guard zip(values, logged).allSatisfy({ $0 == $1 || ($0.isNaN && $1.isNaN) }), values.count == logged.count else {
          return "row \(row) has the features \(logged); its history makes \(values)"
        }
        guard let decision = batch.decision(row) else { return "row \(row) has no decision" }
        let expected = decide(values, bundle)
        guard decision.score == expected.score, decision.action == expected.action, decision.verdict == expected.verdict,
          decision.reasons == expected.reasons, decision.flags.intersection([.late, .outOfOrder]) == flags
        else { return "row \(row) is decided \(decision); the model makes \(expected), flags \(flags)" }
      }
      return nil
    } catch {
      return "can't be read: \(error)"
    }
  }

  private mutating func observe(_ transaction: borrowing TransactionView, _ bundle: Bundle) -> ([Double], Decision.Flags) {
    let key = transaction.keyHash
    let own = Event(time: transaction.eventTime, amount: transaction.amount)
    var history = histories[key] ?? []
    histories[key] = nil
    var place = history.count
    while place > 0, history[place - 1].time > own.time { place -= 1 }
    var flags: Decision.Flags = []
    if let newest = history.last, own.time < newest.time {
      flags.insert(.outOfOrder)
      if own.time < newest.time - bundle.features.allowedLateness { flags.insert(.late) }
    }
    history.insert(own, at: place)
    let values = bundle.features.features.map { feature -> Double in
      switch feature.aggregate {
      case .own(.amount): return Double(own.amount)
      case .statistic(let statistic, let window, _):
        let amounts = history[...place].filter { $0.time > own.time - window.length }.map(\.amount)
        switch statistic {
        case .count: return Double(amounts.count)
        case .sum: return Double(amounts.reduce(0, +))
        case .max: return amounts.max().map { Double($0) } ?? .nan
        default: return .nan
        }
      case .secondsSinceLast: return place == 0 ? .nan : Double(own.time - history[place - 1].time) / 1000
      default: return .nan
      }
    }
    if flags.contains(.late) { history.remove(at: place) }
    histories[key] = history
    return (values, flags)
  }

  private func decide(_ values: [Double], _ bundle: Bundle) -> Decision {
    var score: [Float] = [0]
    var scratch = ModelScratch()
    values.withUnsafeBufferPointer { rows in
      score.withUnsafeMutableBufferPointer {
        bundle.model!.score(rows: rows, rowCount: 1, stride: values.count, into: $0, scratch: &scratch)
      }
    }
    let action = bundle.policy.action(score[0])
    let isFraud = action != .approve
    let reasons = isFraud ? values.withUnsafeBufferPointer { bundle.reasons(for: $0) } : Decision.noReasons
    return Decision(score: score[0], action: action, verdict: isFraud ? .potentialFraud : .clear, flags: [], reasons: reasons)
  }
}
