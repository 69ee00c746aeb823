/// Reads little-endian values from borrowed bytes. Every read is bounds-checked; every decoder ends with `finish()`,
/// which refuses left-over bytes.
public struct WireReader: ~Escapable {
  @usableFromInline let span: RawSpan
  @usableFromInline var at: Int

  @inlinable @_lifetime(copy span) public init(_ span: RawSpan) {
    self.span = span
    at = 0
  }

  @inlinable public var remaining: Int { span.byteCount - at }
  /// Bytes read so far: where in the message an error lies.
  @inlinable public var position: Int { at }

  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func read<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) throws(WireError) -> T {
    let size = MemoryLayout<T>.size
    guard remaining >= size else { throw WireError.truncated(at: at, needed: size - remaining) }
    let value = span.unsafeLoadUnaligned(fromByteOffset: at, as: T.self)
    at += size
    return T(littleEndian: value)
  }

  @inlinable @_lifetime(self: copy self) public mutating func readDouble() throws(WireError) -> Double {
    Double(bitPattern: try read(UInt64.self))
  }
  @inlinable @_lifetime(self: copy self) public mutating func readFloat() throws(WireError) -> Float {
    Float(bitPattern: try read(UInt32.self))
  }

  @inlinable @_lifetime(self: copy self) public mutating func readBool() throws(WireError) -> Bool {
    switch try read(UInt8.self) {
    case 0: return false
    case 1: return true
    case let other: throw WireError.invalid(at: at - 1, "a boolean is 0 or 1, this is \(other)")
    }
  }

  /// The next `count` bytes, borrowed from the message.
  @inlinable @_lifetime(copy self) @_lifetime(self: copy self)
  public mutating func readRaw(_ count: Int) throws(WireError) -> RawSpan {
    guard count >= 0, remaining >= count else { throw WireError.truncated(at: at, needed: count - remaining) }
    let part = span.extracting(at..<at + count)
    at += count
    return part
  }

  /// A string behind a 16-bit length; it must be UTF-8.
  @inlinable @_lifetime(self: copy self) public mutating func readString() throws(WireError) -> String {
    let count = Int(try read(UInt16.self))
    let start = at
    let raw = try readRaw(count)
    guard let text = raw.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
      throw WireError.invalid(at: start, "a string is not UTF-8")
    }
    return text
  }

  /// A byte string behind a 32-bit length, at most `limit` bytes; the limit is checked before anything is allocated.
  @inlinable @_lifetime(self: copy self) public mutating func readBlock(limit: Int) throws(WireError) -> [UInt8] {
    let count = Int(try read(UInt32.self))
    guard count <= limit else { throw WireError.overLimit(at: at - 4, count, limit: limit) }
    let raw = try readRaw(count)
    return raw.withUnsafeBytes { [UInt8]($0) }
  }

  /// A 32-bit count of items of at least `itemSize` bytes each, checked against what is left before allocation.
  @inlinable @_lifetime(self: copy self) public mutating func readCount(itemSize: Int, limit: Int) throws(WireError) -> Int {
    let count = Int(try read(UInt32.self))
    guard count <= limit else { throw WireError.overLimit(at: at - 4, count, limit: limit) }
    guard count * itemSize <= remaining else { throw WireError.truncated(at: at, needed: count * itemSize - remaining) }
    return count
  }

  @inlinable public consuming func finish() throws(WireError) {
    guard remaining == 0 else { throw WireError.leftOver(at: at, remaining) }
  }
}
