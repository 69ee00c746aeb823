extension Lexer {
  /// `r`, `b`, `br`, `rb` or nothing before a quote; nil where no literal begins.
  func literalPrefix() -> (raw: Bool, isBytes: Bool, length: Int)? {
    var raw = false
    var isBytes = false
    var length = 0
    while length < 2 {
      switch peek(length) | 0x20 {
      case UInt8(ascii: "r") where !raw: raw = true
      case UInt8(ascii: "b") where !isBytes: isBytes = true
      default:
        return isQuote(peek(length)) ? (raw, isBytes, length) : nil
      }
      length += 1
    }
    return isQuote(peek(length)) ? (raw, isBytes, length) : nil
  }

  private func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

  /// STRING_LIT or BYTES_LIT.
  mutating func quoted(raw: Bool, isBytes: Bool, length: Int) throws(ExpressionIssue) -> Token.Kind {
    let start = index
    index += length
    let quote = bytes[index]
    let isTriple = peek(1) == quote && peek(2) == quote
    index += isTriple ? 3 : 1
    var content: [UInt8] = []
    while true {
      guard index < bytes.count else { throw ExpressionIssue(offset: start, message: "the string is not closed") }
      let byte = bytes[index]
      if byte == quote, !isTriple || (peek(1) == quote && peek(2) == quote) {
        index += isTriple ? 3 : 1
        break
      }
      if !isTriple, byte == 0x0A || byte == 0x0D {
        throw ExpressionIssue(offset: start, message: "the string is not closed on its line; three quotes may hold several")
      }
      // A raw string keeps its backslashes: nothing can keep a quote from closing it.
      if byte == UInt8(ascii: "\\"), !raw {
        try escape(into: &content, isBytes: isBytes)
        continue
      }
      content.append(byte)
      index += 1
    }
    return isBytes ? .bytes(content) : .string(String(decoding: content, as: UTF8.self))
  }

  private mutating func escape(into content: inout [UInt8], isBytes: Bool) throws(ExpressionIssue) {
    let start = index
    index += 1
    let code = peek()
    index += 1
    switch code {
    case UInt8(ascii: "a"): content.append(0x07)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "v"): content.append(0x0B)
    case UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): content.append(code)
    case UInt8(ascii: "x"), UInt8(ascii: "X"):
      try append(try hex(2, start), to: &content, isOctet: isBytes, start)
    case UInt8(ascii: "u") where !isBytes, UInt8(ascii: "U") where !isBytes:
      try append(try hex(code == UInt8(ascii: "u") ? 4 : 8, start), to: &content, isOctet: false, start)
    case UInt8(ascii: "0")...UInt8(ascii: "3"):
      guard peek() & 0xF8 == 0x30, peek(1) & 0xF8 == 0x30 else {
        throw ExpressionIssue(offset: start, message: "an octal escape has three digits, \\000 to \\377")
      }
      try append(UInt32(code & 7) << 6 | UInt32(peek() & 7) << 3 | UInt32(peek(1) & 7), to: &content, isOctet: isBytes, start)
      index += 2
    default:
      let advice =
        isBytes && code | 0x20 == UInt8(ascii: "u") ? "bytes take no Unicode escape" : "unknown escape; a backslash itself is '\\\\'"
      throw ExpressionIssue(offset: start, message: advice)
    }
  }

  private mutating func hex(_ count: Int, _ start: Int) throws(ExpressionIssue) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let digit = Self.hexValue(peek()) else {
        throw ExpressionIssue(offset: start, message: "this escape has \(count) hexadecimal digits")
      }
      value = value << 4 | digit
      index += 1
    }
    return value
  }

  private func append(_ code: UInt32, to content: inout [UInt8], isOctet: Bool, _ start: Int) throws(ExpressionIssue) {
    if isOctet {
      content.append(UInt8(code))
      return
    }
    guard let scalar = UnicodeScalar(code) else {
      throw ExpressionIssue(offset: start, message: "the escape names no Unicode code point")
    }
    content.append(contentsOf: String(Character(scalar)).utf8)
  }
}
