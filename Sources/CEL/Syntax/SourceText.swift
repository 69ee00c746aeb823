/// An expression's text as UTF-8, and where its lines begin.
public struct SourceText: Sendable {
  public let text: String
  let bytes: [UInt8]

  public init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  /// Line and column of a byte offset, both counted from 1; a column is a code point.
  public func position(of offset: Int) -> (line: Int, column: Int) {
    let end = min(max(offset, 0), bytes.count)
    var line = 1
    var lineStart = 0
    for index in 0..<end where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      lineStart = index + 1
    }
    return (line, 1 + Self.codePoints(bytes[lineStart..<end]))
  }

  /// The text of the line that holds `offset`, without its end of line.
  func line(at offset: Int) -> String {
    let place = min(max(offset, 0), bytes.count)
    let start = bytes[..<place].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let end = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  /// Continuation bytes of UTF-8 count for nothing.
  static func codePoints(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
  }
}

/// Why an expression was refused: what is wrong, and the byte offset where.
public struct ExpressionIssue: Error, Equatable, Sendable {
  public var offset: Int
  public var message: String

  public init(offset: Int, message: String) {
    self.offset = offset
    self.message = message
  }

  /// `1:5: message`, the line of the expression, and a caret below the place.
  public func rendered(in source: SourceText) -> String {
    let (line, column) = source.position(of: offset)
    let caret = String(repeating: " ", count: column - 1) + "^"
    return "\(line):\(column): \(message)\n | \(source.line(at: offset))\n | \(caret)"
  }
}

/// All that was found wrong with one expression, in the order of the text.
public struct ExpressionError: Error, CustomStringConvertible, Sendable {
  public var source: SourceText
  public var issues: [ExpressionIssue]

  public init(source: SourceText, issues: [ExpressionIssue]) {
    self.source = source
    self.issues = issues
  }

  public var description: String { issues.map { $0.rendered(in: source) }.joined(separator: "\n") }
}
