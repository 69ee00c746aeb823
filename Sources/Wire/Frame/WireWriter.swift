/// Appends little-endian values to a byte array that is reused from message to message.
public struct WireWriter: ~Copyable {
  public var bytes: [UInt8]

  @inlinable public init(capacity: Int = 256) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  @inlinable public init(reusing bytes: consuming [UInt8]) { self.bytes = bytes }

  @inlinable public var count: Int { bytes.count }

  @inlinable @inline(__always) public mutating func write<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  @inlinable public mutating func write(_ value: Double) { write(value.bitPattern) }
  @inlinable public mutating func write(_ value: Float) { write(value.bitPattern) }
  @inlinable public mutating func write(_ value: Bool) { write(value ? 1 as UInt8 : 0) }

  @inlinable public mutating func write(raw: UnsafeRawBufferPointer) { bytes.append(contentsOf: raw) }
  @inlinable public mutating func write(raw: borrowing RawSpan) { raw.withUnsafeBytes { bytes.append(contentsOf: $0) } }

  /// A UTF-8 string behind a 16-bit length. At most 65,535 bytes; longer text is the caller's error.
  @inlinable public mutating func write(_ text: String) {
    var text = text
    text.withUTF8 {
      precondition($0.count <= Int(UInt16.max), "a string on the wire has at most 65,535 bytes")
      write(UInt16($0.count))
      bytes.append(contentsOf: $0)
    }
  }

  /// A byte string behind a 32-bit length.
  @inlinable public mutating func write(block: some Collection<UInt8>) {
    write(UInt32(block.count))
    bytes.append(contentsOf: block)
  }

  /// Overwrites four bytes written earlier, for lengths known only at the end.
  @inlinable public mutating func patch(_ value: UInt32, at index: Int) {
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: index, as: UInt32.self) }
  }
}
