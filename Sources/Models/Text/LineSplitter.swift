/// Cuts a byte stream into lines (NDJSON) or CSV records without ever holding more than `limit` bytes of one.
///
/// A line that is longer is told once, with its first bytes, and skipped up to its end. Empty lines are passed over but
/// counted. A byte order mark before the first line and a carriage return before a line's end are taken away.
public struct LineSplitter: Sendable {
  public enum Framing: Equatable, Sendable {
    case lines
    /// A line feed within quotes belongs to the record. Nil stands for any of comma, semicolon and tab, until the
    /// header has told which.
    case csv(delimiter: UInt8?)
  }

  public struct Line: Equatable, Sendable {
    /// The line's number in the file, from 1; of a record with line feeds in quotes, the first one's.
    public var number: Int
    /// Longer than the limit: the bytes are its first `excerptMax` only.
    public var isTooLong: Bool
  }

  /// How much of a line that is too long is kept for the quarantine.
  public static let excerptMax = 1024

  public let limit: Int
  public var framing: Framing
  private var pending: [UInt8] = []
  /// Dropping bytes up to the next line feed.
  private var isSkipping = false
  private var isQuoted = false
  /// The byte before, for a quote opens only where a cell begins or where one has just closed.
  private var before: UInt8 = newline
  private var number = 1
  private var feeds = 0
  private var isStart = true

  public init(limit: Int = TransactionJSON.lengthMax, framing: Framing = .lines) {
    precondition(limit >= Self.excerptMax, "a line's limit is at least an excerpt's")
    self.limit = limit
    self.framing = framing
  }

  /// Takes the next bytes of the stream and gives each line that they complete. What `body` throws ends the call; the
  /// bytes behind the line it was given are lost.
  public mutating func feed<Failure: Error>(
    _ chunk: RawSpan, _ body: (RawSpan, Line) throws(Failure) -> Void
  ) throws(Failure) {
    var start = 0
    while start < chunk.byteCount {
      let end = nextEnd(in: chunk, from: start)
      // A record that has grown too long is cut off before its end.
      let isComplete = end < chunk.byteCount && chunk.textByte(end) == Self.newline
      if isSkipping {
        if isComplete { endLine() }
      } else if !isComplete {
        try hold(chunk.extracting(start..<end), body)
      } else if pending.isEmpty {
        let first = number
        endLine()
        try give(chunk.extracting(start..<end), first, body)
      } else {
        try hold(chunk.extracting(start..<end), body)
        try giveHeld(body)
      }
      start = isComplete ? end + 1 : end
    }
  }

  /// Gives the last line where the stream ends without a line feed.
  public mutating func finish<Failure: Error>(_ body: (RawSpan, Line) throws(Failure) -> Void) throws(Failure) {
    if !isSkipping, !pending.isEmpty { try giveHeld(body) }
    self = LineSplitter(limit: limit, framing: framing)
  }

  // MARK: Lines

  private mutating func hold<Failure: Error>(
    _ part: RawSpan, _ body: (RawSpan, Line) throws(Failure) -> Void
  ) throws(Failure) {
    guard pending.count + part.byteCount > limit + 1 else {
      part.withUnsafeBytes { pending.append(contentsOf: $0) }
      return
    }
    part.extracting(first: max(0, Self.excerptMax - pending.count)).withUnsafeBytes { pending.append(contentsOf: $0) }
    let line = Line(number: number, isTooLong: true)
    isSkipping = true
    // A quote that never closes would take the rest of the file with it.
    isQuoted = false
    let excerpt = Array(pending.prefix(Self.excerptMax))
    pending.removeAll(keepingCapacity: true)
    try body(excerpt.span.bytes, line)
  }

  /// Ends the line that is held, if it hasn't just been told as too long.
  private mutating func giveHeld<Failure: Error>(
    _ body: (RawSpan, Line) throws(Failure) -> Void
  ) throws(Failure) {
    let wasSkipping = isSkipping
    let first = number
    var held: [UInt8] = []
    swap(&held, &pending)
    defer {
      held.removeAll(keepingCapacity: true)
      swap(&held, &pending)
    }
    endLine()
    if !wasSkipping { try give(held.span.bytes, first, body) }
  }

  private mutating func give<Failure: Error>(
    _ bytes: RawSpan, _ number: Int, _ body: (RawSpan, Line) throws(Failure) -> Void
  ) throws(Failure) {
    var from = 0
    var to = bytes.byteCount
    if isStart {
      isStart = false
      if to >= 3, bytes.textByte(0) == 0xEF, bytes.textByte(1) == 0xBB, bytes.textByte(2) == 0xBF { from = 3 }
    }
    if to > from, bytes.textByte(to - 1) == UInt8(ascii: "\r") { to -= 1 }
    guard to > from else { return }
    if to - from > limit {
      try body(bytes.extracting(from..<from + Self.excerptMax), Line(number: number, isTooLong: true))
    } else {
      try body(bytes.extracting(from..<to), Line(number: number, isTooLong: false))
    }
  }

  private mutating func endLine() {
    feeds += 1
    number = feeds + 1
    isSkipping = false
    before = Self.newline
  }

  // MARK: Ends

  /// Index of the line feed that ends the line, or of where the chunk or a record's limit ends.
  private mutating func nextEnd(in chunk: RawSpan, from start: Int) -> Int {
    if case .csv(let delimiter) = framing, !isSkipping {
      return nextRecordEnd(in: chunk, from: start, delimiter)
    }
    let ones: UInt64 = 0x0101_0101_0101_0101
    var at = start
    while at &+ 8 <= chunk.byteCount {
      let word = chunk.textWord(at) ^ (ones &* UInt64(Self.newline))
      let hit = (word &- ones) & ~word & (ones &* 0x80)
      guard hit == 0 else { return at &+ hit.trailingZeroBitCount >> 3 }
      at &+= 8
    }
    while at < chunk.byteCount, chunk.textByte(at) != Self.newline { at &+= 1 }
    return at
  }

  private mutating func nextRecordEnd(in chunk: RawSpan, from start: Int, _ delimiter: UInt8?) -> Int {
    var at = start
    let end = min(chunk.byteCount, start + limit + 2 - pending.count)
    while at < end {
      let byte = chunk.textByte(at)
      if isQuoted {
        if byte == Self.quote { isQuoted = false } else if byte == Self.newline { feeds += 1 }
      } else if byte == Self.newline {
        return at
      } else if byte == Self.quote {
        // Behind a closing quote, a second one is an escaped quote; behind the byte order mark, a cell begins.
        isQuoted =
          before == Self.quote || before == Self.newline || isDelimiter(before, delimiter) || isStart && before == 0xBF
      }
      before = byte
      at += 1
    }
    return at
  }

  private func isDelimiter(_ byte: UInt8, _ delimiter: UInt8?) -> Bool {
    if let delimiter { return byte == delimiter }
    return byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "\t")
  }

  private static let newline = UInt8(ascii: "\n")
  private static let quote = UInt8(ascii: "\"")
}
