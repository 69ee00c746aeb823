import Glibc
import NIOCore
import NIOPosix
import Wire

/// A look at a suspect's data port: is anybody there, and who? Used once.
final class NodeProbe: LinkDelegate, @unchecked Sendable {
  private let loop: any EventLoop
  private var done: ((ProbeResult) -> Void)?

  private init(_ loop: any EventLoop, _ done: @escaping (ProbeResult) -> Void) {
    self.loop = loop
    self.done = done
  }

  /// `done` is called once, on `loop`, within `timeout` for the connection and as much for the hello.
  static func start(
    on loop: any EventLoop, address: SplitAddress, tls: TLSClientContext?, identity: LinkIdentity, timeout: TimeAmount,
    options: LinkOptions, done: @escaping (ProbeResult) -> Void
  ) {
    let probe = NodeProbe(loop, done)
    var options = options
    options.connectTimeout = timeout
    options.handshakeTimeout = timeout
    let attempt = ClientBootstrap(group: loop).connectTimeout(timeout).connect(host: address.host, port: address.port)
    attempt.whenComplete { [options] result in
      switch result {
      case .failure(let error): probe.finish(isRefusal(error) ? .refused : .silent)
      case .success(let channel):
        channel.close(promise: nil)
        LinkConnector.connect(
          on: loop, host: address.host, port: address.port, tls: tls, expectedRole: .node, identity: identity, options: options,
          delegate: probe)
      }
    }
  }

  /// All addresses of the name refused: the host is up, and nobody listens.
  private static func isRefusal(_ error: any Error) -> Bool {
    if let error = error as? IOError { return error.errnoCode == ECONNREFUSED }
    guard let error = error as? NIOConnectionError, error.dnsAError == nil || error.dnsAAAAError == nil,
      !error.connectionErrors.isEmpty
    else { return false }
    return error.connectionErrors.allSatisfy { ($0.error as? IOError)?.errnoCode == ECONNREFUSED }
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
  func linkClosed(_ link: Link, reason: LinkError?) { finish(.silent) }
}
