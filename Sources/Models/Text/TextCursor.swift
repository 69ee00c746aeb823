/// Writes ASCII and UTF-8 into memory that its owner has sized for the worst case: the one place in `Text` where
/// output is written through a pointer.
struct TextCursor {
  private(set) var at: UnsafeMutablePointer<UInt8>

  init(_ start: UnsafeMutablePointer<UInt8>) { at = start }

  @inline(__always) mutating func put(_ byte: UInt8) {
    at.pointee = byte
    at += 1
  }

  @inline(__always) mutating func put(_ text: StaticString) {
    at.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    at += text.utf8CodeUnitCount
  }

  @inline(__always) mutating func put(_ bytes: RawSpan) {
    let count = bytes.byteCount
    guard count > 0 else { return }
    let out = at
    bytes.withUnsafeBytes { UnsafeMutableRawPointer(out).copyMemory(from: $0.baseAddress!, byteCount: count) }
    at += count
  }

  @inline(__always) mutating func put(_ bytes: [UInt8]) { put(bytes.span.bytes) }

  // MARK: Numbers

  /// Decimal digits of `value`, at most 20 bytes.
  mutating func put(decimal value: UInt64) {
    var rest = value
    var count = 1
    var bound: UInt64 = 10
    while rest >= bound {
      count += 1
      let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
      if overflow { break }
      bound = next
    }
    var place = count
    repeat {
      place -= 1
      at[place] = UInt8(truncatingIfNeeded: rest % 10) &+ UInt8(ascii: "0")
      rest /= 10
    } while place > 0
    at += count
  }

  mutating func put(decimal value: Int64) {
    if value < 0 { put(UInt8(ascii: "-")) }
    put(decimal: value.magnitude)
  }

  /// Six places behind the point, rounded half away from zero; `null` for what isn't finite, and shortest form beyond
  /// 10^12. At most 32 bytes.
  mutating func put(sixPlaces value: Double) {
    guard value.magnitude < 1e12 else { return put(shortest: value) }
    let millionths = (value.magnitude * 1e6).rounded()
    if value < 0, millionths > 0 { put(UInt8(ascii: "-")) }
    let whole = UInt64(millionths)
    put(decimal: whole / 1_000_000)
    put(UInt8(ascii: "."))
    var rest = UInt32(truncatingIfNeeded: whole % 1_000_000)
    for place in (0..<6).reversed() {
      at[place] = UInt8(truncatingIfNeeded: rest % 10) &+ UInt8(ascii: "0")
      rest /= 10
    }
    at += 6
  }

  /// The shortest text that reads back as the same double; whole numbers without a point; `null` for what isn't finite.
  /// At most 32 bytes.
  mutating func put(shortest value: Double) {
    guard value.isFinite else { return put("null") }
    if value.magnitude < 9_007_199_254_740_992, value == value.rounded(.towardZero), value.sign == .plus || value != 0 {
      return put(decimal: Int64(value))
    }
    for byte in value.description.utf8 { put(byte) }
  }

  /// 16 lower-case digits.
  @inline(__always) mutating func put(hexadecimal value: UInt64) {
    let out = UnsafeMutableRawPointer(at)
    let high = Self.hexadecimal(UInt32(truncatingIfNeeded: value >> 32))
    let low = Self.hexadecimal(UInt32(truncatingIfNeeded: value))
    out.storeBytes(of: high.littleEndian, as: UInt64.self)
    out.storeBytes(of: low.littleEndian, toByteOffset: 8, as: UInt64.self)
    at += 16
  }

  /// Eight lower-case digits, the first in the low byte: nibbles spread to bytes, then all made ASCII at once.
  @inline(__always) static func hexadecimal(_ value: UInt32) -> UInt64 {
    var x = UInt64(value.byteSwapped)
    x = (x | x << 16) & 0x0000_FFFF_0000_FFFF
    x = (x | x << 8) & 0x00FF_00FF_00FF_00FF
    x = (x >> 4 & 0x000F_000F_000F_000F) | (x & 0x000F_000F_000F_000F) << 8
    let letters = (x &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return x &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
  }

  /// A quoted instant, 26 bytes.
  mutating func put(instant: Int64) {
    put(UInt8(ascii: "\""))
    put(bareInstant: instant)
    put(UInt8(ascii: "\""))
  }

  /// An instant, 24 bytes.
  mutating func put(bareInstant instant: Int64) {
    Timestamp.write(instant, to: at)
    at += Timestamp.textLength
  }

  // MARK: Text

  /// A JSON string with its quotes, from UTF-8. At most `6 * count + 2` bytes.
  mutating func put(quoted text: RawSpan) {
    put(UInt8(ascii: "\""))
    if Self.isPlain(text) {
      put(text)
    } else {
      for i in 0..<text.byteCount { put(escaping: text.textByte(i)) }
    }
    put(UInt8(ascii: "\""))
  }

  /// One byte of a JSON string's content, at most 6 bytes.
  @inline(__always) mutating func put(escaping byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      put(UInt8(ascii: "\\"))
      put(byte)
    case UInt8(ascii: "\n"): put("\\n")
    case UInt8(ascii: "\r"): put("\\r")
    case UInt8(ascii: "\t"): put("\\t")
    case 0..<0x20:
      put("\\u00")
      put(byte < 16 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
      let low = byte & 15
      put(low < 10 ? low + UInt8(ascii: "0") : low - 10 + UInt8(ascii: "a"))
    default: put(byte)
    }
  }

  /// A CSV cell, quoted where it must be (RFC 4180, section 2). At most `2 * count + 2` bytes.
  mutating func put(cell text: RawSpan) {
    var mustQuote = false
    for i in 0..<text.byteCount {
      switch text.textByte(i) {
      case UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\n"), UInt8(ascii: "\r"): mustQuote = true
      default: break
      }
    }
    guard mustQuote else { return put(text) }
    put(UInt8(ascii: "\""))
    for i in 0..<text.byteCount {
      let byte = text.textByte(i)
      if byte == UInt8(ascii: "\"") { put(byte) }
      put(byte)
    }
    put(UInt8(ascii: "\""))
  }

  /// No byte needs an escape in a JSON string.
  private static func isPlain(_ text: RawSpan) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var at = 0
    while at &+ 8 <= text.byteCount {
      let word = text.textWord(at)
      let quote = word ^ (ones &* 0x22)
      let escape = word ^ (ones &* 0x5C)
      let hits = (quote &- ones) & ~quote | (escape &- ones) & ~escape | (word &- ones &* 0x20) & ~word
      guard hits & (ones &* 0x80) == 0 else { return false }
      at &+= 8
    }
    while at < text.byteCount {
      let byte = text.textByte(at)
      guard byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return false }
      at &+= 1
    }
    return true
  }
}

extension [UInt8] {
  /// Appends what `body` writes; it may write at most `bound` bytes.
  @inline(__always) mutating func appendText(bound: Int, _ body: (inout TextCursor) -> Void) {
    // Grows by doubling: a capacity of exactly what is needed would copy the whole text at every line.
    if capacity - count < bound { reserveCapacity(Swift.max(count + bound, capacity * 2)) }
    append(addingCapacity: bound) { (out: inout OutputSpan<UInt8>) in
      out.withUnsafeMutableBufferPointer { buffer, written in
        let start = buffer.baseAddress! + written
        var cursor = TextCursor(start)
        body(&cursor)
        written += cursor.at - start
        precondition(written <= buffer.count, "text is longer than its bound")
      }
    }
  }
}
