/// A message in protocol buffers' text format, without its schema: fields by name, in order, repeated or not.
struct TextProto {
  indirect enum Field {
    case message(TextProto)
    /// A number, an enum's name, `true`.
    case word(String)
    case text([UInt8])
  }

  struct NamedField {
    var name: String
    var value: Field
  }

  private(set) var fields: [NamedField] = []

  struct Fault: Error, CustomStringConvertible {
    var description: String
  }

  init(parsing bytes: [UInt8]) throws {
    var scanner = TextProtoScanner(bytes: bytes)
    self = try scanner.message(until: nil)
  }

  init() {}

  mutating func append(_ name: String, _ value: Field) { fields.append(NamedField(name: name, value: value)) }

  func all(_ name: String) -> [Field] { fields.filter { $0.name == name }.map(\.value) }

  func messages(_ name: String) -> [TextProto] {
    all(name).compactMap { if case .message(let message) = $0 { message } else { nil } }
  }

  func message(_ name: String) -> TextProto? { messages(name).last }

  func word(_ name: String) -> String? {
    if case .word(let word)? = all(name).last { word } else { nil }
  }

  func bytes(_ name: String) -> [UInt8]? {
    if case .text(let bytes)? = all(name).last { bytes } else { nil }
  }

  func text(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

  func flag(_ name: String) -> Bool { word(name) == "true" }
}

struct TextProtoScanner {
  let bytes: [UInt8]
  var index = 0

  mutating func skip() {
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "#"): while index < bytes.count, bytes[index] != 10 { index += 1 }
      case 9, 10, 13, 32: index += 1
      default: return
      }
    }
  }

  var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  mutating func take(_ mark: Character) -> Bool {
    skip()
    guard next == mark.asciiValue else { return false }
    index += 1
    return true
  }

  func fault(_ message: String) -> TextProto.Fault {
    TextProto.Fault(description: "line \(1 + bytes[..<min(index, bytes.count)].count { $0 == 10 }): \(message)")
  }

  mutating func message(until end: Character?) throws -> TextProto {
    var message = TextProto()
    while true {
      skip()
      if let end, take(end) { return message }
      guard next != nil else {
        guard end == nil else { throw fault("a message is not closed") }
        return message
      }
      let name = try name()
      let hasColon = take(":")
      if take("[") {
        while !take("]") {
          message.append(name, try value())
          _ = take(",")
        }
      } else {
        guard hasColon || next == UInt8(ascii: "{") || next == UInt8(ascii: "<") else { throw fault("':' expected behind \(name)") }
        message.append(name, try value())
      }
      if !take(",") { _ = take(";") }
    }
  }

  /// A field's name, or a type's in brackets.
  private mutating func name() throws -> String {
    if take("[") {
      let start = index
      while let byte = next, byte != UInt8(ascii: "]") { _ = byte; index += 1 }
      defer { index += 1 }
      return "[\(String(decoding: bytes[start..<index], as: UTF8.self))]"
    }
    let word = word()
    guard !word.isEmpty else { throw fault("a name was expected") }
    return word
  }

  private mutating func word() -> String {
    skip()
    let start = index
    while let byte = next, byte > 32, !":{}[]<>,;\"'#".utf8.contains(byte) { index += 1 }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  private mutating func value() throws -> TextProto.Field {
    skip()
    if take("{") { return .message(try message(until: "}")) }
    if take("<") { return .message(try message(until: ">")) }
    guard next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") else {
      let word = word()
      guard !word.isEmpty else { throw fault("a value was expected") }
      return .word(word)
    }
    var text: [UInt8] = []
    while next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") {
      try string(into: &text)
      skip()
    }
    return .text(text)
  }

  private mutating func string(into text: inout [UInt8]) throws {
    let quote = bytes[index]
    index += 1
    while let byte = next, byte != quote {
      index += 1
      if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
    }
    guard next == quote else { throw fault("a string is not closed") }
    index += 1
  }

  private mutating func escape(into text: inout [UInt8]) throws {
    guard let code = next else { throw fault("a string is not closed") }
    index += 1
    switch Character(UnicodeScalar(code)) {
    case "n": text.append(10)
    case "r": text.append(13)
    case "t": text.append(9)
    case "a": text.append(7)
    case "b": text.append(8)
    case "f": text.append(12)
    case "v": text.append(11)
    case "x", "X": text.append(UInt8(truncatingIfNeeded: try digits(radix: 16, max: 2)))
    case "u": try scalar(try digits(radix: 16, max: 4), into: &text)
    case "U": try scalar(try digits(radix: 16, max: 8), into: &text)
    case "0"..."7":
      index -= 1
      text.append(UInt8(truncatingIfNeeded: try digits(radix: 8, max: 3)))
    default: text.append(code)
    }
  }

  private mutating func digits(radix: Int, max: Int) throws -> UInt32 {
    var digits = ""
    while digits.count < max, let byte = next, let digit = Character(UnicodeScalar(byte)).hexDigitValue, digit < radix {
      digits.append(Character(UnicodeScalar(byte)))
      index += 1
    }
    guard let value = UInt32(digits, radix: radix) else { throw fault("an escape without digits") }
    return value
  }

  private func scalar(_ code: UInt32, into text: inout [UInt8]) throws {
    guard let scalar = UnicodeScalar(code) else { throw fault("no code point") }
    text += Array(String(Character(scalar)).utf8)
  }
}
