import Wire

/// One JSON object to one transaction record. Keep one parser per stream: it reuses its buffers.
///
/// Keys are the canonical names of `TransactionField`, those of the schema's extra fields, and those that the mapping
/// names. `null` and empty text count as missing. The same known key twice is malformed.
public struct TransactionJSON: Sendable {
  /// Bytes of one object; a longer one is refused unread.
  public static let lengthMax = 65_536

  /// Refuses keys that aren't known (HTTP) instead of passing over them (foreign files).
  public let refusesUnknownFields: Bool
  /// The keys that it has passed over.
  public var unknown = UnknownNames()
  private var assembler: TransactionAssembler
  private var scratch: [UInt8] = []

  public init(
    mapping: FieldMapping = .canonical, extraFields: [ExtraFieldSpec] = [], refuseUnknownFields: Bool = false
  ) {
    assembler = TransactionAssembler(plan: FieldPlan(mapping, extraFields: extraFields))
    refusesUnknownFields = refuseUnknownFields
  }

  /// Reads one object that is all of `text`. After a rejection the builder holds what was read until then, perhaps
  /// the id.
  public mutating func parse(_ text: RawSpan, into builder: inout TransactionBuilder) throws(Rejection) {
    var scanner = JSONScanner(text)
    builder.reset()
    guard text.byteCount <= Self.lengthMax else {
      throw Rejection(.tooLarge, "the object has \(text.byteCount) bytes; at most \(Self.lengthMax) are taken")
    }
    try readObject(&scanner, &builder)
    do throws(JSONError) { try scanner.finish() } catch { throw Self.rejection(error) }
    try assembler.finish(&builder)
  }

  /// Reads the object that comes next, such as an element of an array.
  public mutating func parseNext(
    from scanner: inout JSONScanner, into builder: inout TransactionBuilder
  ) throws(Rejection) {
    try readObject(&scanner, &builder)
    try assembler.finish(&builder)
  }

  private mutating func readObject(
    _ scanner: inout JSONScanner, _ builder: inout TransactionBuilder
  ) throws(Rejection) {
    assembler.begin(&builder)
    do throws(JSONError) {
      try scanner.beginObject()
    } catch {
      throw Self.rejection(error)
    }
    var isFirst = true
    while true {
      let key: JSONText?
      do throws(JSONError) { key = try scanner.nextKey(isFirst: isFirst) } catch { throw Self.rejection(error) }
      guard let key else { break }
      isFirst = false
      let column: Int
      if key.isEscaped {
        scanner.unescape(key, into: &scratch)
        column = assembler.plan.column(named: scratch.span.bytes)
      } else {
        column = assembler.plan.column(named: scanner.bytes(of: key))
      }
      if column < 0 {
        guard !refusesUnknownFields else { throw unknownField(scanner.bytes(of: key)) }
        if key.isEscaped {
          let name = scratch
          unknown.note(name.span.bytes)
        } else {
          unknown.note(scanner.bytes(of: key))
        }
        do throws(JSONError) { try scanner.skipValue() } catch { throw Self.rejection(error) }
      } else {
        guard assembler.note(column) else {
          throw Rejection(.malformed, field: assembler.plan.columns[column].name, "the key stands twice")
        }
        try readValue(column, &scanner, &builder)
      }
    }
  }

  @inline(__always) private mutating func readValue(
    _ column: Int, _ scanner: inout JSONScanner, _ builder: inout TransactionBuilder
  ) throws(Rejection) {
    let kind: JSONScanner.Kind
    var text = JSONText(start: 0, end: 0, isEscaped: false)
    var number = 0..<0
    do throws(JSONError) {
      kind = try scanner.peek()
      switch kind {
      case .string: text = try scanner.readString()
      case .number: number = try scanner.readNumber()
      case .yes, .no, .null: try scanner.readLiteral(kind)
      case .object, .array: try scanner.skipValue()
      }
    } catch {
      throw Self.rejection(error)
    }
    switch kind {
    case .string where text.isEscaped:
      // Taken out of `self`, which the assembler's access covers.
      var content: [UInt8] = []
      swap(&content, &scratch)
      defer { swap(&content, &scratch) }
      scanner.unescape(text, into: &content)
      try assembler.take(column, .string, content.span.bytes, into: &builder)
    case .string: try assembler.take(column, .string, scanner.bytes(of: text), into: &builder)
    case .number: try assembler.take(column, .number, scanner.bytes(of: number), into: &builder)
    case .yes: try assembler.take(column, .yes, Self.yes.span.bytes, into: &builder)
    case .no: try assembler.take(column, .no, Self.no.span.bytes, into: &builder)
    case .null: break
    case .object, .array:
      throw Rejection(
        .illTypedField, field: assembler.plan.columns[column].name, "a plain value is expected, not an object or array")
    }
  }

  private static let yes = Array("true".utf8)
  private static let no = Array("false".utf8)

  /// Names the key only when it is short and plain: a key is input too, and may be anything.
  private func unknownField(_ key: RawSpan) -> Rejection {
    let name = key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    let isPlain = name.utf8.count <= 40 && name.utf8.allSatisfy { (97...122).contains($0 | 0x20) || $0 == 95 }
    let hint = Suggestion.nearest(to: name, among: assembler.plan.columns.map(\.name))
    return Rejection(
      .unknownField, field: isPlain ? name : "",
      hint.map { "the field isn't known; did you mean `\($0)`?" } ?? "a field isn't known to the schema")
  }

  static func rejection(_ error: JSONError) -> Rejection {
    if case .invalidUTF8 = error { return Rejection(.invalidUTF8, "not UTF-8: \(error)") }
    return Rejection(.malformed, "not a JSON object of a transaction: \(error)")
  }
}
