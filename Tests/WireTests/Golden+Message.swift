import Testing

@testable import Wire

extension Golden {
  /// A message has its golden bytes, comes back from them, is not read from less or more than them, and what else is read from
  /// bytes like them says the same bytes again.
  static func check<Message: ClusterMessage>(_ name: String, whole message: Message) throws {
    check(name, message.encoded)
    let bytes = read(name)
    #expect(try Message(reading: bytes.span.bytes) == message)
    for length in bytes.indices {
      let cut = Array(bytes[..<length])
      #expect(throws: WireError.self) { _ = try Message(reading: cut.span.bytes) }
    }
    let longer = bytes + [0]
    #expect(throws: WireError.self) { _ = try Message(reading: longer.span.bytes) }
    for position in bytes.indices {
      for value in [0, 1, 0x7F, 0xFF] as [UInt8] {
        var changed = bytes
        changed[position] = value
        if let read = try? Message(reading: changed.span.bytes) {
          #expect(read.encoded == changed, "\(name): byte \(position) is \(value)")
        }
      }
    }
  }
}
