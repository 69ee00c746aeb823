import NIOCore
import NIOHTTP1
import NIOPosix
import Wire

/// One connection to one member of etcd: HTTP/1.1, one request at a time, TLS by the system's libssl as everywhere.
/// Belongs to its event loop.
final class EtcdConnection: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  struct Reply: Sendable {
    var status: Int
    var body: ByteBuffer
  }

  /// The store of a large cluster, base64: everything but bundles, which come in chunks.
  static let replyMax = 64 << 20

  let endpoint: String
  let loop: any EventLoop
  private let host: String
  private let usesTLS: Bool
  private let opened: EventLoopPromise<Void>
  private var context: ChannelHandlerContext?
  private var waiting: EventLoopPromise<Reply>?
  private var status = 0
  private var body = ByteBuffer()
  private var mayStay = true
  private var failure: EtcdError?
  private var isOver = false

  private init(endpoint: String, host: String, usesTLS: Bool, loop: any EventLoop) {
    self.endpoint = endpoint
    self.host = host
    self.usesTLS = usesTLS
    self.loop = loop
    opened = loop.makePromise()
  }

  /// Succeeds when requests may be sent: the server has proved to be `endpoint`.
  static func open(
    _ endpoint: String, tls: TLSClientContext?, timeout: TimeAmount, on loop: any EventLoop
  ) -> EventLoopFuture<EtcdConnection> {
    guard let address = SplitAddress(endpoint) else {
      return loop.makeFailedFuture(EtcdError.unreachable(endpoint: endpoint, "this is no host:port"))
    }
    let connection = EtcdConnection(endpoint: endpoint, host: address.host, usesTLS: tls != nil, loop: loop)
    ClientBootstrap(group: loop)
      .connectTimeout(timeout)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.autoRead, value: false)
      .connect(host: address.host, port: address.port)
      .flatMapThrowing { channel in
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(TLSHandler(client: tls, serverName: address.host)) }
        try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
        try pipeline.addHandler(connection)
        try channel.syncOptions?.setOption(.autoRead, value: true)
      }
      .whenFailure { connection.fail(.unreachable(endpoint: endpoint, ConnectErrorText.of($0))) }
    return connection.opened.futureResult.map { connection }
  }

  /// Whether another request may go over it.
  var isReusable: Bool { !isOver && mayStay && waiting == nil }

  func post(_ path: String, _ json: ByteBuffer) -> EventLoopFuture<Reply> {
    let promise = loop.makePromise(of: Reply.self)
    guard let context, isReusable else {
      promise.fail(failure ?? EtcdError.unreachable(endpoint: endpoint, "the connection is closed"))
      return promise.futureResult
    }
    waiting = promise
    var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path)
    head.headers.add(name: "Host", value: endpoint)
    head.headers.add(name: "Content-Type", value: "application/json")
    head.headers.add(name: "Content-Length", value: "\(json.readableBytes)")
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(json))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    return promise.futureResult
  }

  func close() { fail(.unreachable(endpoint: endpoint, "no answer in time")) }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if isOver { return context.close(promise: nil) }
    if !usesTLS { opened.succeed() }
  }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let done = event as? TLSHandshakeCompleted {
      guard let peer = done.peer, peer.isOf(host: host) else {
        let names = done.peer.map { ($0.hosts + $0.addresses).joined(separator: ", ") } ?? "nobody"
        return fail(
          .certificate(endpoint: endpoint, "its certificate is for \(names), not for \(host): correct the endpoint or the certificate"))
      }
      opened.succeed()
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      status = Int(head.status.code)
      mayStay = head.isKeepAlive
      body.clear()
    case .body(var part):
      guard body.readableBytes + part.readableBytes <= Self.replyMax else {
        return fail(.unreadable(endpoint: endpoint, "the answer is over \(Self.replyMax) bytes"))
      }
      body.writeBuffer(&part)
    case .end:
      let promise = waiting
      waiting = nil
      promise?.succeed(Reply(status: status, body: body))
      body = ByteBuffer()
      if !mayStay { context.close(promise: nil) }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case TLSError.handshake(let what): fail(.certificate(endpoint: endpoint, "the TLS handshake failed: \(what)"))
    case let error as TLSError: fail(.unreachable(endpoint: endpoint, "\(error)"))
    case is HTTPParserError: fail(.unreadable(endpoint: endpoint, usesTLS ? "\(error)" : "\(error); does it demand TLS?"))
    default: fail(.unreachable(endpoint: endpoint, ConnectErrorText.of(error)))
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(.unreachable(endpoint: endpoint, "it closed the connection"))
    context.fireChannelInactive()
  }

  private func fail(_ error: EtcdError) {
    guard !isOver else { return }
    isOver = true
    failure = error
    opened.fail(error)
    waiting?.fail(error)
    waiting = nil
    context?.close(promise: nil)
  }
}

extension CertificateInfo {
  /// Whether it names `host`: one of its DNS names, the first label perhaps `*`, or one of its addresses.
  func isOf(host: String) -> Bool {
    if addresses.contains(host) { return true }
    let host = host.lowercased()
    return hosts.contains { name in
      let name = name.lowercased()
      if name.hasPrefix("*."), let dot = host.firstIndex(of: ".") { return host[dot...] == name.dropFirst() }
      return name == host
    }
  }
}
