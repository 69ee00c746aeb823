import NIOCore
import NIOPosix
import Testing

@testable import Wire

@Suite(.timeLimit(.minutes(1))) struct TLSSessionTests {
  /// One end of a connection without a socket: what it wants to send lies in `out`.
  private struct End: ~Copyable {
    var session: TLSSession
    var out = ByteBuffer()
    var plain = ByteBuffer()
    var isEstablished = false

    init(_ session: consuming TLSSession) { self.session = session }

    mutating func take(_ bytes: [UInt8]) throws(TLSError) {
      let result = bytes.withUnsafeBytes { bytes in
        Result { () throws(TLSError) in
          try session.withInput(bytes) { () throws(TLSError) in
            if !isEstablished {
              guard case .done = try session.handshake() else { return }
              isEstablished = true
            }
            _ = try session.read(into: &plain)
          }
        }
      }
      session.takeKept(into: &out)
      try result.get()
    }

    mutating func drain() -> [UInt8] {
      defer { out.clear() }
      return Array(out.readableBytesView)
    }
  }

  private func clientEnd() throws -> End {
    End(try TLSSession(TLSFixture.shared.client().handle, serverName: "localhost"))
  }

  private func serverEnd() throws -> End { End(try TLSSession(TLSFixture.shared.server().handle, serverName: nil)) }

  @Test func `a handshake and records that come byte by byte go through`() throws {
    var client = try clientEnd()
    var server = try serverEnd()
    try client.take([])
    for _ in 0..<3 {
      for byte in client.drain() { try server.take([byte]) }
      for byte in server.drain() { try client.take([byte]) }
    }
    #expect(client.isEstablished && server.isEstablished)
    #expect(client.session.peer?.name?.uri == "assay://test/node/worker-1")
    #expect(server.session.peer?.name?.uri == "assay://test/client/till")

    let text = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) }
    try text.withUnsafeBytes { text in
      let result = Result { () throws(TLSError) in try client.session.write(text, into: &client.out) }
      try result.get()
    }
    // Three records of at most 16 KiB and 22 bytes of their own.
    let records = client.drain()
    #expect(records.count == text.count + 3 * 22)
    for byte in records { try server.take([byte]) }
    #expect(Array(server.plain.readableBytesView) == text)
  }

  @Test func `a record changed on its way is refused`() throws {
    var client = try clientEnd()
    var server = try serverEnd()
    try client.take([])
    for _ in 0..<3 {
      try server.take(client.drain())
      try client.take(server.drain())
    }
    let result = [1, 2, 3].withUnsafeBytes { bytes in
      Result { () throws(TLSError) in try client.session.write(bytes, into: &client.out) }
    }
    try result.get()
    var record = client.drain()
    record[record.count - 1] ^= 1
    var refusal: TLSError?
    do throws(TLSError) { try server.take(record) } catch { refusal = error }
    #expect(refusal == .session("decryption failed or bad record mac"))
    #expect(server.plain.readableBytes == 0)
  }

  /// Collects what comes, for protocols other than frames.
  private final class Collector: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    let text: EventLoopPromise<String>
    let onHandshake: @Sendable (any NIOCore.Channel, TLSHandshakeCompleted) -> Void
    private var received = ByteBuffer()

    init(
      text: EventLoopPromise<String>,
      onHandshake: @escaping @Sendable (any NIOCore.Channel, TLSHandshakeCompleted) -> Void
    ) {
      self.text = text
      self.onHandshake = onHandshake
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if let completed = event as? TLSHandshakeCompleted { onHandshake(context.channel, completed) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received.writeImmutableBuffer(unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { text.fail(error) }

    func channelInactive(context: ChannelHandlerContext) { text.succeed(String(buffer: received)) }
  }

  @Test func `a port for anyone takes a client without a certificate, and many small writes`() async throws {
    let tls = TLSFixture.shared
    let server = try TLSServerContext(tls.issue(LinkServer.node), clients: .anyone)
    let client = try TLSClientContext(nil, authorities: tls.authority.certificate)
    let group = LinkServer.group
    let received = group.next().makePromise(of: String.self)
    let answered = group.next().makePromise(of: String.self)
    let listening = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            TLSHandler(server: server),
            Collector(text: received) { channel, completed in
              #expect(completed.peer == nil)
              channel.writeAndFlush(ByteBuffer(string: "welcome"), promise: nil)
            })
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let lines = (0..<2000).map { "line \($0)\n" }
    _ = try await ClientBootstrap(group: group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            TLSHandler(client: client, serverName: "127.0.0.1"),
            Collector(text: answered) { channel, completed in
              #expect(completed.peer?.hosts == ["localhost"])
              for line in lines.dropLast() { channel.write(ByteBuffer(string: line), promise: nil) }
              channel.writeAndFlush(ByteBuffer(string: lines.last!)).whenComplete { _ in
                channel.close(promise: nil)
              }
            })
        }
      }
      .connect(to: listening.localAddress!).get()
    #expect(try await received.futureResult.get() == lines.joined())
    _ = try? await answered.futureResult.get()
    try await listening.close()
  }
}
