import NIOCore

/// Joins a `Link` to its channel. The last handler of the pipeline, behind TLS where there is any.
final class LinkHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let link: Link
  private let waitsForTLS: Bool

  init(_ link: Link, waitsForTLS: Bool) {
    self.link = link
    self.waitsForTLS = waitsForTLS
  }

  func handlerAdded(context: ChannelHandlerContext) {
    guard context.channel.isActive else { return }
    begin(context)
  }

  func channelActive(context: ChannelHandlerContext) { begin(context) }

  /// A handler that joins a channel which is becoming active just then hears of it twice.
  private func begin(_ context: ChannelHandlerContext) {
    guard link.context == nil, link.phase == .opening else { return }
    link.attach(context)
    if !waitsForTLS { link.opened(tls: nil) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let completed = event as? TLSHandshakeCompleted { link.opened(tls: completed) }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { link.received(unwrapInboundIn(data)) }

  func channelReadComplete(context: ChannelHandlerContext) { link.readComplete() }

  func read(context: ChannelHandlerContext) {
    if link.mayRead() { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) { link.writabilityChanged() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    link.failed(error)
  }

  func channelInactive(context: ChannelHandlerContext) { link.detached() }

  func handlerRemoved(context: ChannelHandlerContext) { link.detached() }
}
