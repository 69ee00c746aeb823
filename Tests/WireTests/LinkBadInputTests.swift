import NIOCore
import Testing

@testable import Wire

/// What comes from outside may be anything. Each case ends its own connection, with one line for the operator and, where
/// the peer can read it, one failure for the peer.
@Suite(.timeLimit(.minutes(1))) struct LinkBadInputTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    /// What the peer is told, nil for nothing.
    var code: FailureCode?
    /// A part of the log line.
    var line: String
    var testDescription: String { name }
  }

  private static func damaged(_ bytes: [UInt8], at index: Int) -> [UInt8] {
    var bytes = bytes
    bytes[index] ^= 1
    return bytes
  }

  private static let submit = RawPeer.frame(.submit) { $0.write(1 as UInt64) }

  static let cases: [Case] = [
    Case(
      name: "HTTP", bytes: Array("GET / HTTP/1.1\r\n\r\n".utf8), code: nil,
      line: "an HTTP request: this is not the HTTP port"),
    Case(
      name: "TLS", bytes: [0x16, 0x03, 0x01, 0x00, 0xF4], code: nil, line: "the connection began with a TLS record"),
    Case(name: "noise", bytes: [UInt8](repeating: 0xA5, count: 100), code: nil, line: "bytes of another protocol"),
    Case(
      name: "a frame of protocol version 9", bytes: RawPeer.frame(.hello, version: 9) { $0.write(0 as UInt8) },
      code: .unsupportedVersion, line: "protocol version 9 is not spoken here; this build speaks 1 to 1"),
    Case(
      name: "a hello of protocol versions 7 to 9",
      bytes: RawPeer.hello(Hello(versions: 7...9, identity: LinkServer.client)), code: .unsupportedVersion,
      line: "this build speaks protocol versions 1 to 1, the peer 7 to 9"),
    Case(
      name: "a large frame before the hello",
      bytes: RawPeer.frame(.hello) { $0.write(raw: [UInt8](repeating: 0, count: 65_537).span.bytes) }, code: .tooLarge,
      line: "a frame announces 65537 bytes; at most 65536 are taken here"),
    Case(
      name: "a large frame after the hello",
      bytes: RawPeer.hello()
        + RawPeer.frame(.submit) { $0.write(raw: [UInt8](repeating: 0, count: (16 << 20) + 1).span.bytes) }
        .prefix(64), code: .tooLarge, line: "a frame announces 16777217 bytes; at most 16777216 are taken here"),
    Case(
      name: "a damaged header", bytes: damaged(RawPeer.hello(), at: 20), code: .malformed,
      line: "a frame header's checksum does not hold"),
    Case(
      name: "a damaged payload", bytes: RawPeer.hello() + damaged(submit, at: 35), code: .malformed,
      line: "a frame payload's checksum does not hold"),
    Case(
      name: "another cluster",
      bytes: RawPeer.hello(
        Hello(identity: LinkIdentity(cluster: ClusterID(high: 9, low: 9), role: .client, name: "till"))),
      code: .wrongCluster, line: "node worker-1 is of cluster 000000000000a55a0000000000000001, client till of"),
    Case(
      name: "no hello first", bytes: submit, code: .malformed, line: "a frame of kind submit came where a hello is due"),
    Case(
      name: "two hellos", bytes: RawPeer.hello() + RawPeer.hello(), code: .malformed,
      line: "a frame of kind hello came where a hello is due"),
    Case(
      name: "a hello with a byte left over",
      bytes: RawPeer.frame(.hello) {
        Hello(identity: LinkServer.client).write(to: &$0)
        $0.write(0 as UInt8)
      }, code: .malformed, line: "1 bytes are left over"),
    Case(
      name: "a kind nobody knows",
      bytes: {
        var frame = RawPeer.hello()
        frame[6] = 0xFF
        let checksum = Array(frame.prefix(28)).withUnsafeBytes { crc32c($0) }
        withUnsafeBytes(of: checksum.littleEndian) { frame.replaceSubrange(28..<32, with: $0) }
        return frame
      }(), code: .malformed, line: "a frame is of unknown kind 255"),
  ]

  @Test(arguments: cases) func `bad input ends its connection with one line, and no other connection`(_ bad: Case)
    async throws
  {
    let (logger, lines) = LogRecorder.make()
    let server = try await LinkServer.start(options: LinkOptions(logger: logger))
    let good = LinkParty()
    let link = server.connect(good)
    _ = try #require(await good.ready())
    _ = await server.nextAccepted()

    let peer = try RawPeer(port: server.listener.port)
    try peer.send(bad.bytes)
    #expect(try peer.failure()?.code == bad.code)
    let owner = try #require(await server.nextAccepted())
    _ = try #require(await owner.closed() ?? nil)
    #expect(lines.all.count == 1)
    #expect(lines.all.first?.hasPrefix("link ended") ?? false)
    #expect(lines.all.first?.contains(bad.line) ?? false, "\(lines.all)")

    link.onLoop { $0.send(.submit, correlation: 4) { $0.write(1 as UInt8) } }
    #expect(await good.frame()?.correlation == 4)
    await server.listener.close()
  }

  @Test func `HTTP and noise on a TLS port end with one line`() async throws {
    for bytes in [Array("GET / HTTP/1.1\r\n\r\n".utf8), [UInt8](repeating: 0xA5, count: 100), RawPeer.hello()] {
      let (logger, lines) = LogRecorder.make()
      let server = try await LinkServer.start(tls: TLSFixture.shared.server(), options: LinkOptions(logger: logger))
      let peer = try RawPeer(port: server.listener.port)
      try peer.send(bytes)
      while try !peer.receive().isEmpty {}
      #expect(
        lines.all == [
          "link ended the TLS handshake failed: the peer speaks no TLS, which this port demands: give it certificates, and "
            + "https instead of http"
        ])
    }
  }

  @Test func `a damaged TLS record ends the link on both sides`() async throws {
    // A TLS handshake's first record, and then not what follows from it.
    let server = try await LinkServer.start(tls: TLSFixture.shared.server())
    let peer = try RawPeer(port: server.listener.port)
    try peer.send([0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00])
    // An alert: type 21.
    #expect(try peer.receive().first == 21)
    let owner = try #require(await server.nextAccepted())
    guard case .tls(.handshake) = try #require(await owner.closed() ?? nil) else {
      Issue.record("not a handshake error")
      return
    }
  }

  @Test func `a hello and frames that come byte by byte are taken`() async throws {
    let server = try await LinkServer.start()
    let peer = try RawPeer(port: server.listener.port)
    let payload = (0..<3000).map { UInt8(truncatingIfNeeded: $0) }
    try peer.drip(RawPeer.hello() + RawPeer.frame(.submit, correlation: 8) { $0.write(raw: payload.span.bytes) })
    let frames = try peer.frames(2)
    #expect(frames.map(\.kind) == [.helloAccepted, .submit])
    #expect(frames.last?.payload == payload)
  }

  @Test func `whoever says no hello in time is told so`() async throws {
    var options = LinkOptions()
    options.handshakeTimeout = .milliseconds(20)
    for tls in [nil, try TLSFixture.shared.server()] {
      let server = try await LinkServer.start(tls: tls, options: options)
      let peer = try RawPeer(port: server.listener.port)
      #expect(try peer.failure()?.code == (tls == nil ? .deadline : nil))
      let owner = try #require(await server.nextAccepted())
      guard case .handshakeTimeout = try #require(await owner.closed() ?? nil) else {
        Issue.record("not the timeout")
        continue
      }
    }
  }

  @Test func `a silent peer is pinged and then given up`() async throws {
    var options = LinkOptions()
    options.idleTimeout = .milliseconds(40)
    let server = try await LinkServer.start(options: options)
    let peer = try RawPeer(port: server.listener.port)
    try peer.send(RawPeer.hello())
    #expect(try peer.frames().map(\.kind) == [.helloAccepted, .ping, .failure])
    let owner = try #require(await server.nextAccepted())
    guard case .silent = try #require(await owner.closed() ?? nil) else {
      Issue.record("not for silence")
      return
    }
  }

  @Test func `connections beyond the limit are closed at once`() async throws {
    var options = LinkOptions()
    options.connectionsMax = 1
    let server = try await LinkServer.start(options: options)
    let first = LinkParty()
    let link = server.connect(first)
    _ = try #require(await first.ready())
    let second = LinkParty()
    server.connect(second)
    #expect(try #require(await second.closed()) != nil)
    link.onLoop { $0.close() }
    _ = await first.closed()
    let accepted = try #require(await server.nextAccepted())
    _ = await accepted.closed()
    // The place is free once the connection is gone; a few tries may come before that.
    for _ in 0..<1000 {
      let third = LinkParty()
      server.connect(third)
      if await third.ready() != nil { return }
    }
    Issue.record("the place was not given back")
  }

  @Test func `a peer that takes nothing is told of, and read from no more until it does`() async throws {
    var options = LinkOptions()
    options.outboundHighWater = 1 << 18
    options.outboundLowWater = 1 << 16
    let server = try await LinkServer.start(options: options)
    let frame = RawPeer.frame(.submit) { $0.write(raw: [UInt8](repeating: 3, count: 16_000).span.bytes) }
    let total = 4000
    var stream = RawPeer.hello()
    stream.reserveCapacity(stream.count + total * frame.count)
    for _ in 0..<total { stream.append(contentsOf: frame) }
    let peer = try RawPeer(port: server.listener.port)
    let sent = try peer.sendUntilBlocked(stream)
    #expect(sent < stream.count, "the server read on while its answers piled up")
    let owner = try #require(await server.nextAccepted())
    #expect(await owner.next { if case .writable(let on) = $0 { on } else { nil } } == false)
    let rest = Array(stream[sent...])
    async let sending: Void = Task.detached { try peer.send(rest) }.value
    let frames = try peer.frames(total + 1)
    try await sending
    #expect(frames.count == total + 1)
    #expect(await owner.next { if case .writable(let on) = $0 { on } else { nil } } == true)
  }

  @Test func `an owner that floods a peer loses the link, not the process`() async throws {
    var options = LinkOptions()
    options.outboundMax = 1 << 20
    let server = try await LinkServer.start(
      options: options,
      party: {
        LinkParty(onReady: { link in
          for _ in 0..<1000 { link.send(.append) { $0.write(raw: [UInt8](repeating: 1, count: 64 * 1024).span.bytes) } }
        })
      })
    let peer = try RawPeer(port: server.listener.port)
    try peer.send(RawPeer.hello())
    let owner = try #require(await server.nextAccepted())
    guard case .overflow(let bytes) = try #require(await owner.closed() ?? nil) else {
      Issue.record("not for overflow")
      return
    }
    #expect(bytes < 3 << 20)
  }
}
