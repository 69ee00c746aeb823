extension JSONScanner {
  /// Reads a string, checking escapes and UTF-8 but copying nothing.
  @_lifetime(self: copy self) public mutating func readString() throws(JSONError) -> JSONText {
    guard at < span.byteCount, span.textByte(at) == UInt8(ascii: "\"") else {
      throw JSONError.syntax(at: at, "a string is expected")
    }
    at += 1
    let start = at
    var isEscaped = false
    while true {
      skipPlain()
      guard at < span.byteCount else { throw JSONError.syntax(at: at, "a string has no end") }
      let byte = span.textByte(at)
      switch byte {
      case UInt8(ascii: "\""):
        at += 1
        return JSONText(start: start, end: at - 1, isEscaped: isEscaped)
      case UInt8(ascii: "\\"):
        isEscaped = true
        _ = try readEscape()
      case 0..<0x20:
        throw JSONError.syntax(at: at, "a control character stands in a string; write it as an escape")
      default:
        let length = UTF8Sequence.length(in: span, at: at)
        guard length > 0 else { throw JSONError.invalidUTF8(at: at) }
        at += length
      }
    }
  }

  /// The content of a string that was read, borrowed. Only for text without escapes.
  @_lifetime(copy self) public func bytes(of text: JSONText) -> RawSpan { span.extracting(text.start..<text.end) }

  /// Replaces the contents of `out` by the string's bytes with its escapes resolved.
  public func unescape(_ text: JSONText, into out: inout [UInt8]) {
    out.removeAll(keepingCapacity: true)
    var inner = JSONScanner(span)
    inner.at = text.start
    while inner.at < text.end {
      let byte = span.textByte(inner.at)
      guard byte == UInt8(ascii: "\\") else {
        out.append(byte)
        inner.at += 1
        continue
      }
      // Checked when the string was read.
      guard let scalar = try? inner.readEscape() else { preconditionFailure("an escape was checked and is broken") }
      for unit in UTF8.encode(scalar)! { out.append(unit) }
    }
  }

  /// Moves to the next quote, backslash, control character or byte above 0x7F, eight bytes at a time.
  @inline(__always) @_lifetime(self: copy self) private mutating func skipPlain() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    while at &+ 8 <= span.byteCount {
      let word = span.textWord(at)
      let quote = word ^ (ones &* 0x22)
      let escape = word ^ (ones &* 0x5C)
      // The lowest bit set is exact: borrows only run upwards from a true hit.
      let hits =
        (quote &- ones) & ~quote | (escape &- ones) & ~escape | (word &- ones &* 0x20) & ~word | word
      let mask = hits & tops
      guard mask == 0 else {
        at &+= mask.trailingZeroBitCount >> 3
        return
      }
      at &+= 8
    }
    while at < span.byteCount {
      let byte = span.textByte(at)
      guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return }
      at &+= 1
    }
  }

  /// Reads one escape, a surrogate pair being one.
  @_lifetime(self: copy self) private mutating func readEscape() throws(JSONError) -> Unicode.Scalar {
    guard at + 1 < span.byteCount else { throw JSONError.syntax(at: at, "a string has no end") }
    let letter = span.textByte(at + 1)
    at += 2
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let first = try readHex4()
      if let scalar = Unicode.Scalar(first) { return scalar }
      guard first < 0xDC00, at + 1 < span.byteCount, span.textByte(at) == UInt8(ascii: "\\"),
        span.textByte(at + 1) == UInt8(ascii: "u")
      else { throw JSONError.syntax(at: at, "a surrogate has no pair") }
      at += 2
      let second = try readHex4()
      guard (0xDC00...0xDFFF).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      else { throw JSONError.syntax(at: at, "a surrogate has no pair") }
      return scalar
    default: throw JSONError.syntax(at: at - 1, "an escape isn't known")
    }
  }

  @_lifetime(self: copy self) private mutating func readHex4() throws(JSONError) -> UInt32 {
    guard at + 4 <= span.byteCount else { throw JSONError.syntax(at: at, "an escape has four hexadecimal digits") }
    var value: UInt32 = 0
    for i in 0..<4 {
      let byte = span.textByte(at + i)
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw JSONError.syntax(at: at + i, "an escape has four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
    }
    at += 4
    return value
  }
}
