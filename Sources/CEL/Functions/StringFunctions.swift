/// Functions of texts. Places and lengths count code points.
enum StringFunctions {
  static func apply(_ builtin: Builtin, _ text: String) -> Value? {
    switch builtin {
    case .lowerAscii: return .string(mapped(text, from: 0x41...0x5A) { $0 + 32 })
    case .upperAscii: return .string(mapped(text, from: 0x61...0x7A) { $0 - 32 })
    case .trim: return .string(trimmed(text))
    case .reverse: return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
    case .quote: return .string(quoted(text))
    default: return nil
    }
  }

  static func apply(_ builtin: Builtin, _ text: String, _ argument: Value) throws(EvaluationError) -> Value? {
    switch (builtin, argument) {
    case (.contains, .string(let part)): return .bool(contains(text, part))
    case (.startsWith, .string(let part)): return .bool(text.utf8.starts(with: part.utf8))
    case (.endsWith, .string(let part)):
      return .bool(text.utf8.count >= part.utf8.count && text.utf8.suffix(part.utf8.count).elementsEqual(part.utf8))
    case (.charAt, .int(let index)): return try substring(text, index, nil, length: 1)
    case (.indexOf, .string(let part)): return .int(try indexOf(text, part, from: nil))
    case (.lastIndexOf, .string(let part)): return .int(try lastIndexOf(text, part, from: nil))
    case (.split, .string(let separator)): return .list(split(text, separator, -1))
    case (.substring, .int(let start)): return try substring(text, start, nil, length: nil)
    default: return nil
    }
  }

  static func apply(_ builtin: Builtin, _ text: String, _ a: Value, _ b: Value, count: Int) throws(EvaluationError) -> Value? {
    guard count == 3 else { return nil }
    switch (builtin, a, b) {
    case (.indexOf, .string(let part), .int(let start)): return .int(try indexOf(text, part, from: start))
    case (.lastIndexOf, .string(let part), .int(let start)): return .int(try lastIndexOf(text, part, from: start))
    case (.split, .string(let separator), .int(let limit)): return .list(split(text, separator, limit))
    case (.substring, .int(let start), .int(let end)): return try substring(text, start, end, length: nil)
    default: return nil
    }
  }

  private static func outOfRange(_ index: Int64) -> EvaluationError {
    EvaluationError(.invalidArgument, "index out of range: \(index)")
  }

  private static func mapped(_ text: String, from letters: ClosedRange<UInt8>, _ change: (UInt8) -> UInt8) -> String {
    String(decoding: text.utf8.map { letters.contains($0) ? change($0) : $0 }, as: UTF8.self)
  }

  static func contains(_ text: String, _ part: String) -> Bool {
    var (text, part) = (text, part)
    return text.withUTF8 { text in part.withUTF8 { Bytes.index(of: $0, in: text, from: 0) != nil } }
  }

  private static func substring(_ text: String, _ start: Int64, _ end: Int64?, length: Int64?) throws(EvaluationError) -> Value {
    let scalars = Array(text.unicodeScalars)
    let count = Int64(scalars.count)
    guard start >= 0, start <= count else { throw outOfRange(start) }
    let end = end ?? length.map { min(start + $0, count) } ?? count
    guard end >= 0, end <= count else { throw outOfRange(end) }
    guard start <= end else { throw EvaluationError(.invalidArgument, "invalid substring range. start: \(start), end: \(end)") }
    return .string(joined(scalars[Int(start)..<Int(end)]))
  }

  private static func joined(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  private static func indexOf(_ text: String, _ part: String, from start: Int64?) throws(EvaluationError) -> Int64 {
    var bytes = text
    let count = Int64(text.unicodeScalars.count)
    let start = start ?? 0
    guard start >= 0, start <= count else { throw outOfRange(start) }
    let from = text.utf8.distance(from: text.startIndex, to: text.unicodeScalars.index(text.startIndex, offsetBy: Int(start)))
    var wanted = part
    let place = bytes.withUTF8 { text in wanted.withUTF8 { Bytes.index(of: $0, in: text, from: from) } }
    guard let place else { return -1 }
    return bytes.withUTF8 { Int64(Bytes.codePoints($0, before: place)) }
  }

  /// The last place at or before `start`.
  private static func lastIndexOf(_ text: String, _ part: String, from start: Int64?) throws(EvaluationError) -> Int64 {
    let count = Int64(text.unicodeScalars.count)
    let start = start ?? count
    guard start >= 0, start <= count else { throw outOfRange(start) }
    var bytes = text
    var wanted = part
    let from = text.utf8.distance(from: text.startIndex, to: text.unicodeScalars.index(text.startIndex, offsetBy: Int(start)))
    let place = bytes.withUTF8 { text in wanted.withUTF8 { Bytes.lastIndex(of: $0, in: text, from: from) } }
    guard let place else { return -1 }
    return bytes.withUTF8 { Int64(Bytes.codePoints($0, before: place)) }
  }

  /// At most `limit` parts, the last with the rest; any number for a negative limit. Nothing separates single letters.
  private static func split(_ text: String, _ separator: String, _ limit: Int64) -> [Value] {
    guard limit != 0 else { return [] }
    let limit = limit < 0 ? Int.max : Int(limit)
    if separator.isEmpty {
      let scalars = Array(text.unicodeScalars)
      let singles = scalars.prefix(limit == .max || scalars.count <= limit ? scalars.count : limit - 1)
      let rest = scalars.dropFirst(singles.count)
      return singles.map { .string(String($0)) } + (rest.isEmpty ? [] : [.string(joined(rest))])
    }
    return Bytes.split(Array(text.utf8), Array(separator.utf8), limit).map { .string(String(decoding: $0, as: UTF8.self)) }
  }

  /// Unicode's White_Space at both ends.
  private static func trimmed(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    guard let first = scalars.firstIndex(where: { !isBlank($0) }), let last = scalars.lastIndex(where: { !isBlank($0) }) else { return "" }
    return joined(scalars[first...last])
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x07: result += "\\a"
      case 0x08: result += "\\b"
      case 0x0C: result += "\\f"
      case 0x0A: result += "\\n"
      case 0x0D: result += "\\r"
      case 0x09: result += "\\t"
      case 0x0B: result += "\\v"
      case 0x5C: result += "\\\\"
      case 0x22: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
