import Wire

/// A file or a stream of transactions as text, from bytes in pieces of any size to records and rejections. A bad line
/// never stops the stream.
public struct TransactionTextReader {
  public enum Format: String, CaseIterable, Sendable {
    case ndjson, csv
  }

  /// A line that isn't a transaction.
  public struct BadLine: Equatable, Sendable {
    public var rejection: Rejection
    /// From 1.
    public var number: Int
    /// Its first bytes, at most `LineSplitter.excerptMax`, as they came.
    public var excerpt: [UInt8]
    /// As far as it was read; empty otherwise.
    public var transactionID: [UInt8]
  }

  private var splitter: LineSplitter
  private var json: TransactionJSON?
  private var csv: TransactionCSV?
  private var builder = TransactionBuilder()

  public init(
    _ format: Format, mapping: FieldMapping = .canonical, extraFields: [ExtraFieldSpec] = [],
    refuseUnknownFields: Bool = false
  ) {
    switch format {
    case .ndjson:
      json = TransactionJSON(mapping: mapping, extraFields: extraFields, refuseUnknownFields: refuseUnknownFields)
      splitter = LineSplitter()
    case .csv:
      csv = TransactionCSV(mapping: mapping, extraFields: extraFields)
      splitter = LineSplitter(framing: .csv(delimiter: nil))
    }
  }

  /// Takes the next bytes. Calls `onRecord` with each transaction (borrowed) and its line, `onBadLine` with each line
  /// refused, in the order of the file. Throws only for a CSV header with which no row could be read.
  public mutating func feed(
    _ chunk: RawSpan, onRecord: (borrowing TransactionBuilder, Int) -> Void, onBadLine: (BadLine) -> Void
  ) throws(Rejection) {
    var splitter = splitter
    self.splitter = LineSplitter()
    defer { self.splitter = splitter }
    var at = 0
    if case .csv(nil) = splitter.framing {
      // Line by line until the header has told the delimiter: the rest must be cut by it.
      while at < chunk.byteCount, case .csv(nil) = splitter.framing {
        var end = at
        while end < chunk.byteCount, chunk.textByte(end) != UInt8(ascii: "\n") { end += 1 }
        let next = min(end + 1, chunk.byteCount)
        try splitter.feed(chunk.extracting(at..<next)) { (bytes, line) throws(Rejection) in
          try take(bytes, line, onRecord, onBadLine)
        }
        at = next
        if let csv, csv.hasHeader { splitter.framing = .csv(delimiter: csv.delimiter) }
      }
    }
    try splitter.feed(chunk.extracting(at..<chunk.byteCount)) { (bytes, line) throws(Rejection) in
      try take(bytes, line, onRecord, onBadLine)
    }
  }

  /// The stream has ended: takes a last line without a line feed.
  public mutating func finish(
    onRecord: (borrowing TransactionBuilder, Int) -> Void, onBadLine: (BadLine) -> Void
  ) throws(Rejection) {
    var splitter = splitter
    try splitter.finish { (bytes, line) throws(Rejection) in try take(bytes, line, onRecord, onBadLine) }
    self.splitter = splitter
  }

  private mutating func take(
    _ bytes: RawSpan, _ line: LineSplitter.Line, _ onRecord: (borrowing TransactionBuilder, Int) -> Void,
    _ onBadLine: (BadLine) -> Void
  ) throws(Rejection) {
    if csv?.hasHeader == false {
      guard !line.isTooLong else {
        throw Rejection(.tooLarge, "the header is longer than \(TransactionJSON.lengthMax) bytes")
      }
      try self.csv!.readHeader(bytes)
      return
    }
    do throws(Rejection) {
      guard !line.isTooLong else {
        builder.reset()
        throw Rejection(.tooLarge, "the line is longer than \(TransactionJSON.lengthMax) bytes")
      }
      if json != nil {
        try json!.parse(bytes, into: &builder)
      } else {
        try csv!.parse(bytes, into: &builder)
      }
    } catch {
      let excerpt = bytes.extracting(first: LineSplitter.excerptMax).withUnsafeBytes { Array($0) }
      onBadLine(BadLine(rejection: error, number: line.number, excerpt: excerpt, transactionID: builder.id))
      return
    }
    onRecord(builder, line.number)
  }
}
