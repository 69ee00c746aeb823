import NIOCore

/// The handshake is through; fired down the pipeline once, before the first plaintext. Protocols start on it, not on
/// `channelActive`.
public struct TLSHandshakeCompleted: Sendable {
  /// The peer's verified certificate, nil where it showed none.
  public var peer: CertificateInfo?
  /// This side's name by its certificate.
  public var ownName: SubjectName?
}

/// TLS by the system's libssl for any NIO pipeline: plaintext inward, TLS records outward.
///
/// A failure is fired as a `TLSError`, after the alert for the peer has been written; closing the channel is then the
/// next handler's to do.
public final class TLSHandler: ChannelDuplexHandler {
  public typealias InboundIn = ByteBuffer
  public typealias InboundOut = ByteBuffer
  public typealias OutboundIn = ByteBuffer
  public typealias OutboundOut = ByteBuffer

  private enum Phase {
    /// To `handshaking`.
    case idle
    /// To `established` or `over`.
    case handshaking
    /// To `over`.
    case established
    /// Closed or failed: what comes in is dropped, what goes out is refused.
    case over
  }

  /// Writes below this are joined before they are encrypted: a record costs about as much as 2 KB of its contents.
  private static let joinedMax = 16 * 1024

  private let session: TLSSession
  private let ownName: SubjectName?
  private let isServer: Bool
  private var phase = Phase.idle
  private var plain = ByteBuffer()
  private var queue: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
  private var joined = ByteBuffer()
  private var isFlushDue = false
  private var hasInput = false

  public init(server context: TLSServerContext) throws {
    session = try TLSSession(context.handle, serverName: nil)
    ownName = context.name
    isServer = true
  }

  /// `serverName`: for SNI; addresses are left out. Whose certificate it is that the server shows is the next handler's
  /// to check, by `TLSHandshakeCompleted.peer`.
  public init(client context: TLSClientContext, serverName: String?) throws {
    session = try TLSSession(context.handle, serverName: serverName.flatMap { Self.isAddress($0) ? nil : $0 })
    ownName = context.name
    isServer = false
  }

  private static func isAddress(_ host: String) -> Bool {
    (try? SocketAddress(ipAddress: host, port: 0)) != nil
  }

  // MARK: - Inbound

  public func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  public func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard phase == .idle else { return }
    phase = .handshaking
    plain = context.channel.allocator.buffer(capacity: 0)
    joined = context.channel.allocator.buffer(capacity: 0)
    if !isServer { advance(context, UnsafeRawBufferPointer(start: nil, count: 0)) }
  }

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard phase == .handshaking || phase == .established else { return }
    let cipher = unwrapInboundIn(data)
    if !hasInput, cipher.readableBytes > 0 {
      hasInput = true
      if let foreign = Self.foreign(cipher.readableBytesView.first, isServer) {
        return fail(context, .handshake(foreign))
      }
    }
    cipher.withUnsafeReadableBytes { advance(context, $0) }
  }

  /// Whoever doesn't speak TLS at all is told apart by the first byte: every handshake begins with a record of type 22,
  /// and every refusal of one is an alert, type 21.
  private static func foreign(_ first: UInt8?, _ isServer: Bool) -> String? {
    if first == 22 || first == 21 { return nil }
    return isServer
      ? "the peer speaks no TLS, which this port demands: give it certificates, and https instead of http"
      : "the peer speaks no TLS: it has no certificates configured, or this is another program's port"
  }

  private func advance(_ context: ChannelHandlerContext, _ input: UnsafeRawBufferPointer) {
    plain.clear()
    let wasHandshaking = phase == .handshaking
    var isEnded = false
    var failure: TLSError?
    do throws(TLSError) {
      isEnded = try session.withInput(input) { () throws(TLSError) in
        if phase == .handshaking {
          guard case .done = try session.handshake() else { return false }
          phase = .established
        }
        return try session.read(into: &plain) == .closed
      }
    } catch {
      failure = error
    }
    sendKept(context)
    if wasHandshaking, phase == .established {
      context.fireUserInboundEventTriggered(TLSHandshakeCompleted(peer: session.peer, ownName: ownName))
      if isFlushDue { flush(context: context) }
    }
    if plain.readableBytes > 0, phase == .established { context.fireChannelRead(wrapInboundOut(plain)) }
    if let failure { return fail(context, failure) }
    // The peer has said its last word: there is nothing left to talk about.
    if isEnded { close(context: context, mode: .all, promise: nil) }
  }

  private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
    guard phase != .over else { return }
    phase = .over
    refuseQueue(error)
    context.fireErrorCaught(error)
  }

  public func channelInactive(context: ChannelHandlerContext) {
    if phase == .handshaking, hasInput {
      fail(context, .handshake("the peer closed the connection in the midst of it: look into its log"))
    }
    phase = .over
    refuseQueue(ChannelError.ioOnClosedChannel)
    context.fireChannelInactive()
  }

  public func handlerRemoved(context: ChannelHandlerContext) {
    phase = .over
    refuseQueue(ChannelError.ioOnClosedChannel)
  }

  // MARK: - Outbound

  public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard phase != .over else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    queue.append((unwrapOutboundIn(data), promise))
  }

  public func flush(context: ChannelHandlerContext) {
    switch phase {
    case .idle, .handshaking: isFlushDue = true
    case .established:
      isFlushDue = false
      encryptQueue(context)
      context.flush()
    case .over: context.flush()
    }
  }

  private func encryptQueue(_ context: ChannelHandlerContext) {
    guard !queue.isEmpty else { return }
    let total = queue.reduce(0) { $0 + $1.bytes.readableBytes }
    var cipher = context.channel.allocator.buffer(capacity: total + total / 512 + 256)
    do throws(TLSError) {
      joined.clear()
      for item in queue {
        let isSmall = item.bytes.readableBytes < Self.joinedMax && queue.count > 1
        if joined.readableBytes > 0, !isSmall || joined.readableBytes + item.bytes.readableBytes > Self.joinedMax {
          try encrypt(joined, into: &cipher)
          joined.clear()
        }
        if isSmall {
          joined.writeImmutableBuffer(item.bytes)
        } else {
          try encrypt(item.bytes, into: &cipher)
        }
      }
      try encrypt(joined, into: &cipher)
    } catch {
      return fail(context, error)
    }
    let done = queue.contains { $0.promise != nil } ? context.eventLoop.makePromise(of: Void.self) : nil
    if let done {
      for case (_, let promise?) in queue { done.futureResult.cascade(to: promise) }
    }
    queue.removeAll(keepingCapacity: queue.count <= 64)
    context.write(wrapOutboundOut(cipher), promise: done)
  }

  private func encrypt(_ plain: ByteBuffer, into cipher: inout ByteBuffer) throws(TLSError) {
    guard plain.readableBytes > 0 else { return }
    let result = plain.withUnsafeReadableBytes { bytes in
      Result { () throws(TLSError) in try session.write(bytes, into: &cipher) }
    }
    try result.get()
  }

  private func sendKept(_ context: ChannelHandlerContext) {
    guard session.hasKept else { return }
    var cipher = context.channel.allocator.buffer(capacity: 4096)
    session.takeKept(into: &cipher)
    context.writeAndFlush(wrapOutboundOut(cipher), promise: nil)
  }

  public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if phase == .established, mode != .input {
      encryptQueue(context)
      session.shutdown()
      phase = .over
      sendKept(context)
    }
    context.close(mode: mode, promise: promise)
  }

  private func refuseQueue(_ error: any Error) {
    let refused = queue
    queue.removeAll()
    for item in refused { item.promise?.fail(error) }
  }
}
