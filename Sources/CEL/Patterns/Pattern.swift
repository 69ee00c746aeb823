/// A regular expression of RE2's syntax, compiled: matching takes time proportional to the text, whatever the pattern.
///
/// Not supported, and refused: back references and look-around (RE2 has none), and Unicode classes (`\p{...}`).
/// Without regard to case (`(?i)`) means the letters of ASCII.
public struct Pattern: Sendable {
  enum Step: Sendable, Equatable {
    case character(UInt32)
    /// Index of `classes`.
    case oneOf(Int)
    case any
    case anyButNewline
    case jump(Int)
    case fork(Int, Int)
    case assert(Assertion)
    case match
  }

  enum Assertion: Sendable {
    case textBegin, textEnd, lineBegin, lineEnd, wordBoundary, noWordBoundary
  }

  /// Ascending ranges of code points.
  struct CharacterClass: Sendable {
    var ranges: [ClosedRange<UInt32>]

    func contains(_ code: UInt32) -> Bool {
      for range in ranges where code <= range.upperBound { return code >= range.lowerBound }
      return false
    }
  }

  static let stepsMax = 2000

  let steps: [Step]
  let classes: [CharacterClass]

  /// - Throws: `PatternError` for a pattern that is wrong or too large.
  public init(_ text: String) throws(PatternError) {
    var parser = PatternParser(text)
    let tree = try parser.parse()
    var compiler = PatternCompiler(text: text)
    try compiler.append(tree)
    try compiler.append(.match)
    (steps, classes) = (compiler.steps, compiler.classes)
  }
}

public struct PatternError: Error, Equatable, Sendable {
  public var message: String

  init(_ text: String, _ fault: String) { message = "the pattern '\(text)' can't be used: \(fault)" }
}

/// A pattern as a tree.
indirect enum PatternTree {
  case empty
  case step(Pattern.Step)
  case oneOf(Pattern.CharacterClass)
  case row([PatternTree])
  case choice([PatternTree])
  case repeated(PatternTree, min: Int, max: Int?)
}

struct PatternCompiler {
  let text: String
  /// Parts visited: a part that needs no step may still be repeated a thousand times a thousand.
  private var visits = 0
  var steps: [Pattern.Step] = []
  var classes: [Pattern.CharacterClass] = []

  init(text: String) { self.text = text }

  mutating func append(_ step: Pattern.Step) throws(PatternError) {
    guard steps.count < Pattern.stepsMax else { throw PatternError(text, "it needs more than \(Pattern.stepsMax) steps") }
    steps.append(step)
  }

  mutating func append(_ tree: PatternTree) throws(PatternError) {
    visits += 1
    guard visits <= 10 * Pattern.stepsMax else { throw PatternError(text, "it repeats too much") }
    switch tree {
    case .empty: break
    case .step(let step): try append(step)
    case .oneOf(let set):
      classes.append(set)
      try append(.oneOf(classes.count - 1))
    case .row(let parts): for part in parts { try append(part) }
    case .choice(let parts): try appendChoice(parts[...])
    case .repeated(let part, let min, let max): try appendRepeated(part, min, max)
    }
  }

  private mutating func appendChoice(_ parts: ArraySlice<PatternTree>) throws(PatternError) {
    var jumps: [Int] = []
    for (index, part) in parts.enumerated() {
      guard index < parts.count - 1 else {
        try append(part)
        break
      }
      let fork = steps.count
      try append(.fork(fork + 1, 0))
      try append(part)
      jumps.append(steps.count)
      try append(.jump(0))
      steps[fork] = .fork(fork + 1, steps.count)
    }
    for jump in jumps { steps[jump] = .jump(steps.count) }
  }

  private mutating func appendRepeated(_ part: PatternTree, _ min: Int, _ max: Int?) throws(PatternError) {
    for _ in 0..<min { try append(part) }
    guard let max else {
      let fork = steps.count
      try append(.fork(fork + 1, 0))
      try append(part)
      try append(.jump(fork))
      steps[fork] = .fork(fork + 1, steps.count)
      return
    }
    var forks: [Int] = []
    for _ in min..<Swift.max(min, max) {
      forks.append(steps.count)
      try append(.fork(steps.count + 1, 0))
      try append(part)
    }
    for fork in forks { steps[fork] = .fork(fork + 1, steps.count) }
  }
}
