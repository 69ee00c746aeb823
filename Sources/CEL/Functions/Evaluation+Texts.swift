/// What may grow beyond its arguments is charged before it is made.
extension Evaluation {
  mutating func join(_ list: Value, _ separator: String) throws(EvaluationError) -> Value? {
    guard case .list(let elements) = list else { return nil }
    var size = separator.utf8.count * max(elements.count - 1, 0)
    for element in elements {
      guard case .string(let text) = element else { throw .noOverload("join", [list]) }
      size += text.utf8.count
    }
    try charge(size / 16)
    var result = ""
    result.reserveCapacity(size)
    for (index, element) in elements.enumerated() {
      if index > 0 { result += separator }
      if case .string(let text) = element { result += text }
    }
    return .string(result)
  }

  /// `text.replace(old, new)` or with the number of occurrences, all for a negative one.
  mutating func replace(_ arguments: [Value]) throws(EvaluationError) -> Value? {
    guard arguments.count <= 4, case .string(let text) = arguments[0], case .string(let old) = arguments[1],
      case .string(let new) = arguments[2]
    else { return nil }
    var limit = Int64(-1)
    if arguments.count == 4 {
      guard case .int(let given) = arguments[3] else { return nil }
      limit = given
    }
    let count = limit < 0 ? Int.max : Int(limit)
    let bytes = Array(text.utf8)
    let parts = old.isEmpty ? Self.letters(bytes, count) : Bytes.split(bytes, Array(old.utf8), count == .max ? .max : count + 1)
    try charge((bytes.count + parts.count * new.utf8.count) / 16)
    return .string(String(decoding: Array(parts.joined(separator: Array(new.utf8))), as: UTF8.self))
  }

  /// Cut before each letter and at the end, `count` times at most.
  private static func letters(_ bytes: [UInt8], _ count: Int) -> [ArraySlice<UInt8>] {
    var cuts = bytes.indices.filter { bytes[$0] & 0xC0 != 0x80 } + [bytes.count]
    if cuts.count > count { cuts.removeLast(cuts.count - count) }
    var parts: [ArraySlice<UInt8>] = []
    var start = 0
    for cut in cuts {
      parts.append(bytes[start..<cut])
      start = cut
    }
    return parts + [bytes[start...]]
  }

  /// `template.format(values)`: `%s %d %f %e %x %X %o %b %%`, `%.3f` with a precision (doc/extensions/strings.md).
  mutating func format(_ template: String, _ values: [Value]) throws(EvaluationError) -> String {
    var scanner = FormatScanner(template)
    var result = ""
    var next = 0
    while let piece = try scanner.next() {
      switch piece {
      case .text(let text): result += text
      case .clause(let letter, let precision):
        guard next < values.count else { throw EvaluationError(.invalidArgument, "there are more clauses than values: \(values.count)") }
        result += try formatted(values[next], letter, precision)
        next += 1
      }
    }
    return result
  }

  private mutating func formatted(_ value: Value, _ letter: Character, _ precision: Int) throws(EvaluationError) -> String {
    switch letter {
    case "s": return try shown(value)
    case "d": return try decimal(value)
    case "f", "e": return try double(value, letter, precision)
    case "x": return try radix(value, 16)
    case "X": return try radix(value, 16).uppercased()
    case "o": return try radix(value, 8)
    default: return try radix(value, 2)
    }
  }

  private func refused(_ value: Value, _ clause: String) -> EvaluationError {
    EvaluationError(.invalidArgument, "'%\(clause)' can't show a \(value.typeName)")
  }

  private func decimal(_ value: Value) throws(EvaluationError) -> String {
    switch value {
    case .int(let number): return String(number)
    case .uint(let number): return String(number)
    case .double(let number): return DecimalText.text(number)
    default: throw refused(value, "d")
    }
  }

  private mutating func double(_ value: Value, _ letter: Character, _ precision: Int) throws(EvaluationError) -> String {
    guard let number = value.number?.asDouble else { throw refused(value, String(letter)) }
    guard number.isFinite else { return DecimalText.text(number) }
    // All of a double's digits may have to be worked out.
    try charge(1000 + precision)
    return letter == "f" ? DecimalText.fixed(number, precision: precision) : DecimalText.scientific(number, precision: precision)
  }

  private mutating func radix(_ value: Value, _ radix: Int) throws(EvaluationError) -> String {
    switch value {
    case .int(let number): return String(number, radix: radix)
    case .uint(let number): return String(number, radix: radix)
    case .bool(let truth) where radix == 2: return truth ? "1" : "0"
    case .string(let text) where radix == 16: return hexadecimal(text.utf8)
    case .bytes(let bytes) where radix == 16: return hexadecimal(bytes)
    default: throw refused(value, radix == 16 ? "x" : radix == 8 ? "o" : "b")
    }
  }

  private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// `%s`: lists and maps with what is in them, maps in the order of their keys as text.
  private mutating func shown(_ value: Value) throws(EvaluationError) -> String {
    try charge(1)
    switch value {
    case .null: return "null"
    case .type(let name): return name
    case .list(let elements):
      var parts: [String] = []
      for element in elements { parts.append(try shown(element)) }
      return "[\(parts.joined(separator: ", "))]"
    case .map(let map):
      var parts: [(key: String, value: String)] = []
      for entry in map.entries { parts.append((try shown(entry.key), try shown(entry.value))) }
      parts.sort { Text.order($0.key, $1.key) < 0 }
      return "{\(parts.map { "\($0.key): \($0.value)" }.joined(separator: ", "))}"
    default:
      try charge(value.cost)
      guard case .string(let text) = try Conversion.string(value) else { throw refused(value, "s") }
      return text
    }
  }
}

/// Cuts a template into texts and clauses.
private struct FormatScanner {
  enum Piece {
    case text(String)
    case clause(Character, precision: Int)
  }

  static let precisionMax = 1000

  private var rest: Substring

  init(_ template: String) { rest = template[...] }

  mutating func next() throws(EvaluationError) -> Piece? {
    guard let first = rest.first else { return nil }
    guard first == "%" else {
      let text = rest.prefix { $0 != "%" }
      rest = rest.dropFirst(text.count)
      return .text(String(text))
    }
    rest.removeFirst()
    if rest.first == "%" {
      rest.removeFirst()
      return .text("%")
    }
    var precision = 6
    if rest.first == "." {
      rest.removeFirst()
      let digits = rest.prefix { "0123456789".contains($0) }
      guard let given = Int(digits), given <= Self.precisionMax else {
        throw EvaluationError(.invalidArgument, "a precision is a number up to \(Self.precisionMax)")
      }
      precision = given
      rest = rest.dropFirst(digits.count)
    }
    guard let letter = rest.popFirst(), "sdfexXob".contains(letter) else {
      throw EvaluationError(.invalidArgument, "a '%' is followed by none of s, d, f, e, x, X, o, b, %")
    }
    return .clause(letter, precision: precision)
  }
}
