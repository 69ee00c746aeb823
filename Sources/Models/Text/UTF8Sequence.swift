/// UTF-8 by the table of Unicode 15, section 3.9 (table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
enum UTF8Sequence {
  /// Length of the well-formed sequence that begins at `at` (below the span's end), or 0.
  static func length(in span: RawSpan, at: Int) -> Int {
    let first = span.textByte(at)
    let left = span.byteCount - at
    func isTail(_ i: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
      let byte = span.textByte(at + i)
      return low <= byte && byte <= high
    }
    switch first {
    case 0..<0x80: return 1
    case 0xC2...0xDF: return left >= 2 && isTail(1) ? 2 : 0
    case 0xE0...0xEF:
      guard left >= 3 else { return 0 }
      let low: UInt8 = first == 0xE0 ? 0xA0 : 0x80
      let high: UInt8 = first == 0xED ? 0x9F : 0xBF
      return isTail(1, low, high) && isTail(2) ? 3 : 0
    case 0xF0...0xF4:
      guard left >= 4 else { return 0 }
      let low: UInt8 = first == 0xF0 ? 0x90 : 0x80
      let high: UInt8 = first == 0xF4 ? 0x8F : 0xBF
      return isTail(1, low, high) && isTail(2) && isTail(3) ? 4 : 0
    default: return 0
    }
  }

  /// True when all of `span` is well-formed.
  static func isValid(_ span: RawSpan) -> Bool {
    var at = 0
    while at < span.byteCount {
      while at + 8 <= span.byteCount, span.textWord(at) & 0x8080_8080_8080_8080 == 0 { at += 8 }
      guard at < span.byteCount else { break }
      let length = length(in: span, at: at)
      guard length > 0 else { return false }
      at += length
    }
    return true
  }
}
