import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Wire

/// An HTTP/1.1 port. Every connection lives on one event loop of the group, and so does every request of it, from its
/// first byte to its response.
public final class HTTPServer: Sendable {
  /// `host:port` as bound; the port is the real one where 0 was asked for.
  public let address: String
  public let port: Int
  private let channel: any NIOCore.Channel
  private let loops: [ObjectIdentifier: NIOLoopBound<HTTPLoop>]

  private init(_ channel: any NIOCore.Channel, host: String, port: Int, _ loops: [ObjectIdentifier: NIOLoopBound<HTTPLoop>]) {
    self.channel = channel
    self.loops = loops
    self.port = port
    address = "\(host):\(port)"
  }

  /// Listens on `host:port` (0 for any free port).
  ///
  /// - Parameters:
  ///   - tls: nil for plain HTTP.
  ///   - metrics: Where requests and connections are counted.
  ///   - routes: Called once on each loop: what it makes serves that loop's connections and needs no locks.
  public static func bind(
    group: any EventLoopGroup, host: String, port: Int, tls: TLSServerContext? = nil, options: HTTPOptions = HTTPOptions(),
    metrics: MetricsRegistry, routes: @escaping @Sendable (any EventLoop) -> HTTPRouter
  ) async throws(HTTPServerError) -> HTTPServer {
    do {
      let shared = HTTPShared(options)
      var loops: [ObjectIdentifier: NIOLoopBound<HTTPLoop>] = [:]
      for eventLoop in group.makeIterator() {
        loops[ObjectIdentifier(eventLoop)] = try await eventLoop.submit {
          NIOLoopBound(HTTPLoop(eventLoop, routes(eventLoop), HTTPMetrics(metrics), shared), eventLoop: eventLoop)
        }.get()
      }
      let made = loops
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 1024)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try configure(channel, made[ObjectIdentifier(channel.eventLoop)]!.value, tls)
          }
        }
        .bind(host: host, port: port).get()
      return HTTPServer(channel, host: host, port: channel.localAddress?.port ?? port, loops)
    } catch {
      throw HTTPServerError.bind("\(host):\(port)", error)
    }
  }

  private static func configure(_ channel: any NIOCore.Channel, _ loop: HTTPLoop, _ tls: TLSServerContext?) throws {
    guard loop.shared.admitConnection() else {
      loop.metrics.refusedConnections.add()
      loop.logger.warning(
        "HTTP connection refused: too many",
        metadata: [
          "address": "\(channel.remoteAddress, default: "unknown")", "limit": "\(loop.options.connectionsMax)",
        ])
      throw ChannelError.operationUnsupported
    }
    let handler = try tls.map { context in
      do { return try TLSHandler(server: context) } catch {
        loop.shared.endConnection()
        throw error
      }
    }
    // Gives its place back by itself when it ends.
    let connection = HTTPConnection(loop, waitsForTLS: tls != nil)
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = loop.options.headMax
    limits.maxHeaderListSize = loop.options.headMax
    limits.maxHeaderFieldCount = loop.options.headerCountMax
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(HTTPDoor(connection, expectsTLS: tls != nil))
    if let handler { try pipeline.addHandler(handler) }
    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limits)))
    try pipeline.addHandler(connection)
  }

  /// Stops listening, lets requests under way be answered, and ends what is left after `grace`. When this returns the
  /// port is free and no connection is left.
  public func close(within grace: TimeAmount = .seconds(5)) async {
    // The only failure is that it is closed already.
    try? await channel.close().get()
    var drains: [(EventLoopFuture<Void>, Scheduled<Void>)] = []
    for loop in loops.values {
      let drain = loop.eventLoop.flatSubmit { loop.value.drain() }
      drains.append((drain, loop.eventLoop.scheduleTask(in: grace) { loop.value.closeAll() }))
    }
    for (drain, alarm) in drains {
      try? await drain.get()
      alarm.cancel()
    }
  }
}
