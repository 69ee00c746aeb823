import Wire

/// The cells of one CSV record (RFC 4180), without allocation for cells that have no quote in them.
struct CSVRecord: ~Escapable {
  let span: RawSpan
  let delimiter: UInt8
  private var at = 0
  private var isDone = false

  @_lifetime(copy span) init(_ span: RawSpan, delimiter: UInt8) {
    self.span = span
    self.delimiter = delimiter
  }

  /// The next cell: its range in the record, and whether doubled quotes in it must be undone (`unquote`). Nil behind
  /// the last.
  @_lifetime(self: copy self) mutating func next() throws(Rejection) -> (range: Range<Int>, hasQuotes: Bool)? {
    guard !isDone else { return nil }
    guard at < span.byteCount, span.textByte(at) == UInt8(ascii: "\"") else {
      let start = at
      while at < span.byteCount, span.textByte(at) != delimiter { at &+= 1 }
      return (endCell(start, at), false)
    }
    at += 1
    let start = at
    var hasQuotes = false
    while at < span.byteCount {
      guard span.textByte(at) == UInt8(ascii: "\"") else {
        at &+= 1
        continue
      }
      guard at + 1 < span.byteCount, span.textByte(at + 1) == UInt8(ascii: "\"") else { break }
      hasQuotes = true
      at += 2
    }
    guard at < span.byteCount else { throw Rejection(.malformed, "a quoted cell has no end") }
    let end = at
    at += 1
    guard at == span.byteCount || span.textByte(at) == delimiter else {
      throw Rejection(.malformed, "byte \(at): text follows after a cell's closing quote")
    }
    return (endCell(start, end), hasQuotes)
  }

  @_lifetime(copy self) func bytes(of range: Range<Int>) -> RawSpan { span.extracting(range) }

  func unquote(_ range: Range<Int>, into out: inout [UInt8]) {
    out.removeAll(keepingCapacity: true)
    var at = range.lowerBound
    while at < range.upperBound {
      let byte = span.textByte(at)
      out.append(byte)
      at += byte == UInt8(ascii: "\"") ? 2 : 1
    }
  }

  @_lifetime(self: copy self) private mutating func endCell(_ start: Int, _ end: Int) -> Range<Int> {
    if at < span.byteCount { at += 1 } else { isDone = true }
    return start..<end
  }
}
