import Wire

/// CSV records (RFC 4180) to transaction records: a header row first, then the same fields as in JSON, one a cell.
///
/// The delimiter (comma, semicolon or tab) is found from the header. Empty cells count as missing. Columns that aren't
/// known are passed over.
public struct TransactionCSV: Sendable {
  /// What the header told.
  public private(set) var delimiter = UInt8(ascii: ",")
  /// Per cell, the plan's column, or -1.
  private var cells: [Int] = []
  /// Names of the columns that are passed over.
  private var passedOver: [[UInt8]] = []
  private var rows = 0
  private var unknown = UnknownNames()
  private var assembler: TransactionAssembler
  private var scratch: [UInt8] = []

  public init(mapping: FieldMapping = .canonical, extraFields: [ExtraFieldSpec] = []) {
    assembler = TransactionAssembler(plan: FieldPlan(mapping, extraFields: extraFields))
  }

  public var hasHeader: Bool { !cells.isEmpty }

  /// Reads the header. Refuses one that lacks a required field's column or one that the mapping names: no row could be
  /// taken.
  public mutating func readHeader(_ record: RawSpan) throws(Rejection) {
    try Self.check(record)
    delimiter = Self.delimiter(of: record)
    let plan = assembler.plan
    var names: [String] = []
    var found: [Int] = []
    var reader = CSVRecord(record, delimiter: delimiter)
    while let cell = try reader.next() {
      reader.unquote(cell.range, into: &scratch)
      let column = plan.column(named: scratch.span.bytes)
      let name = String(decoding: scratch, as: UTF8.self)
      guard column < 0 || !found.contains(column) else {
        throw Rejection(.malformed, field: name, "the header names the column twice")
      }
      names.append(name)
      found.append(column)
      if column < 0, !scratch.isEmpty { passedOver.append(scratch) }
    }
    try checkColumns(plan, names, found)
    cells = found
  }

  /// Reads one record after the header. After a rejection the builder holds what was read until then, perhaps the id.
  public mutating func parse(_ record: RawSpan, into builder: inout TransactionBuilder) throws(Rejection) {
    precondition(hasHeader, "a CSV file's header is read first")
    rows += 1
    assembler.begin(&builder)
    guard record.byteCount <= TransactionJSON.lengthMax else {
      throw Rejection(
        .tooLarge, "the record has \(record.byteCount) bytes; at most \(TransactionJSON.lengthMax) are taken")
    }
    try Self.check(record)
    var reader = CSVRecord(record, delimiter: delimiter)
    var count = 0
    while let cell = try reader.next() {
      guard count < cells.count else {
        throw Rejection(.malformed, "the record has more cells than the header (\(cells.count))")
      }
      let column = cells[count]
      count += 1
      guard column >= 0 else { continue }
      if cell.hasQuotes {
        // Taken out of `self`, which the assembler's access covers.
        var content: [UInt8] = []
        swap(&content, &scratch)
        defer { swap(&content, &scratch) }
        reader.unquote(cell.range, into: &content)
        try assembler.take(column, .cell, content.span.bytes, into: &builder)
      } else {
        try assembler.take(column, .cell, reader.bytes(of: cell.range), into: &builder)
      }
    }
    guard count == cells.count else {
      throw Rejection(.malformed, "the record has \(count) cells, the header has \(cells.count)")
    }
    try assembler.finish(&builder)
  }

  /// The columns that it has passed over since the last call, with the number of rows.
  public mutating func takeUnknown() -> [String: Int] {
    guard rows > 0, !passedOver.isEmpty else { return [:] }
    for name in passedOver { unknown.note(name.span.bytes, times: rows) }
    rows = 0
    return unknown.take()
  }

  // MARK: Header

  private func checkColumns(_ plan: FieldPlan, _ names: [String], _ found: [Int]) throws(Rejection) {
    var destinations = Set(plan.constants.map(\.destination))
    for head in found where head >= 0 {
      var column = head
      while column >= 0 {
        destinations.insert(plan.steps[column].destination)
        column = Int(plan.steps[column].next)
      }
    }
    for column in plan.columns where column.isMapped && !names.contains(column.name) {
      throw Rejection(
        .missingField, field: column.name,
        "the mapping names this column, but the header hasn't got it\(Self.hint(column.name, names))")
    }
    for field in TransactionField.required
    where !destinations.contains(.field(field)) && !(field == .amount && destinations.contains(.field(.amountMinor))) {
      throw Rejection(
        .missingField, field: field.name,
        "the header has no such column; name one in the mapping\(Self.hint(field.name, names))")
    }
    for (index, spec) in plan.extraFields.enumerated() where spec.isRequired && !destinations.contains(.extra(index)) {
      throw Rejection(.missingField, field: spec.name, "the header has no such column; name one in the mapping")
    }
  }

  /// The near name only, never the list: the first row of a file without a header holds values.
  private static func hint(_ name: String, _ names: [String]) -> String {
    Suggestion.nearest(to: name, among: names).map { ". Did you mean '\($0)'?" } ?? ""
  }

  /// The most frequent of comma, semicolon and tab outside quotes; a comma where there is none.
  private static func delimiter(of header: RawSpan) -> UInt8 {
    var counts: [(byte: UInt8, count: Int)] = [(UInt8(ascii: ","), 0), (UInt8(ascii: ";"), 0), (UInt8(ascii: "\t"), 0)]
    var isQuoted = false
    for at in 0..<header.byteCount {
      let byte = header.textByte(at)
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      guard !isQuoted else { continue }
      for i in counts.indices where counts[i].byte == byte { counts[i].count += 1 }
    }
    var best = counts[0]
    for candidate in counts where candidate.count > best.count { best = candidate }
    return best.byte
  }

  private static func check(_ record: RawSpan) throws(Rejection) {
    guard UTF8Sequence.isValid(record) else { throw Rejection(.invalidUTF8, "the record is not UTF-8") }
  }
}
