import NIOCore

/// First handler of a connection: hears the first bytes of a request, which the decoder keeps to itself, and answers
/// whoever speaks plain HTTP to a TLS port in the language that he understands.
final class HTTPDoor: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let connection: HTTPConnection
  private let expectsTLS: Bool
  private var isFirst = true
  private var isRefused = false

  init(_ connection: HTTPConnection, expectsTLS: Bool) {
    self.connection = connection
    self.expectsTLS = expectsTLS
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isRefused else { return }
    if isFirst {
      isFirst = false
      let byte = unwrapInboundIn(data).readableBytesView.first ?? 0
      if expectsTLS, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) { return refuse(context) }
      connection.speaksTLS = byte == 22
    }
    connection.bytesArrived()
    context.fireChannelRead(data)
  }

  /// Written from here, so that it passes by TLS.
  private func refuse(_ context: ChannelHandlerContext) {
    isRefused = true
    let problem = HTTPProblem(.badRequest, "tls_required", "this port speaks TLS: use https:// instead of http://")
    let bytes = HTTPResponseHead.write(problem.response, version: .http1_1, keepAlive: false, requestID: nil, withBody: true)
    let done = context.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(bytes), promise: done)
    let bound = NIOLoopBound(connection, eventLoop: context.eventLoop)
    done.futureResult.whenComplete { _ in bound.value.close() }
  }
}
