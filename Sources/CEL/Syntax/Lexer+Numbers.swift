extension Lexer {
  /// INT_LIT, UINT_LIT or FLOAT_LIT, without a sign.
  mutating func number() throws(ExpressionIssue) -> Token.Kind {
    let start = index
    if peek() == UInt8(ascii: "0"), peek(1) | 0x20 == UInt8(ascii: "x") {
      index += 2
      let digits = index
      while Self.hexValue(peek()) != nil { index += 1 }
      guard index > digits else { throw ExpressionIssue(offset: start, message: "'0x' is followed by no hexadecimal digit") }
      return try integer(String(decoding: bytes[digits..<index], as: UTF8.self), radix: 16, at: start)
    }
    skipDigits()
    var isDouble = false
    if peek() == UInt8(ascii: "."), Self.isDigit(peek(1)) {
      isDouble = true
      index += 1
      skipDigits()
    }
    if peek() | 0x20 == UInt8(ascii: "e") {
      let signs = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
      guard Self.isDigit(peek(1 + signs)) else {
        throw ExpressionIssue(offset: index, message: "the exponent has no digits")
      }
      isDouble = true
      index += 1 + signs
      skipDigits()
    }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    guard isDouble else { return try integer(text, radix: 10, at: start) }
    try endOfNumber(start)
    guard let value = DecimalText.double(text), value.isFinite else {
      throw ExpressionIssue(offset: start, message: "\(text) is outside of what a double can hold")
    }
    return .double(value)
  }

  private mutating func skipDigits() {
    while Self.isDigit(peek()) { index += 1 }
  }

  private mutating func integer(_ digits: String, radix: Int, at start: Int) throws(ExpressionIssue) -> Token.Kind {
    let isUnsigned = peek() | 0x20 == UInt8(ascii: "u")
    if isUnsigned { index += 1 }
    try endOfNumber(start)
    guard let value = UInt64(digits, radix: radix), isUnsigned || value <= UInt64(Int64.max) + 1 else {
      throw ExpressionIssue(offset: start, message: "the number is outside of what \(isUnsigned ? "a uint" : "an int") can hold")
    }
    return isUnsigned ? .unsigned(value) : .integer(value)
  }

  /// `5min` is neither a number nor a name.
  private func endOfNumber(_ start: Int) throws(ExpressionIssue) {
    guard index < bytes.count, Self.continuesName(bytes[index]) else { return }
    throw ExpressionIssue(offset: start, message: "a letter follows the number")
  }

  static func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x30...0x39: UInt32(byte - 0x30)
    case 0x41...0x46: UInt32(byte - 0x41 + 10)
    case 0x61...0x66: UInt32(byte - 0x61 + 10)
    default: nil
    }
  }
}
