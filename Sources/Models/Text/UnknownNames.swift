import Wire

/// Keys or columns that no field has, and in how many rows they stood: passed over, and told once, for a misspelt key loses its
/// field without a word. Bounded; a name is input too, and may be anything: only short plain ones are repeated.
public struct UnknownNames: Sendable {
  /// Names told apart; what comes after these is counted together.
  static let namesMax = 32
  /// Bytes of a name that is repeated.
  static let lengthMax = 40

  private var names: [[UInt8]] = []
  private var counts: [Int] = []
  /// Rows' keys whose names are not repeated.
  private var others = 0
  /// Where the next name is looked for first: rows of one file have the same keys in the same order.
  private var guess = 0

  public init() {}

  /// Whether nothing has been counted since the last `take`.
  public var isEmpty: Bool { others == 0 && counts.allSatisfy { $0 == 0 } }

  mutating func note(_ name: RawSpan, times: Int = 1) {
    for step in names.indices {
      let index = (guess + step) % names.count
      guard Self.isSame(names[index], name) else { continue }
      counts[index] += times
      guess = index + 1
      return
    }
    guard names.count < Self.namesMax, Self.isPlain(name) else {
      others += times
      return
    }
    names.append(name.withUnsafeBytes { Array($0) })
    counts.append(times)
    guess = names.count
  }

  /// What has been counted since the last call, by name; "" for what is not repeated.
  public mutating func take() -> [String: Int] {
    var taken: [String: Int] = others > 0 ? ["": others] : [:]
    for index in names.indices where counts[index] > 0 {
      taken[String(decoding: names[index], as: UTF8.self)] = counts[index]
      counts[index] = 0
    }
    others = 0
    return taken
  }

  private static func isSame(_ known: [UInt8], _ name: RawSpan) -> Bool {
    guard known.count == name.byteCount else { return false }
    for index in known.indices where known[index] != name.textByte(index) { return false }
    return true
  }

  /// Letters, `_`, `-`, `.` and blanks, and digits behind a letter: no card number.
  private static func isPlain(_ name: RawSpan) -> Bool {
    guard (1...lengthMax).contains(name.byteCount), isLetter(name.textByte(0)) || name.textByte(0) == UInt8(ascii: "_") else {
      return false
    }
    var digits = 0
    for index in 0..<name.byteCount {
      let byte = name.textByte(index)
      if (48...57).contains(byte) {
        digits += 1
      } else if !isLetter(byte), ![UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: " ")].contains(byte) {
        return false
      }
    }
    return digits <= 8
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) }
}
