import NIOCore
import Wire

/// A look at a suspect's data port: is anybody there, and who? Used once.
final class NodeProbe: LinkDelegate {
  private var done: ((ProbeResult) -> Void)?

  private init(_ done: @escaping (ProbeResult) -> Void) { self.done = done }

  /// `done` is called once, on `loop`, within `timeout` for the connection and as much for the hello.
  static func start(
    on loop: any EventLoop, address: SplitAddress, tls: TLSClientContext?, identity: LinkIdentity, timeout: TimeAmount,
    options: LinkOptions, done: @escaping (ProbeResult) -> Void
  ) {
    var options = options
    options.connectTimeout = timeout
    options.handshakeTimeout = timeout
    LinkConnector.connect(
      on: loop, host: address.host, port: address.port, tls: tls, expectedRole: .node, identity: identity, options: options,
      delegate: NodeProbe(done))
  }

  private func finish(_ result: ProbeResult) {
    done?(result)
    done = nil
  }

  func linkReady(_ link: Link) {
    finish(.answered(link.peer.storage, link.peer.incarnation))
    link.close()
  }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {}
  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}

  /// Only the host's own word that nobody listens is proof; silence, or a worker that is too busy to say hello, is not.
  func linkClosed(_ link: Link, reason: LinkError?) { finish(reason?.isNobodyListening == true ? .refused : .silent) }
}
