extension PatternParser {
  typealias Ranges = [ClosedRange<UInt32>]

  static let digits: Ranges = [0x30...0x39]
  static let words: Ranges = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
  static let spaces: Ranges = [0x09...0x0A, 0x0C...0x0D, 0x20...0x20]
  private static let named: [String: Ranges] = [
    "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A], "ascii": [0...0x7F],
    "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0...0x1F, 0x7F...0x7F], "digit": digits, "graph": [0x21...0x7E],
    "lower": [0x61...0x7A], "print": [0x20...0x7E], "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E],
    "space": [0x09...0x0D, 0x20...0x20], "upper": [0x41...0x5A], "word": words, "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
  ]

  /// Behind a backslash.
  mutating func escape() throws(PatternError) -> PatternTree {
    guard index < codes.count else { throw fault("it ends with a backslash") }
    let code = codes[index]
    switch Unicode.Scalar(code) {
    case "b": return assertion(.wordBoundary)
    case "B": return assertion(.noWordBoundary)
    case "A": return assertion(.textBegin)
    case "z": return assertion(.textEnd)
    case "Q": return quoted()
    default: break
    }
    if let ranges = perlClass(code) {
      index += 1
      return .oneOf(Pattern.CharacterClass(ranges: ranges))
    }
    return literal(try escapedCharacter())
  }

  private mutating func assertion(_ assertion: Pattern.Assertion) -> PatternTree {
    index += 1
    return .step(.assert(assertion))
  }

  /// `\Qa.b\E`.
  private mutating func quoted() -> PatternTree {
    index += 1
    var parts: [PatternTree] = []
    while index < codes.count {
      if isNext("\\"), isNext("E", ahead: 1) {
        index += 2
        break
      }
      parts.append(literal(codes[index]))
      index += 1
    }
    return .row(parts)
  }

  private func perlClass(_ code: UInt32) -> Ranges? {
    switch Unicode.Scalar(code) {
    case "d": Self.digits
    case "D": Self.inverted(Self.digits)
    case "w": Self.words
    case "W": Self.inverted(Self.words)
    case "s": Self.spaces
    case "S": Self.inverted(Self.spaces)
    default: nil
    }
  }

  private mutating func escapedCharacter() throws(PatternError) -> UInt32 {
    let code = codes[index]
    index += 1
    switch Unicode.Scalar(code) {
    case "a": return 7
    case "f": return 12
    case "n": return 10
    case "r": return 13
    case "t": return 9
    case "v": return 11
    case "x": return try hexadecimal()
    case "p", "P": throw fault("Unicode classes are not supported")
    case let scalar? where scalar.isASCII && !Lexer.continuesName(UInt8(code)) || code == 0x5F: return code
    default: throw fault("the escape '\\\(Unicode.Scalar(code)!)' is unknown")
    }
  }

  private mutating func hexadecimal() throws(PatternError) -> UInt32 {
    var digits = ""
    if take("{") {
      while index < codes.count, !isNext("}"), digits.count < 7 {
        digits.unicodeScalars.append(Unicode.Scalar(codes[index])!)
        index += 1
      }
      guard take("}") else { throw fault("'\\x{' is not closed") }
    } else {
      while digits.count < 2, index < codes.count {
        digits.unicodeScalars.append(Unicode.Scalar(codes[index])!)
        index += 1
      }
      guard digits.utf8.count == 2 else { throw fault("'\\x' has two digits") }
    }
    guard let code = UInt32(digits, radix: 16), Unicode.Scalar(code) != nil else { throw fault("'\\x\(digits)' is no character") }
    return code
  }

  /// Behind the opening bracket.
  mutating func characterClass() throws(PatternError) -> Pattern.CharacterClass {
    let isInverted = take("^")
    var ranges: Ranges = []
    var isFirst = true
    while true {
      guard index < codes.count else { throw fault("a '[' is not closed") }
      if !isFirst, take("]") { break }
      isFirst = false
      if isNext("["), isNext(":", ahead: 1), let named = try namedClass() {
        ranges += named
        continue
      }
      if isNext("\\"), index + 1 < codes.count, let perl = perlClass(codes[index + 1]) {
        index += 2
        ranges += perl
        continue
      }
      let low = try classCharacter()
      guard isNext("-"), !isNext("]", ahead: 1), index + 1 < codes.count else {
        ranges.append(low...low)
        continue
      }
      index += 1
      let high = try classCharacter()
      guard low <= high else { throw fault("a range in brackets is out of order") }
      ranges.append(low...high)
    }
    if ignoresCase { ranges += Self.otherCases(ranges) }
    let sorted = Self.merged(ranges)
    return Pattern.CharacterClass(ranges: isInverted ? Self.inverted(sorted) : sorted)
  }

  private mutating func classCharacter() throws(PatternError) -> UInt32 {
    guard index < codes.count else { throw fault("a '[' is not closed") }
    if take("\\") {
      guard index < codes.count else { throw fault("it ends with a backslash") }
      return try escapedCharacter()
    }
    index += 1
    return codes[index - 1]
  }

  /// `[:alpha:]` or `[:^alpha:]`.
  private mutating func namedClass() throws(PatternError) -> Ranges? {
    guard let end = (index + 2..<codes.count).first(where: { codes[$0] == 0x3A }), end + 1 < codes.count, codes[end + 1] == 0x5D
    else { return nil }
    var name = String(String.UnicodeScalarView(codes[index + 2..<end].map { Unicode.Scalar($0)! }))
    let isInverted = name.hasPrefix("^")
    if isInverted { name.removeFirst() }
    guard let ranges = Self.named[name] else { throw fault("there is no class [:\(name):]") }
    index = end + 2
    return isInverted ? Self.inverted(ranges) : ranges
  }

  private static func otherCases(_ ranges: Ranges) -> Ranges {
    var others: Ranges = []
    for range in ranges {
      for (letters, shift) in [(UInt32(0x41)...0x5A, Int32(32)), (0x61...0x7A, -32)] where range.overlaps(letters) {
        let part = range.clamped(to: letters)
        others.append(UInt32(Int32(part.lowerBound) + shift)...UInt32(Int32(part.upperBound) + shift))
      }
    }
    return others
  }

  private static func merged(_ ranges: Ranges) -> Ranges {
    var merged: Ranges = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, range.lowerBound <= last.upperBound &+ 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }

  private static func inverted(_ ranges: Ranges) -> Ranges {
    var result: Ranges = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= 0x10FFFF { result.append(next...0x10FFFF) }
    return result
  }
}
