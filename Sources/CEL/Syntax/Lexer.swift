/// Cuts an expression's text into tokens (langdef, Syntax).
struct Lexer {
  let bytes: [UInt8]
  var index = 0

  init(_ source: SourceText) { bytes = source.bytes }

  static func tokens(_ source: SourceText) throws(ExpressionIssue) -> [Token] {
    var lexer = Lexer(source)
    var tokens: [Token] = []
    while true {
      let token = try lexer.next()
      tokens.append(token)
      if token.kind == .end { return tokens }
    }
  }

  func peek(_ ahead: Int = 0) -> UInt8 {
    index + ahead < bytes.count ? bytes[index + ahead] : 0
  }

  mutating func next() throws(ExpressionIssue) -> Token {
    skipBlanks()
    let start = index
    guard index < bytes.count else { return Token(kind: .end, offset: start) }
    let byte = bytes[index]
    if Self.isDigit(byte) || (byte == UInt8(ascii: ".") && Self.isDigit(peek(1))) {
      return Token(kind: try number(), offset: start)
    }
    if let prefix = literalPrefix() {
      return Token(kind: try quoted(raw: prefix.raw, isBytes: prefix.isBytes, length: prefix.length), offset: start)
    }
    if Self.startsName(byte) { return Token(kind: word(), offset: start) }
    if byte == UInt8(ascii: "`") { return Token(kind: try quotedName(), offset: start) }
    return Token(kind: try mark(), offset: start)
  }

  private mutating func skipBlanks() {
    while index < bytes.count {
      switch bytes[index] {
      case 0x09, 0x0A, 0x0C, 0x0D, 0x20: index += 1
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
        while index < bytes.count, bytes[index] != 0x0A { index += 1 }
      default: return
      }
    }
  }

  private mutating func word() -> Token.Kind {
    let start = index
    while index < bytes.count, Self.continuesName(bytes[index]) { index += 1 }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    return switch text {
    case "true": .true
    case "false": .false
    case "null": .null
    case "in": .in
    default: .identifier(text)
    }
  }

  /// `` `a-b.c/d e` ``: letters, digits and `_.-/ `.
  private mutating func quotedName() throws(ExpressionIssue) -> Token.Kind {
    let start = index
    index += 1
    while index < bytes.count, bytes[index] != UInt8(ascii: "`") {
      let byte = bytes[index]
      guard Self.continuesName(byte) || byte == 0x2E || byte == 0x2D || byte == 0x2F || byte == 0x20 else {
        throw ExpressionIssue(offset: index, message: "a name in backticks has only letters, digits, '_', '.', '-', '/' and spaces")
      }
      index += 1
    }
    guard index < bytes.count, index > start + 1 else {
      throw ExpressionIssue(offset: start, message: index < bytes.count ? "the name in backticks is empty" : "the backtick is not closed")
    }
    index += 1
    return .quotedIdentifier(String(decoding: bytes[start + 1..<index - 1], as: UTF8.self))
  }

  private mutating func mark() throws(ExpressionIssue) -> Token.Kind {
    for mark in ["&&", "||", "<=", ">=", "==", "!="] where bytes[index...].starts(with: mark.utf8) {
      index += 2
      return .mark(mark)
    }
    let byte = bytes[index]
    guard byte < 0x80, "<>+-*/%!?:.,()[]{}".utf8.contains(byte) else {
      throw ExpressionIssue(offset: index, message: unexpected(byte))
    }
    index += 1
    return .mark(String(UnicodeScalar(byte)))
  }

  private func unexpected(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "="): "'=' is no operator: to compare, write '=='"
    case UInt8(ascii: "&"): "'&' is no operator: a logical and is '&&', of bits math.bitAnd"
    case UInt8(ascii: "|"): "'|' is no operator: a logical or is '||', of bits math.bitOr"
    case 0x80...: "letters outside of ASCII belong into quotes"
    case 0x21..<0x7F: "'\(UnicodeScalar(byte))' has no meaning here"
    default: "a control character is not allowed here"
    }
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  static func startsName(_ byte: UInt8) -> Bool {
    (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte == 0x5F
  }

  static func continuesName(_ byte: UInt8) -> Bool { startsName(byte) || isDigit(byte) }
}
