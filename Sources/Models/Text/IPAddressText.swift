/// IP addresses to and from text: 4 or 16 bytes in network order.
public enum IPAddressText {
  /// Appends the bytes of an IPv4 or IPv6 address (RFC 4291, section 2.2); false, with nothing appended, for other text.
  ///
  /// An IPv4 address inside IPv6 (`::ffff:192.0.2.1`) gives 4 bytes: both spellings are one entity. Octets with leading
  /// zeros and zone ids are refused, for their readers disagree on them.
  public static func parse(_ text: RawSpan, into out: inout [UInt8]) -> Bool {
    if let four = parseFour(text, from: 0) {
      append(four, to: &out)
      return true
    }
    guard let sixteen = parseSixteen(text) else { return false }
    if sixteen.high == 0, sixteen.low >> 32 == 0xFFFF {
      append(UInt32(truncatingIfNeeded: sixteen.low), to: &out)
    } else {
      withUnsafeBytes(of: sixteen.high.bigEndian) { out.append(contentsOf: $0) }
      withUnsafeBytes(of: sixteen.low.bigEndian) { out.append(contentsOf: $0) }
    }
    return true
  }

  /// The canonical text (RFC 5952) of 4 or 16 bytes; empty for any other number of bytes.
  public static func text(_ bytes: RawSpan) -> String {
    if bytes.byteCount == 4 { return (0..<4).map { String(bytes.textByte($0)) }.joined(separator: ".") }
    guard bytes.byteCount == 16 else { return "" }
    let groups = (0..<8).map { UInt16(bytes.textByte($0 * 2)) << 8 | UInt16(bytes.textByte($0 * 2 + 1)) }
    // The longest run of two or more zero groups, the first of equals, is written `::`.
    var best = 0..<0
    var start = 0
    for i in 0...8 where i == 8 || groups[i] != 0 {
      if i - start > max(best.count, 1) { best = start..<i }
      start = i + 1
    }
    func join(_ range: Range<Int>) -> String { groups[range].map { String($0, radix: 16) }.joined(separator: ":") }
    return best.isEmpty ? join(0..<8) : join(0..<best.lowerBound) + "::" + join(best.upperBound..<8)
  }

  private static func append(_ four: UInt32, to out: inout [UInt8]) {
    withUnsafeBytes(of: four.bigEndian) { out.append(contentsOf: $0) }
  }

  private static func parseFour(_ text: RawSpan, from start: Int) -> UInt32? {
    guard text.byteCount - start <= 15 else { return nil }
    var address: UInt32 = 0
    var octets = 0
    var value = 0
    var digits = 0
    for at in start...text.byteCount {
      let byte = at < text.byteCount ? text.textByte(at) : UInt8(ascii: ".")
      if byte == UInt8(ascii: ".") {
        guard digits > 0, value <= 255, octets < 4 else { return nil }
        address = address << 8 | UInt32(value)
        octets += 1
        value = 0
        digits = 0
      } else {
        let digit = byte &- UInt8(ascii: "0")
        guard digit < 10, digits < 3, digits == 0 || value != 0 else { return nil }
        value = value * 10 + Int(digit)
        digits += 1
      }
    }
    return octets == 4 ? address : nil
  }

  private static func parseSixteen(_ text: RawSpan) -> (high: UInt64, low: UInt64)? {
    var groups: [UInt16] = []
    var gap: Int?
    var at = 0
    let count = text.byteCount
    guard count >= 2, count <= 45 else { return nil }
    func isColon(_ i: Int) -> Bool { i < count && text.textByte(i) == UInt8(ascii: ":") }
    if isColon(0) {
      guard isColon(1) else { return nil }
      gap = 0
      at = 2
    }
    while at < count {
      var value: UInt16 = 0
      let start = at
      while at < count, at - start < 4, let digit = hexDigit(text.textByte(at)) {
        value = value << 4 | UInt16(digit)
        at += 1
      }
      if at < count, text.textByte(at) == UInt8(ascii: ".") {
        guard groups.count <= 6, let four = parseFour(text, from: start) else { return nil }
        groups += [UInt16(four >> 16), UInt16(truncatingIfNeeded: four)]
        at = count
        break
      }
      guard at > start, groups.count < 8 else { return nil }
      groups.append(value)
      guard at < count else { break }
      guard isColon(at) else { return nil }
      at += 1
      if isColon(at) {
        guard gap == nil else { return nil }
        gap = groups.count
        at += 1
      } else if at == count {
        return nil
      }
    }
    if let gap {
      guard groups.count < 8 else { return nil }
      groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
    }
    guard groups.count == 8 else { return nil }
    let high = groups[0..<4].reduce(0 as UInt64) { $0 << 16 | UInt64($1) }
    let low = groups[4..<8].reduce(0 as UInt64) { $0 << 16 | UInt64($1) }
    return (high, low)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
