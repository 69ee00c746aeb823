/// Addresses and networks as text: dotted IPv4, IPv6 as RFC 5952 writes it.
enum NetworkText {
  enum Fault: Error {
    case malformed
    case zone
    case mapped
  }

  static func address(_ text: String) throws(Fault) -> IPAddress {
    if text.utf8.contains(UInt8(ascii: "%")) { throw .zone }
    let hasColon = text.utf8.contains(UInt8(ascii: ":"))
    if !hasColon {
      guard let v4 = dotted(text) else { throw .malformed }
      return IPAddress(v4: v4)
    }
    return try grouped(text)
  }

  static func range(_ text: String) throws(Fault) -> AddressRange {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw .malformed }
    let address = try address(String(parts[0]))
    let digits = parts[1].utf8
    guard (1...3).contains(digits.count), digits.allSatisfy(Lexer.isDigit), digits.count == 1 || digits.first != 0x30,
      let prefix = Int(parts[1]), let range = AddressRange(address: address, prefix: prefix)
    else { throw .malformed }
    return range
  }

  private static func dotted(_ text: String) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(Lexer.isDigit), part.utf8.count == 1 || part.utf8.first != 0x30,
        let byte = UInt8(part)
      else { return nil }
      value = value << 8 | UInt32(byte)
    }
    return value
  }

  private static func grouped(_ text: String) throws(Fault) -> IPAddress {
    let halves = halves(text)
    guard let halves else { throw .malformed }
    var head: [UInt16] = []
    var tail: [UInt16] = []
    var isDotted = try groups(halves.head, into: &head, isLast: halves.tail == nil)
    if let rest = halves.tail { isDotted = try groups(rest, into: &tail, isLast: true) }
    guard halves.tail == nil ? head.count == 8 : head.count + tail.count < 8 else { throw .malformed }
    let all = head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
    let words = all.map(UInt64.init)
    let address = IPAddress(
      high: words[0] << 48 | words[1] << 32 | words[2] << 16 | words[3],
      low: words[4] << 48 | words[5] << 32 | words[6] << 16 | words[7])
    if isDotted, address.isV4 { throw .mapped }
    return address
  }

  /// What stands before and behind `::`; nil if there are two of them.
  private static func halves(_ text: String) -> (head: Substring, tail: Substring?)? {
    let bytes = Array(text.utf8)
    let places = bytes.indices.dropLast().filter { bytes[$0] == 0x3A && bytes[$0 + 1] == 0x3A }
    guard let place = places.first else { return (Substring(text), nil) }
    guard places.count == 1 else { return nil }
    let index = text.utf8.index(text.startIndex, offsetBy: place)
    return (text[..<index], text[text.utf8.index(index, offsetBy: 2)...])
  }

  /// True if the last group was a dotted IPv4 address.
  private static func groups(_ text: Substring, into groups: inout [UInt16], isLast: Bool) throws(Fault) -> Bool {
    if text.isEmpty { return false }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if isLast, index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
        guard let v4 = dotted(String(part)) else { throw .malformed }
        groups += [UInt16(v4 >> 16), UInt16(truncatingIfNeeded: v4)]
        return true
      }
      guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ Lexer.hexValue($0) != nil }), let group = UInt16(part, radix: 16),
        groups.count < 8
      else { throw .malformed }
      groups.append(group)
    }
    return false
  }

  static func text(_ address: IPAddress) -> String {
    if address.isV4 {
      return [24, 16, 8, 0].map { String(address.low >> $0 & 0xFF) }.joined(separator: ".")
    }
    let groups = [48, 32, 16, 0].map { address.high >> $0 & 0xFFFF } + [48, 32, 16, 0].map { address.low >> $0 & 0xFFFF }
    // The longest run of two or more zeros, the first of equals, becomes `::`.
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(best.count, 1) { best = start..<end }
      start = max(end, start + 1)
    }
    func joined(_ groups: ArraySlice<UInt64>) -> String { groups.map { String($0, radix: 16) }.joined(separator: ":") }
    return best.isEmpty ? joined(groups[...]) : "\(joined(groups[..<best.lowerBound]))::\(joined(groups[best.upperBound...]))"
  }

  static func text(_ range: AddressRange) -> String { "\(text(range.address))/\(range.prefix)" }
}
