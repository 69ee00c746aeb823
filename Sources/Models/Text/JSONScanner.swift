/// A strict JSON reader over borrowed bytes (RFC 8259): no tree, no allocation; text and numbers come out as ranges of
/// the input. The caller asks for what it expects next and skips what it doesn't want.
///
/// Refused: trailing commas and bytes, leading zeros, bare control characters, invalid UTF-8, unpaired surrogates,
/// nesting deeper than `depthMax`.
public struct JSONScanner: ~Escapable {
  public static var depthMax: Int { 32 }

  /// What the next value is, told by its first byte.
  public enum Kind: UInt8, Sendable {
    case string, number, yes, no, null, object, array
  }

  let span: RawSpan
  var at: Int
  var depth = 0

  @_lifetime(copy span) public init(_ span: RawSpan) {
    self.span = span
    at = 0
  }

  /// Bytes read so far: where an error lies.
  public var position: Int { at }

  // MARK: Values

  /// Skips white space and names the next value without reading it.
  @_lifetime(self: copy self) public mutating func peek() throws(JSONError) -> Kind {
    switch try nextByte() {
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"): return .yes
    case UInt8(ascii: "f"): return .no
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    default: throw JSONError.syntax(at: at, "a value is expected")
    }
  }

  /// Reads `true`, `false` or `null`, as told by `peek`.
  @_lifetime(self: copy self) public mutating func readLiteral(_ kind: Kind) throws(JSONError) {
    let word: StaticString =
      switch kind {
      case .yes: "true"
      case .no: "false"
      default: "null"
      }
    guard span.byteCount - at >= word.utf8CodeUnitCount else { throw JSONError.syntax(at: at, "a value is expected") }
    for i in 0..<word.utf8CodeUnitCount where span.textByte(at + i) != word.utf8Start[i] {
      throw JSONError.syntax(at: at + i, "a value is expected")
    }
    at += word.utf8CodeUnitCount
  }

  /// Reads over one value of any kind, checking it.
  @_lifetime(self: copy self) public mutating func skipValue() throws(JSONError) {
    let kind = try peek()
    switch kind {
    case .string: _ = try readString()
    case .number: _ = try readNumber()
    case .yes, .no, .null: try readLiteral(kind)
    case .object:
      try beginObject()
      var isFirst = true
      while try nextKey(isFirst: isFirst) != nil {
        isFirst = false
        try skipValue()
      }
    case .array:
      try beginArray()
      var isFirst = true
      while try nextElement(isFirst: isFirst) {
        isFirst = false
        try skipValue()
      }
    }
  }

  // MARK: Objects and arrays

  @_lifetime(self: copy self) public mutating func beginObject() throws(JSONError) {
    guard try nextByte() == UInt8(ascii: "{") else { throw JSONError.syntax(at: at, "an object is expected") }
    try descend()
  }

  @_lifetime(self: copy self) public mutating func beginArray() throws(JSONError) {
    guard try nextByte() == UInt8(ascii: "[") else { throw JSONError.syntax(at: at, "an array is expected") }
    try descend()
  }

  /// The next member's key, its colon read over, or nil after the object's end.
  @_lifetime(self: copy self) public mutating func nextKey(isFirst: Bool) throws(JSONError) -> JSONText? {
    guard try nextMember(isFirst: isFirst, end: UInt8(ascii: "}")) else { return nil }
    guard try nextByte() == UInt8(ascii: "\"") else { throw JSONError.syntax(at: at, "a key is expected") }
    let key = try readString()
    guard try nextByte() == UInt8(ascii: ":") else { throw JSONError.syntax(at: at, "a colon is expected") }
    at += 1
    return key
  }

  /// True if an element follows, false after the array's end.
  @_lifetime(self: copy self) public mutating func nextElement(isFirst: Bool) throws(JSONError) -> Bool {
    try nextMember(isFirst: isFirst, end: UInt8(ascii: "]"))
  }

  /// Refuses anything but white space after the value.
  @_lifetime(self: copy self) public mutating func finish() throws(JSONError) {
    skipSpace()
    guard at == span.byteCount else { throw JSONError.syntax(at: at, "more text follows after the end") }
  }

  /// True when only white space is left.
  public var isAtEnd: Bool {
    @_lifetime(self: copy self) mutating get {
      skipSpace()
      return at == span.byteCount
    }
  }

  // MARK: Bytes

  @_lifetime(self: copy self) private mutating func descend() throws(JSONError) {
    depth += 1
    guard depth <= Self.depthMax else { throw JSONError.tooDeep(at: at) }
    at += 1
  }

  @_lifetime(self: copy self) private mutating func nextMember(isFirst: Bool, end: UInt8) throws(JSONError) -> Bool {
    let byte = try nextByte()
    if byte == end {
      at += 1
      depth -= 1
      return false
    }
    guard !isFirst else { return true }
    guard byte == UInt8(ascii: ",") else { throw JSONError.syntax(at: at, "a comma is expected") }
    at += 1
    guard try nextByte() != end else { throw JSONError.syntax(at: at, "nothing follows after a comma") }
    return true
  }

  @inline(__always) @_lifetime(self: copy self) private mutating func nextByte() throws(JSONError) -> UInt8 {
    if at < span.byteCount {
      let byte = span.textByte(at)
      if byte > UInt8(ascii: " ") { return byte }
    }
    skipSpace()
    guard at < span.byteCount else { throw JSONError.syntax(at: at, "the text ends too early") }
    return span.textByte(at)
  }

  @_lifetime(self: copy self) private mutating func skipSpace() {
    while at < span.byteCount {
      switch span.textByte(at) {
      case 0x20, 0x09, 0x0A, 0x0D: at += 1
      default: return
      }
    }
  }
}

/// A string's content between its quotes, as a range of the scanner's bytes.
public struct JSONText: Equatable, Sendable {
  public var start: Int
  public var end: Int
  /// The content has escapes; `JSONScanner.unescape` gives its bytes.
  public var isEscaped: Bool
}

/// Why bytes are not JSON. Tells the place, never the content.
public enum JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  case syntax(at: Int, String)
  case invalidUTF8(at: Int)
  case tooDeep(at: Int)

  public var description: String {
    switch self {
    case .syntax(let at, let what): "byte \(at): \(what)"
    case .invalidUTF8(let at): "byte \(at) is not UTF-8"
    case .tooDeep(let at): "byte \(at) is nested deeper than \(JSONScanner.depthMax) levels"
    }
  }
}

extension RawSpan {
  /// The byte at `index`; the caller has checked the bound.
  @inline(__always) func textByte(_ index: Int) -> UInt8 { unsafeLoad(fromByteOffset: index, as: UInt8.self) }

  @inline(__always) func textWord(_ index: Int) -> UInt64 {
    UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
  }
}
