import Testing

@testable import Wire

@Suite struct LeaderHintTests {
  static let hint = LeaderHint(address: "10.0.0.2:7100")

  @Test func `a leader hint has its golden bytes and comes back from them`() throws {
    Golden.check("leader-hint", Self.hint.encoded)
    let bytes = Golden.read("leader-hint")
    #expect(try LeaderHint(reading: bytes.span.bytes) == Self.hint)
  }

  @Test func `a hint that ends early or late, or names nothing, is refused`() {
    let bytes = Self.hint.encoded
    for length in 0..<bytes.count {
      let cut = Array(bytes[..<length])
      #expect(throws: WireError.self) { _ = try LeaderHint(reading: cut.span.bytes) }
    }
    let longer = bytes + [0]
    #expect(throws: WireError.self) { _ = try LeaderHint(reading: longer.span.bytes) }
    let empty: [UInt8] = [0, 0]
    #expect(throws: WireError.self) { _ = try LeaderHint(reading: empty.span.bytes) }
  }

  @Test func `not leading is a reason to ask elsewhere`() {
    #expect(FailureCode.notLeader.rawValue == 16)
    #expect(FailureCode.notLeader.isRetriable)
  }
}
