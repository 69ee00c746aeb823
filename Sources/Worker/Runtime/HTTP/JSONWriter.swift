import NIOCore

/// Writes JSON text into a buffer that is sent as it is.
struct JSONWriter {
  private(set) var buffer: ByteBuffer

  init(capacity: Int) { buffer = ByteBufferAllocator().buffer(capacity: capacity) }

  mutating func put(_ text: StaticString) { buffer.writeStaticString(text) }
  mutating func put(_ number: UInt64) { buffer.writeString(String(number)) }

  mutating func put(quoted text: String) {
    var text = text
    text.withUTF8 { put(quoted: UnsafeRawBufferPointer($0)) }
  }

  /// A JSON string with its quotes, from UTF-8 that has been checked.
  mutating func put(quoted bytes: UnsafeRawBufferPointer) {
    put("\"")
    var plain = 0
    for (at, byte) in bytes.enumerated() where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
      buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[plain..<at]))
      plain = at + 1
      put(escaped: byte)
    }
    buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[plain...]))
    put("\"")
  }

  private mutating func put(escaped byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\n"): put("\\n")
    case UInt8(ascii: "\r"): put("\\r")
    case UInt8(ascii: "\t"): put("\\t")
    case 0..<0x20:
      put(byte < 16 ? "\\u000" : "\\u001")
      buffer.writeString(String(byte & 15, radix: 16))
    default:
      put("\\")
      buffer.writeInteger(byte)
    }
  }

  /// Six places behind the point, as decision files have scores; `null` for what isn't finite.
  mutating func put(sixPlaces value: Double) {
    guard value.isFinite, value.magnitude < 1e12 else { return put(shortest: value) }
    let millionths = (value.magnitude * 1e6).rounded()
    if value < 0, millionths > 0 { put("-") }
    let whole = UInt64(millionths)
    put(whole / 1_000_000)
    put(".")
    let places = String(whole % 1_000_000)
    for _ in places.utf8.count..<6 { put("0") }
    buffer.writeString(places)
  }

  /// The shortest text that reads back as the same double; whole numbers without a point; `null` for what isn't finite.
  mutating func put(shortest value: Double) {
    guard value.isFinite else { return put("null") }
    if value.magnitude < 9_007_199_254_740_992, value == value.rounded(.towardZero) {
      buffer.writeString(String(Int64(value)))
    } else {
      buffer.writeString(value.description)
    }
  }
}
