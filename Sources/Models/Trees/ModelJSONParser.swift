/// A parser of JSON (RFC 8259) for model documents: numbers stay text until somebody knows their type, so that a
/// float32 is rounded once, and an array of numbers is one range of bytes. `NaN`, `Infinity` and `-Infinity`, which XGBoost
/// writes, count as numbers.
struct ModelJSONParser {
  indirect enum Value: Sendable {
    case null
    case bool(Bool)
    case number(Range<Int>)
    case string(String)
    /// An array of numbers or booleans only: the bytes between its brackets.
    case scalars(Range<Int>, count: Int)
    case array([Value])
    case object([(name: String, value: Value)])
  }

  static let nestingMax = 32
  static let valuesMax = 4_000_000
  static let stringBytesMax = 1 << 20

  let bytes: [UInt8]
  private var at = 0
  private var values = 0

  static func parse(_ bytes: [UInt8]) throws(ModelError) -> Value {
    guard bytes.count <= TreeLimits.documentBytes else {
      throw ModelError(
        .tooLarge, "A model document has \(bytes.count) bytes; at most \(TreeLimits.documentBytes) are possible",
        at: "byte \(TreeLimits.documentBytes)", advice: "Train with fewer or smaller trees.")
    }
    var parser = ModelJSONParser(bytes: bytes)
    let value = try parser.value(nesting: 0)
    parser.skipSpace()
    guard parser.at == bytes.count else { throw parser.broken("Something follows the end of the document") }
    return value
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private func broken(_ what: String) -> ModelError {
    ModelError(
      .malformed, what, at: "byte \(at)",
      advice: "This must be a complete JSON document: export the model again (XGBoost: save_model(\"model.json\")).")
  }

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    at += 1
    return true
  }

  private mutating func take(_ literal: StaticString) -> Bool {
    let count = literal.utf8CodeUnitCount
    guard bytes.count - at >= count else { return false }
    for i in 0..<count where bytes[at + i] != literal.utf8Start[i] { return false }
    at += count
    return true
  }

  private mutating func value(nesting: Int) throws(ModelError) -> Value {
    guard nesting < Self.nestingMax else { throw broken("JSON is nested more than \(Self.nestingMax) deep") }
    values += 1
    guard values <= Self.valuesMax else { throw broken("JSON holds more than \(Self.valuesMax) values") }
    skipSpace()
    switch peek {
    case UInt8(ascii: "{"): return try object(nesting: nesting)
    case UInt8(ascii: "["): return try array(nesting: nesting)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "n"):
      guard take("null") else { throw broken("A JSON value is broken") }
      return .null
    default:
      let start = at
      guard try scalar() else {
        throw broken(at == bytes.count ? "The document ends in the middle" : "A JSON value is missing or broken")
      }
      return switch bytes[start] {
      case UInt8(ascii: "t"): .bool(true)
      case UInt8(ascii: "f"): .bool(false)
      default: .number(start..<at)
      }
    }
  }

  private mutating func object(nesting: Int) throws(ModelError) -> Value {
    at += 1
    var members: [(name: String, value: Value)] = []
    var names: Set<String> = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw broken("A JSON member's name is missing") }
      let name = try string()
      guard names.insert(name).inserted else { throw broken("A JSON object has the member \"\(name)\" twice") }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw broken("A JSON member's colon is missing") }
      members.append((name, try value(nesting: nesting + 1)))
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw broken("A JSON object is not closed") }
    }
  }

  private mutating func array(nesting: Int) throws(ModelError) -> Value {
    at += 1
    skipSpace()
    let start = at
    if take(UInt8(ascii: "]")) { return .scalars(start..<start, count: 0) }
    if let count = try scalars() { return .scalars(start..<(at - 1), count: count) }
    at = start
    var elements: [Value] = []
    while true {
      elements.append(try value(nesting: nesting + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      guard take(UInt8(ascii: ",")) else { throw broken("A JSON array is not closed") }
    }
  }

  /// The rest of an array, bracket included, when it holds nothing but numbers and booleans.
  private mutating func scalars() throws(ModelError) -> Int? {
    var count = 0
    while true {
      skipSpace()
      guard try scalar() else { return nil }
      count += 1
      skipSpace()
      if take(UInt8(ascii: "]")) { return count }
      guard take(UInt8(ascii: ",")) else { throw broken("A JSON array is not closed") }
    }
  }

  /// Steps over a number or a boolean; false where none begins.
  private mutating func scalar() throws(ModelError) -> Bool {
    if take("true") || take("false") || take("NaN") || take("Infinity") || take("-Infinity") { return true }
    let start = at
    _ = take(UInt8(ascii: "-"))
    let whole = digits()
    guard whole > 0 else {
      at = start
      return false
    }
    if take(UInt8(ascii: ".")), digits() == 0 { throw broken("A number ends with its point") }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
      if digits() == 0 { throw broken("A number's exponent is missing") }
    }
    guard at - start <= 64 else { throw broken("A number has more than 64 characters") }
    return true
  }

  private mutating func digits() -> Int {
    let start = at
    while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { at += 1 }
    return at - start
  }

  private mutating func string() throws(ModelError) -> String {
    at += 1
    let start = at
    var text: [UInt8] = []
    while let byte = peek {
      guard at - start <= Self.stringBytesMax else {
        throw broken("A string has more than \(Self.stringBytesMax) bytes")
      }
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else { throw broken("A string is not UTF-8") }
        return string
      case UInt8(ascii: "\\"): text += try escape()
      case 0..<0x20: throw broken("A string holds a control character")
      default: text.append(byte)
      }
    }
    throw broken("A string is not closed")
  }

  private mutating func escape() throws(ModelError) -> [UInt8] {
    guard let byte = peek else { throw broken("A string is not closed") }
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      var units = [try codeUnit()]
      if UTF16.isLeadSurrogate(units[0]), take("\\u") { units.append(try codeUnit()) }
      guard let text = String(validating: units, as: UTF16.self) else { throw broken("A \\u escape is half a pair") }
      return Array(text.utf8)
    default: throw broken("A string holds an unknown escape")
    }
  }

  private mutating func codeUnit() throws(ModelError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
        throw broken("A \\u escape needs four hexadecimal digits")
      }
      at += 1
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }
}
