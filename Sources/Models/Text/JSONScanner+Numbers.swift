extension JSONScanner {
  /// Reads a number of JSON's grammar and gives its range; `DecimalNumber` gives its exact value.
  @_lifetime(self: copy self) public mutating func readNumber() throws(JSONError) -> Range<Int> {
    let start = at
    if at < span.byteCount, span.textByte(at) == UInt8(ascii: "-") { at += 1 }
    let firstDigit = at
    try readDigits()
    guard span.textByte(firstDigit) != UInt8(ascii: "0") || at == firstDigit + 1 else {
      throw JSONError.syntax(at: firstDigit, "a number begins with a zero")
    }
    if at < span.byteCount, span.textByte(at) == UInt8(ascii: ".") {
      at += 1
      try readDigits()
    }
    if at < span.byteCount, span.textByte(at) | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < span.byteCount, span.textByte(at) == UInt8(ascii: "+") || span.textByte(at) == UInt8(ascii: "-") {
        at += 1
      }
      try readDigits()
    }
    return start..<at
  }

  /// The bytes of a range that this scanner gave out.
  @_lifetime(copy self) public func bytes(of range: Range<Int>) -> RawSpan { span.extracting(range) }

  @_lifetime(self: copy self) private mutating func readDigits() throws(JSONError) {
    let start = at
    while at < span.byteCount, span.textByte(at) &- UInt8(ascii: "0") < 10 { at &+= 1 }
    guard at > start else { throw JSONError.syntax(at: at, "a digit is expected") }
  }
}
