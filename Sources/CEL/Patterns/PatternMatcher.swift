/// Runs patterns over texts: all ways at once, one step of each for a character. Its memory is reused.
public struct PatternMatcher {
  private var current = Threads()
  private var next = Threads()
  private var pending: [Int] = []

  public init() {}

  /// Room for `pattern`, so that matching it allocates nothing.
  public mutating func reserve(for pattern: Pattern) {
    current.reserve(pattern.steps.count)
    next.reserve(pattern.steps.count)
    pending.reserveCapacity(2 * pattern.steps.count)
  }

  /// The steps where the ways through the pattern stand; each at most once.
  private struct Threads {
    var places: [Int] = []
    /// The round in which a step was last entered.
    var marks: [UInt32] = []
    var round: UInt32 = 0

    mutating func reserve(_ count: Int) {
      places.reserveCapacity(count)
      if marks.count < count { marks += [UInt32](repeating: 0, count: count - marks.count) }
    }

    mutating func clear() {
      places.removeAll(keepingCapacity: true)
      round &+= 1
      guard round == 0 else { return }
      for index in marks.indices { marks[index] = 0 }
      round = 1
    }

    mutating func enter(_ place: Int) -> Bool {
      if marks[place] == round { return false }
      marks[place] = round
      return true
    }
  }

  /// Whether the pattern is found anywhere in the text, which is UTF-8.
  public mutating func matches(_ pattern: Pattern, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    reserve(for: pattern)
    current.clear()
    var index = 0
    var previous: UInt32?
    while true {
      let start = index
      let code = Self.decode(text, &index)
      // A match may begin anywhere.
      if Self.follow(pattern, 0, into: &current, &pending, previous, code) { return true }
      guard let code else { return false }
      let following: UInt32? = {
        var ahead = index
        return Self.decode(text, &ahead)
      }()
      next.clear()
      for place in current.places where Self.takes(pattern, pattern.steps[place], code) {
        if Self.follow(pattern, place + 1, into: &next, &pending, code, following) { return true }
      }
      swap(&current, &next)
      previous = code
      precondition(index > start)
    }
  }

  private static func takes(_ pattern: Pattern, _ step: Pattern.Step, _ code: UInt32) -> Bool {
    switch step {
    case .character(let wanted): wanted == code
    case .oneOf(let index): pattern.classes[index].contains(code)
    case .any: true
    case .anyButNewline: code != 0x0A
    default: false
    }
  }

  /// Enters `place` and whatever it leads to without a character. True if that is the end of the pattern.
  private static func follow(
    _ pattern: Pattern, _ place: Int, into threads: inout Threads, _ pending: inout [Int], _ previous: UInt32?, _ following: UInt32?
  ) -> Bool {
    pending.removeAll(keepingCapacity: true)
    pending.append(place)
    while let place = pending.popLast() {
      guard threads.enter(place) else { continue }
      switch pattern.steps[place] {
      case .match: return true
      case .jump(let target): pending.append(target)
      case .fork(let first, let second):
        pending.append(second)
        pending.append(first)
      case .assert(let assertion):
        if holds(assertion, previous, following) { pending.append(place + 1) }
      default: threads.places.append(place)
      }
    }
    return false
  }

  private static func holds(_ assertion: Pattern.Assertion, _ previous: UInt32?, _ following: UInt32?) -> Bool {
    switch assertion {
    case .textBegin: previous == nil
    case .textEnd: following == nil
    case .lineBegin: previous == nil || previous == 0x0A
    case .lineEnd: following == nil || following == 0x0A
    case .wordBoundary: isWord(previous) != isWord(following)
    case .noWordBoundary: isWord(previous) == isWord(following)
    }
  }

  private static func isWord(_ code: UInt32?) -> Bool {
    guard let code, code < 0x80 else { return false }
    return Lexer.continuesName(UInt8(code))
  }

  /// The code point at `index`, which moves behind it; nil at the end. A broken sequence counts as one character.
  private static func decode(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int) -> UInt32? {
    guard index < text.count else { return nil }
    let lead = text[index]
    index += 1
    if lead < 0x80 { return UInt32(lead) }
    let count = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1
    var code = UInt32(lead) & (0x3F >> UInt32(count))
    for _ in 0..<count where index < text.count && text[index] & 0xC0 == 0x80 {
      code = code << 6 | UInt32(text[index] & 0x3F)
      index += 1
    }
    return code
  }
}
