import Testing

@testable import Wire

@Suite struct ClusterMessageTests {
  @Test(arguments: ClusterSamples.all.indices)
  func `cluster messages have their golden bytes and come back from them`(index: Int) throws {
    let (name, message) = ClusterSamples.all[index]
    Golden.check(name, message.encoded)
    func reread<Message: ClusterMessage>(_ message: Message) throws {
      let bytes = Golden.read(name)
      let read = try Message(reading: bytes.span.bytes)
      #expect(read == message)
    }
    try reread(message)
  }

  @Test(arguments: ClusterSamples.all.indices)
  func `a message that ends early or late is refused`(index: Int) throws {
    func check<Message: ClusterMessage>(_ message: Message) {
      let bytes = message.encoded
      for length in 0..<bytes.count {
        let cut = Array(bytes[..<length])
        #expect(throws: WireError.self) { _ = try Message(reading: cut.span.bytes) }
      }
      let longer = bytes + [0]
      #expect(throws: WireError.self) { _ = try Message(reading: longer.span.bytes) }
    }
    check(ClusterSamples.all[index].message)
  }

  @Test(arguments: ClusterSamples.all.indices)
  func `no change of a byte makes a decoder trap, and what it takes it writes back as it was`(index: Int) throws {
    func check<Message: ClusterMessage>(_ message: Message) {
      let bytes = message.encoded
      for position in bytes.indices {
        for value in [0, 1, 0x7F, 0xFF] as [UInt8] {
          var changed = bytes
          changed[position] = value
          guard let read = try? Message(reading: changed.span.bytes) else { continue }
          #expect(read.encoded == changed)
        }
      }
    }
    check(ClusterSamples.all[index].message)
  }

  @Test func `every kind of the coordinator's protocol has one message`() {
    let kinds = ClusterSamples.all.map { type(of: $0.message).kind }
    #expect(Set(kinds).count == kinds.count)
    #expect(Set(kinds) == Set(FrameKind.allCases.filter { (16...30).contains($0.rawValue) || (72...75).contains($0.rawValue) }))
  }

  @Test func `counts are checked against their bound before anything is allocated`() {
    var out = WireWriter()
    out.write(UInt32.max)
    let bytes = out.bytes
    var reader = WireReader(bytes.span.bytes)
    let error = #expect(throws: WireError.self) {
      _ = try reader.read([NodeRecord].self, itemSize: NodeRecord.encodedSizeMin, limit: ClusterLimit.nodes)
    }
    #expect(error == .overLimit(at: 0, Int(UInt32.max), limit: ClusterLimit.nodes))
  }

  @Test func `a bundle is stored with contents and activated without`() {
    let empty = PublishBundle(bundle: ClusterSamples.bundle, step: .store).encoded
    #expect(throws: WireError.self) { _ = try PublishBundle(reading: empty.span.bytes) }
    let full = PublishBundle(bundle: ClusterSamples.bundle, step: .activate, contents: [1]).encoded
    #expect(throws: WireError.self) { _ = try PublishBundle(reading: full.span.bytes) }
  }
}
