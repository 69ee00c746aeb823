/// Reads RE2's syntax.
struct PatternParser {
  let text: String
  let codes: [UInt32]
  var index = 0
  var ignoresCase = false
  private var isMultiline = false
  private var dotTakesNewline = false
  private var nesting = 0

  init(_ text: String) {
    self.text = text
    codes = text.unicodeScalars.map(\.value)
  }

  func fault(_ message: String) -> PatternError { PatternError(text, message) }

  func isNext(_ character: Unicode.Scalar, ahead: Int = 0) -> Bool {
    index + ahead < codes.count && codes[index + ahead] == character.value
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard isNext(character) else { return false }
    index += 1
    return true
  }

  mutating func parse() throws(PatternError) -> PatternTree {
    let tree = try choice()
    guard index == codes.count else { throw fault("a ')' closes nothing") }
    return tree
  }

  private mutating func choice() throws(PatternError) -> PatternTree {
    nesting += 1
    defer { nesting -= 1 }
    guard nesting <= 100 else { throw fault("more than 100 groups inside one another") }
    var parts = [try row()]
    while take("|") { parts.append(try row()) }
    return parts.count == 1 ? parts[0] : .choice(parts)
  }

  private mutating func row() throws(PatternError) -> PatternTree {
    var parts: [PatternTree] = []
    while index < codes.count, !isNext("|"), !isNext(")") {
      guard let part = try atom() else { continue }
      parts.append(try repetition(of: part))
    }
    return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .row(parts)
  }

  private mutating func repetition(of part: PatternTree) throws(PatternError) -> PatternTree {
    var tree = part
    var count = 0
    while index < codes.count {
      let bounds: (Int, Int?)
      if take("*") {
        bounds = (0, nil)
      } else if take("+") {
        bounds = (1, nil)
      } else if take("?") {
        bounds = (0, 1)
      } else if isNext("{"), let counted = try counts() {
        bounds = counted
      } else {
        return tree
      }
      count += 1
      guard count == 1 else { throw fault("a repetition is repeated") }
      _ = take("?")
      tree = .repeated(tree, min: bounds.0, max: bounds.1)
    }
    return tree
  }

  /// `{2}`, `{2,}`, `{2,5}`; nil, and a brace like any other character, where it is none of these.
  private mutating func counts() throws(PatternError) -> (Int, Int?)? {
    let start = index
    index += 1
    guard let min = number() else {
      index = start
      return nil
    }
    var max: Int? = min
    if take(",") { max = isNext("}") ? nil : number() ?? -1 }
    guard take("}"), max != -1 else {
      index = start
      return nil
    }
    guard min <= 1000, max ?? 0 <= 1000, min <= max ?? min else { throw fault("a repetition is out of order or beyond 1000") }
    return (min, max)
  }

  private mutating func number() -> Int? {
    let start = index
    var value = 0
    while index < codes.count, (0x30...0x39).contains(codes[index]), index - start < 6 {
      value = value * 10 + Int(codes[index] - 0x30)
      index += 1
    }
    return index > start ? value : nil
  }

  /// nil for a group that only sets flags.
  private mutating func atom() throws(PatternError) -> PatternTree? {
    let code = codes[index]
    index += 1
    switch Unicode.Scalar(code) {
    case "(": return try group()
    case "[": return .oneOf(try characterClass())
    case ".": return .step(dotTakesNewline ? .any : .anyButNewline)
    case "^": return .step(.assert(isMultiline ? .lineBegin : .textBegin))
    case "$": return .step(.assert(isMultiline ? .lineEnd : .textEnd))
    case "\\": return try escape()
    case "*", "+", "?": throw fault("'\(Unicode.Scalar(code)!)' repeats nothing")
    default: return literal(code)
    }
  }

  func literal(_ code: UInt32) -> PatternTree {
    guard ignoresCase, let other = Self.otherCase(code) else { return .step(.character(code)) }
    return .oneOf(Pattern.CharacterClass(ranges: [min(code, other)...min(code, other), max(code, other)...max(code, other)]))
  }

  static func otherCase(_ code: UInt32) -> UInt32? {
    (0x41...0x5A).contains(code) ? code + 32 : (0x61...0x7A).contains(code) ? code - 32 : nil
  }

  private mutating func group() throws(PatternError) -> PatternTree? {
    let flags = (ignoresCase, isMultiline, dotTakesNewline)
    if take("?") {
      if isNext("P", ahead: 0), isNext("<", ahead: 1) {
        index += 2
        try groupName()
      } else if isNext("<"), !isNext("=", ahead: 1), !isNext("!", ahead: 1) {
        index += 1
        try groupName()
      } else if try !setFlags() {
        return nil
      }
    }
    let tree = try choice()
    guard take(")") else { throw fault("a '(' is not closed") }
    (ignoresCase, isMultiline, dotTakesNewline) = flags
    return tree
  }

  private mutating func groupName() throws(PatternError) {
    while index < codes.count, !isNext(">") { index += 1 }
    guard take(">") else { throw fault("the name of a group is not closed") }
  }

  /// `i-s:` or `i-s)`; false for the latter, which holds until the end of the group around it.
  private mutating func setFlags() throws(PatternError) -> Bool {
    var value = true
    while index < codes.count {
      let code = codes[index]
      index += 1
      switch Unicode.Scalar(code) {
      case "i": ignoresCase = value
      case "m": isMultiline = value
      case "s": dotTakesNewline = value
      case "U": break
      case "-": value = false
      case ":": return true
      case ")": return false
      default: throw fault("there is no group of the kind '(?\(Unicode.Scalar(code)!)'")
      }
    }
    throw fault("a '(' is not closed")
  }
}
