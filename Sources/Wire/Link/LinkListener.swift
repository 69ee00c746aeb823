import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A port on which links are accepted. Links outlive it: closing it only stops new ones.
public final class LinkListener: Sendable {
  /// `host:port` as bound; the port is the real one where 0 was asked for.
  public let address: String
  public let port: Int
  private let channel: any NIOCore.Channel

  private init(channel: any NIOCore.Channel, host: String, port: Int) {
    self.channel = channel
    self.port = port
    address = "\(host):\(port)"
  }

  /// Listens on `host:port` (0 for any free port) and hands each new link, before its hello, to `delegate`, which makes
  /// its owner. Links are spread over the loops of `group` in turn.
  ///
  /// `identity` is asked at each hello: a node learns its id and cluster while it is listening already.
  public static func bind(
    group: any EventLoopGroup, host: String, port: Int, tls: TLSServerContext? = nil,
    identity: @escaping @Sendable () -> LinkIdentity,
    options: LinkOptions = LinkOptions(), delegate: @escaping @Sendable (Link) -> any LinkDelegate
  ) async throws(LinkError) -> LinkListener {
    let accepted = ConnectionCount(options)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.writeBufferWaterMark, value: options.waterMark)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try accepted.add(channel)
          let link = Link(
            eventLoop: channel.eventLoop, side: .accepting, address: "unknown", options: options, identity: identity)
          link.delegate = delegate(link)
          if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(server: tls)) }
          try channel.pipeline.syncOperations.addHandler(LinkHandler(link, waitsForTLS: tls != nil))
        }
      }
    do {
      let channel = try await bootstrap.bind(host: host, port: port).get()
      return LinkListener(channel: channel, host: host, port: channel.localAddress?.port ?? port)
    } catch {
      let text = error is SocketAddressError ? "this host has no such address: check `listen`" : ConnectErrorText.of(error)
      throw LinkError.bind(address: "\(host):\(port)", text)
    }
  }

  /// Stops listening; when this returns, the port is free.
  public func close() async {
    // The only failure is that it is closed already.
    try? await channel.close().get()
  }
}

/// Bounds the connections of one listener.
final class ConnectionCount: Sendable {
  private let count = Atomic<Int>(0)
  private let options: LinkOptions

  init(_ options: LinkOptions) { self.options = options }

  func add(_ channel: any NIOCore.Channel) throws {
    guard count.add(1, ordering: .relaxed).newValue <= options.connectionsMax else {
      count.subtract(1, ordering: .relaxed)
      options.logger.warning(
        "connection refused: too many",
        metadata: ["address": "\(channel.remoteAddress, default: "unknown")", "limit": "\(options.connectionsMax)"])
      throw ChannelError.operationUnsupported
    }
    channel.closeFuture.whenComplete { _ in self.count.subtract(1, ordering: .relaxed) }
  }
}
