import Logging
import NIOCore

/// One connection that carries frames in both directions, from the end of the hello on. It belongs to one event loop:
/// all methods are called there, and its delegate is called there.
///
/// Frames that are sent within one turn of the loop leave in one write: at the end of the burst that is being received,
/// else at the end of the turn. Nothing is copied on the way in but the beginnings of unfinished frames.
public final class Link: @unchecked Sendable {
  enum Phase {
    /// Connection, TLS and hello are under way. To `ready` or `closing`.
    case opening
    /// To `closing`.
    case ready
    /// The last bytes are on their way; whatever still comes in is thrown away, so that the peer gets to read why the
    /// link ended instead of a reset. To `closed`.
    case closing
    case closed
  }

  /// Who opened the connection, and what it is known about the other side beforehand.
  enum Side {
    case accepting
    /// A server is a node or a coordinator; role and name are checked where the owner knows them.
    case connecting(role: LinkIdentity.Role?, name: String?)
  }

  public let eventLoop: any EventLoop
  let options: LinkOptions
  let side: Side
  /// Asked once, when the hello is due: a node learns its id and its cluster while its listener is open already.
  let identity: @Sendable () -> LinkIdentity

  /// Strong until the link is closed.
  var delegate: (any LinkDelegate)?
  var phase = Phase.opening
  var context: ChannelHandlerContext?
  /// In place of a channel.
  var carrier: (any LinkCarrier)?
  /// TLS, where there is any, is established: bytes can be sent.
  var isOpen = false
  var acceptedPeer: PeerIdentity?
  /// nil on a plain link.
  var tls: TLSHandshakeCompleted?
  var address: String
  var decoder = FrameDecoder()
  /// Payload bound of what is sent.
  var outboundPayloadMax = FrameHeader.payloadMaxBeforeHello

  /// Writes to the channel so far. Frames sent by writes tells how well they are joined.
  public private(set) var writeCount = 0

  private var outbound = WireWriter(capacity: 16 * 1024)
  private var isReading = false
  private var isFlushScheduled = false
  private var isReportedWritable = true
  private var isReadHeld = false
  private var wasHeard = false
  private var handshakeTimer: Scheduled<Void>?
  private var idleTimer: RepeatedTask?

  init(
    eventLoop: any EventLoop, side: Side, address: String, options: LinkOptions,
    identity: @escaping @Sendable () -> LinkIdentity
  ) {
    self.eventLoop = eventLoop
    self.side = side
    self.address = address
    self.options = options
    self.identity = identity
  }

  // MARK: - For the owner

  /// Who is at the other end. Known from `linkReady` on.
  public var peer: PeerIdentity {
    guard let acceptedPeer else { preconditionFailure("a link's peer is known only once the link is ready") }
    return acceptedPeer
  }

  /// `host:port` of the far end, known from the start.
  public var remoteAddress: String { address }

  public var isReady: Bool { phase == .ready }

  /// False while more waits to be sent than the high-water mark allows.
  public var isWritable: Bool { phase == .ready && context?.channel.isWritable ?? carrier?.isWritable ?? false }

  /// The largest payload that may be sent, in bytes.
  public var payloadMax: Int { outboundPayloadMax }

  /// Sends one frame, whose payload is what `write` appends; `write` must not take the writer's beginning for its own.
  /// Does nothing on a link that is over. A payload over `payloadMax` ends the link: the peer would end it.
  ///
  /// `compressed` sends the payload as LZ4 where that is smaller and the peer can unpack it.
  public func send(
    _ kind: FrameKind, correlation: UInt64 = 0, compressed: Bool = false, _ write: (inout WireWriter) -> Void
  ) {
    eventLoop.preconditionInEventLoop()
    precondition(phase != .opening, "a link sends only once it is ready")
    guard phase == .ready else { return }
    let start = outbound.count
    let packs = compressed && peer.identity.features.contains(.compression)
    let length = outbound.writeFrame(kind, correlation: correlation, compressed: packs, write)
    guard length <= outboundPayloadMax else {
      outbound.bytes.removeLast(outbound.count - start)
      end(.tooLarge(kind, bytes: length, limit: outboundPayloadMax))
      return
    }
    scheduleFlush()
  }

