import Models
import Wire

/// Where the decisions of a submission go, and in which form.
public enum DecisionFormat: String, Codable, Sendable {
  case ndjson, csv

  /// By the file's extension: `.csv` is CSV, anything else NDJSON.
  public init(path: String) { self = path.hasSuffix(".csv") ? .csv : .ndjson }
}

/// Turns answers into lines of text. `decided_time` is when the answer came back.
struct DecisionLines {
  let format: DecisionFormat
  /// Writers by bundle; an answer names few.
  private var writers: [Key: DecisionText] = [:]
  private var last: (tables: DecisionsTables, bundle: UInt8, writer: DecisionText)?

  private struct Key: Hashable {
    var bundle: BundleID
    var hasFeatures: Bool
  }

  init(_ format: DecisionFormat) { self.format = format }

  /// What stands before the first line.
  var header: String { format == .csv ? DecisionText.csvHeader : "" }

  /// Appends the line of a decided item.
  mutating func append(_ chunk: SubmitChunk, _ index: Int, to out: inout [UInt8]) {
    let answer = chunk.answers[index]
    guard let tables = answer.tables else { preconditionFailure("a decided row has the tables of its answer") }
    let writer = writer(tables, answer.bundle)
    let features = chunk.features
    let start = Int(answer.featureStart)
    chunk.withRecord(index) { record in
      let view = TransactionView(trusted: record)
      let fields = DecisionFields(
        transactionID: view.id, card: view.card, partition: answer.partition, offset: answer.offset,
        eventTime: view.eventTime, decidedTime: answer.time, decision: answer.decision, listVersion: answer.listVersion,
        features: features.span.extracting(start..<start + Int(answer.featureCount)))
      switch format {
      case .ndjson: writer.appendJSON(fields, to: &out)
      case .csv: writer.appendCSV(fields, to: &out)
      }
    }
  }

  private mutating func writer(_ tables: DecisionsTables, _ bundle: UInt8) -> DecisionText {
    if let last, last.tables === tables, last.bundle == bundle { return last.writer }
    let names = tables.bundles[Int(bundle)]
    let key = Key(bundle: names.id, hasFeatures: !names.features.isEmpty)
    let writer = writers[key] ?? DecisionText(bundle: names.id, reasons: names.reasons, features: names.features)
    writers[key] = writer
    last = (tables, bundle, writer)
    return writer
  }
}
