import Models
import Wire

/// The feature values of a shard's cards, as lines of text that stand in the file's order in the end.
final class ExportShard: ReplayShard {
  enum Format { case csv, ndjson }

  private let bundle: Models.Bundle
  private let labels: LabelFile?
  private let format: Format
  private var table: LabelledHistories
  private var row: [Double]
  private(set) var digest = FeatureDigest()
  private(set) var refused = 0
  private(set) var firstRefusal: Rejection?
  /// Of the round: the lines, each one's number in the file and where it ends.
  private(set) var text: [UInt8] = []
  private(set) var lines: [(number: Int, end: Int)] = []

  init(_ bundle: Models.Bundle, labels: LabelFile?, format: Format) {
    self.bundle = bundle
    self.labels = labels
    self.format = format
    table = LabelledHistories(features: bundle.features, labels: labels)
    row = [Double](repeating: 0, count: bundle.features.count)
  }

  static func header(_ bundle: Models.Bundle, hasLabels: Bool) -> String {
    (["transaction_id", "event_time", "card"] + bundle.features.names + (hasLabels ? ["label"] : [])).joined(separator: ",") + "\n"
  }

  func take(_ record: UnsafeRawBufferPointer, number: Int) {
    let view = TransactionView(trusted: RawSpan(_unsafeBytes: record))
    if let rejection = bundle.schema.validate(RawSpan(_unsafeBytes: record), now: view.eventTime) {
      refused += 1
      firstRefusal = firstRefusal ?? rejection
      return
    }
    let key = view.keyHash
    guard row.withUnsafeMutableBufferPointer({ table.observe(view, keyHash: key, into: $0) }) != nil else { return }
    view.id.withUnsafeBytes { id in
      view.card.withUnsafeBytes { card in row.withUnsafeBufferPointer { digest.add(id: id, card: card, $0) } }
    }
    let isFraud = labels.map { labels in view.id.withUnsafeBytes { labels.contains(String(decoding: $0, as: UTF8.self)) } }
    FeatureLine.append(view, names: bundle.features.names, row.span, isFraud: isFraud, asCSV: format == .csv, to: &text)
    lines.append((number, text.count))
  }

  var repeatCounts: RepeatCounts { table.repeatCounts }

  func endRound() {}

  func takeRound(_ body: (_ number: Int, ArraySlice<UInt8>) -> Void) {
    var start = 0
    for line in lines {
      body(line.number, text[start..<line.end])
      start = line.end
    }
  }

  func clearRound() {
    text.removeAll(keepingCapacity: true)
    lines.removeAll(keepingCapacity: true)
  }
}