  /// Sends bytes that are a payload already.
  public func send(
    _ kind: FrameKind, correlation: UInt64 = 0, compressed: Bool = false, payload: UnsafeRawBufferPointer
  ) {
    send(kind, correlation: correlation, compressed: compressed) { $0.write(raw: payload) }
  }

  public func send(_ message: some ClusterMessage, correlation: UInt64 = 0, compressed: Bool = false) {
    send(type(of: message).kind, correlation: correlation, compressed: compressed) { message.write(to: &$0) }
  }

  /// Writes out what was sent, now. Only for owners that go on computing for long in the same turn.
  public func flush() {
    eventLoop.preconditionInEventLoop()
    guard outbound.count > 0 else { return }
    if let carrier {
      writeCount += 1
      carrier.write(outbound.bytes)
      outbound.bytes.removeAll(keepingCapacity: true)
      return
    }
    guard let context else { return }
    var buffer = context.channel.allocator.buffer(capacity: outbound.count)
    buffer.writeBytes(outbound.bytes)
    outbound.bytes.removeAll(keepingCapacity: outbound.bytes.capacity <= options.outboundHighWater)
    writeCount += 1
    context.writeAndFlush(NIOAny(buffer), promise: nil)
    guard phase == .ready, !context.channel.isWritable else { return }
    let waiting = (try? context.channel.syncOptions?.getOption(ChannelOptions.bufferedWritableBytes)) ?? 0
    if waiting > options.outboundMax { end(.overflow(bytes: waiting)) }
  }

  /// Ends the link, with a word to the peer where there is one. What was sent before still goes out. `linkClosed` follows
  /// in a later turn.
  public func close(_ failure: Failure? = nil) {
    eventLoop.preconditionInEventLoop()
    conclude(nil, telling: failure)
  }

  // MARK: - Outbound

  /// A session frame, which the hello's phase may send too.
  func sendSession(_ message: some ClusterMessage, correlation: UInt64 = 0) {
    // A hello goes out in the oldest version, for who gets it knows nothing of the sender yet.
    let version = acceptedPeer == nil ? FrameHeader.versions.lowerBound : FrameHeader.versions.upperBound
    outbound.writeFrame(type(of: message).kind, correlation: correlation, version: version) { message.write(to: &$0) }
    scheduleFlush()
  }

  private func scheduleFlush() {
    if outbound.count >= options.outboundLowWater {
      flush()
    } else if !isReading, !isFlushScheduled {
      isFlushScheduled = true
      eventLoop.execute {
        self.isFlushScheduled = false
        self.flush()
      }
    }
  }

  // MARK: - From the channel

  func attach(_ context: ChannelHandlerContext) {
    self.context = context
    if let remote = context.channel.remoteAddress { address = Self.text(remote) }
    awaitHello()
  }

  func attach(_ carrier: any LinkCarrier) {
    self.carrier = carrier
    awaitHello()
  }

  private func awaitHello() {
    handshakeTimer = eventLoop.scheduleTask(in: options.handshakeTimeout) {
      self.end(.handshakeTimeout)
    }
  }

  /// Bytes can flow. `tls` is nil on a plain link.
  func opened(tls: TLSHandshakeCompleted?) {
    guard phase == .opening else { return }
    isOpen = true
    self.tls = tls
    if case .connecting = side { sendSession(Hello(identity: identity())) }
  }

  func becameReady(_ peer: PeerIdentity, payloadMax: Int) {
    acceptedPeer = peer
    outboundPayloadMax = payloadMax
    phase = .ready
    handshakeTimer?.cancel()
    handshakeTimer = nil
    if let timeout = options.idleTimeout {
      let half = TimeAmount.nanoseconds(timeout.nanoseconds / 2)
      idleTimer = eventLoop.scheduleRepeatedTask(initialDelay: half, delay: half) { _ in self.idleTick() }
    }
    delegate?.linkReady(self)
  }

