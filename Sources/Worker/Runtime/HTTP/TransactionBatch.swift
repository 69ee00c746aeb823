import Models
import Wire

/// A request's body as transaction records: one object, or an array of them; for labels, with the label behind each.
struct TransactionBatch {
  enum Row {
    /// The record's bytes in `payload`.
    case submitted(Range<Int>)
    /// With the transaction's id as far as it was read.
    case rejected(Rejection, id: [UInt8])
  }

  /// A body that is no transaction and no array.
  enum Defect: Error {
    case json(JSONError)
    /// Neither an object nor an array.
    case kind
    case empty
    case tooMany
  }

  static let source = "http"
  static var rowsMax: Int { Submit.rowsMax }

  private(set) var rows: [Row] = []
  private(set) var isArray = false
  let isOfLabels: Bool
  /// Index of the label among the parser's extra fields.
  private let labelField: Int
  /// A `Submit` message whose header is still to be filled in: see `seal`.
  private(set) var payload = [UInt8](repeating: 0, count: Submit.headerSize)
  private(set) var submittedCount = 0
  private(set) var quarantine: [Quarantine.Record] = []
  private var builder = TransactionBuilder()

  /// `labelField` is where the parser's extra fields have `LabelFields.specs`, if the rows are labels.
  init(_ body: RawSpan, _ parser: inout TransactionJSON, labelField: Int? = nil) throws(Defect) {
    isOfLabels = labelField != nil
    self.labelField = labelField ?? 0
    payload.reserveCapacity(Submit.headerSize + body.byteCount)
    try read(body, &parser)
  }

  /// Writes the header of the `Submit`. There must be a submitted row.
  mutating func seal(_ submit: Submit) {
    var header = WireWriter(capacity: Submit.headerSize)
    submit.write(rows: RawSpan(), to: &header)
    payload.replaceSubrange(0..<Submit.headerSize, with: header.bytes)
  }

  private mutating func read(_ text: RawSpan, _ parser: inout TransactionJSON) throws(Defect) {
    let defect: Defect?
    do throws(JSONError) { defect = try readRows(text, &parser) } catch { throw .json(error) }
    if let defect { throw defect }
  }

  private mutating func readRows(_ text: RawSpan, _ parser: inout TransactionJSON) throws(JSONError) -> Defect? {
    var scanner = JSONScanner(text)
    switch try scanner.peek() {
    case .object: try readRow(text, &scanner, &parser)
    case .array:
      isArray = true
      try scanner.beginArray()
      while try scanner.nextElement(isFirst: rows.isEmpty) {
        guard rows.count < Self.rowsMax else { return .tooMany }
        try readRow(text, &scanner, &parser)
      }
      if rows.isEmpty { return .empty }
    default: return .kind
    }
    try scanner.finish()
    return nil
  }

  /// Reads the value that comes next. A row that is JSON, but no transaction, is rejected by itself; throws where the
  /// text is not JSON, for then it can't be told where the next row begins.
  private mutating func readRow(
    _ text: RawSpan, _ scanner: inout JSONScanner, _ parser: inout TransactionJSON
  ) throws(JSONError) {
    _ = try scanner.peek()
    let start = scanner.position
    var next = scanner
    do throws(Rejection) {
      try parser.parseNext(from: &next, into: &builder)
      let length = next.position - start
      guard length <= TransactionJSON.lengthMax else {
        throw Rejection(.tooLarge, "the object has \(length) bytes; at most \(TransactionJSON.lengthMax) are taken")
      }
      let label = isOfLabels ? try LabelFields.take(from: &builder, first: labelField) : nil
      let place = payload.count
      builder.append(to: &payload)
      label?.append(to: &payload)
      rows.append(.submitted(place..<payload.count))
      submittedCount += 1
      scanner = next
    } catch {
      try scanner.skipValue()
      let raw = text.extracting(start..<min(scanner.position, start + Quarantine.excerptMax))
      quarantine.append(
        Quarantine.Record(rejection: error, source: Self.source, excerpt: raw.withUnsafeBytes { Array($0) }))
      rows.append(.rejected(error, id: builder.id))
    }
  }
}
