import Testing

@testable import Wire

@Suite struct HelloTests {
  static let hello = Hello(
    versions: 1...2,
    identity: LinkIdentity(
      cluster: ClusterID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10), role: .node, name: "worker-1",
      node: NodeID(7), incarnation: Incarnation(3), storage: StorageID(high: 17, low: 18), features: .compression,
      product: "assay 0.1.0"))
  static let accepted = HelloAccepted(
    version: 1, identity: LinkIdentity(cluster: hello.identity.cluster, role: .coordinator, name: "coordinator-1", features: .compression),
    payloadMax: 1 << 20)
  static let failure = Failure(
    .busy, "the queue of p3 is full", isRetriable: true, retryAfterMilliseconds: 250)

  /// The golden bytes, what they decode to, and that neither a byte less nor one more is taken.
  private func check<Message: ClusterMessage>(_ name: String, _ message: Message) throws {
    Golden.check(name, message.encoded)
    let golden = Golden.read(name)
    #expect(try Message(reading: golden.span.bytes) == message)
    for count in 0..<golden.count {
      let part = Array(golden.prefix(count))
      #expect(throws: WireError.self) { try Message(reading: part.span.bytes) }
    }
    let longer = golden + [0]
    #expect(throws: WireError.leftOver(at: golden.count, 1)) { try Message(reading: longer.span.bytes) }
  }

  @Test func `session messages keep their golden bytes, and are read whole or not at all`() throws {
    try check("hello", Self.hello)
    try check("hello-accepted", Self.accepted)
    try check("failure", Self.failure)
    try check("ping", Ping(token: 0x1122_3344_5566_7788))
    try check("pong", Pong(token: 0x1122_3344_5566_7788))
  }

  @Test func `the highest version that both speak is chosen`() {
    func chosen(_ theirs: ClosedRange<UInt8>, _ mine: ClosedRange<UInt8>) -> UInt8? {
      Hello(versions: theirs, identity: Self.hello.identity).version(spokenWith: mine)
    }
    #expect(chosen(1...1, 1...2) == 1)
    #expect(chosen(1...3, 2...5) == 3)
    #expect(chosen(4...9, 2...5) == 5)
    #expect(chosen(6...9, 2...5) == nil)
    #expect(chosen(1...1, 2...5) == nil)
  }

  @Test(arguments: ["", ".hidden", "a/b", "a b", "ä", String(repeating: "x", count: 64)])
  func `what could be read as something else is no name`(_ name: String) {
    #expect(!LinkIdentity.isName(name))
    #expect(SubjectName(realm: "r", role: .node, name: name) == nil)
  }

  @Test func `a subject name is read from its own URI and no other`() {
    let name = SubjectName(realm: "test", role: .coordinator, name: "c-1")
    #expect(name?.uri == "assay://test/coordinator/c-1")
    #expect(SubjectName(uri: "assay://test/coordinator/c-1") == name)
    for other in [
      "assay://test/coordinator", "assay://test/coordinator/c-1/", "assay://test/king/c-1", "https://test/node/c-1",
      "assay:///node/c-1", "ASSAY://test/node/c-1", "assay://test/node/c-1?x",
    ] {
      #expect(SubjectName(uri: other) == nil, "\(other)")
    }
  }

  @Test func `a failure's text is cut at a character within its bound`() throws {
    let failure = Failure(.internal, String(repeating: "a", count: 1023) + "é" + "b")
    #expect(failure.message == String(repeating: "a", count: 1023))
    #expect(try Failure(reading: failure.encoded.span.bytes) == failure)
  }

  @Test func `a code of a newer build is shown as internal`() throws {
    var bytes = Self.failure.encoded
    bytes[0] = 0xEE
    #expect(try Failure(reading: bytes.span.bytes).code == .internal)
  }
}