  func received(_ buffer: ByteBuffer) {
    guard phase == .opening || phase == .ready else { return }
    isReading = true
    wasHeard = true
    let error: FrameError? = buffer.withUnsafeReadableBytes { bytes in
      do throws(FrameError) {
        try decoder.take(bytes) { header, payload in receive(header, payload) }
        return nil
      } catch {
        return error
      }
    }
    if let error { end(.frame(error)) }
  }

  func readComplete() {
    guard isReading else { return }
    if phase == .ready { delegate?.linkReadComplete(self) }
    isReading = false
    flush()
  }

  /// Whether the channel may read on. Held back while the peer doesn't take what is sent.
  func mayRead() -> Bool {
    guard phase == .ready, let context, !context.channel.isWritable else { return true }
    isReadHeld = true
    return false
  }

  func writabilityChanged() {
    wasHeard = true
    if isReadHeld, let context, context.channel.isWritable {
      isReadHeld = false
      context.read()
    }
    // Told in a turn of its own: this may be within the owner's call of `send`.
    eventLoop.execute {
      guard self.phase == .ready, self.isWritable != self.isReportedWritable else { return }
      self.isReportedWritable = self.isWritable
      self.delegate?.linkWritable(self, self.isReportedWritable)
    }
  }

  private func idleTick() {
    guard phase == .ready else { return }
    if wasHeard {
      wasHeard = false
      sendSession(Ping(token: 0))
    } else {
      end(.silent)
    }
  }

  // MARK: - The end

  /// Ends the link for a reason found here.
  func end(_ reason: LinkError) { conclude(reason, telling: reason.failure) }

  private func conclude(_ reason: LinkError?, telling failure: Failure?) {
    guard phase == .opening || phase == .ready else { return }
    // First of all: writing the last word may find more reasons to end.
    phase = .closing
    if let failure, isOpen { sendSession(failure) }
    flush()
    handshakeTimer?.cancel()
    idleTimer?.cancel()
    log(reason)
    eventLoop.execute { self.report(reason) }
    guard let context else {
      carrier?.close()
      carrier = nil
      phase = .closed
      return
    }
    // Held-back reads would hide the peer's own end.
    if isReadHeld { context.read() }
    context.close(mode: .output, promise: nil)
    let channel = context.channel
    let linger = eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    channel.closeFuture.whenComplete { _ in linger.cancel() }
  }

  func failed(_ error: any Error) {
    switch error {
    case let error as LinkError: end(error)
    case let error as TLSError: end(.tls(error))
    case let error as IOError: end(.io(SystemErrorText.of(error.errnoCode)))
    default: end(.io("\(error)"))
    }
  }

  /// The channel is gone.
  func detached() {
    if phase == .opening, case .accepting = side, !wasHeard {
      // A port probe, or a load balancer's look whether the port is open: no line of log each time.
      conclude(nil, telling: nil)
    } else if phase == .opening {
      end(.io("the peer closed it before the hello was through: is TLS on, or off, at both ends?"))
    } else if phase == .ready {
      if decoder.pending > 0 { end(.io("the peer closed it within a frame")) } else { conclude(nil, telling: nil) }
    }
    phase = .closed
    context = nil
    carrier = nil
  }

  private func report(_ reason: LinkError?) {
    delegate?.linkClosed(self, reason: reason)
    delegate = nil
  }

  private func log(_ reason: LinkError?) {
    guard let reason else {
      return options.logger.debug("link closed", metadata: metadata)
    }
    var metadata = metadata
    metadata["reason"] = "\(reason)"
    // Whoever connects tries again, and says so by itself; one line for each attempt would hide the rest.
    if case .connect = reason { return options.logger.debug("link not connected", metadata: metadata) }
    options.logger.warning("link ended", metadata: metadata)
  }

  private var metadata: Logger.Metadata {
    var metadata: Logger.Metadata = ["address": "\(address)"]
    if let acceptedPeer { metadata["peer"] = "\(acceptedPeer.identity)" }
    return metadata
  }

  private static func text(_ address: SocketAddress) -> String {
    guard let host = address.ipAddress, let port = address.port else { return "\(address)" }
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
