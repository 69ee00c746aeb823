import Logging
import Models
import NIOCore
import NIOPosix
import Wire

/// A worker process: opens its data, recovers its partitions, joins its cluster, and serves until it is stopped.
public final class Worker: Sendable {
  private let node: WorkerNode
  private let listener: LinkListener
  private let http: HTTPServer?
  private let group: MultiThreadedEventLoopGroup
  private let threads: NIOThreadPool

  private init(
    node: WorkerNode, listener: LinkListener, http: HTTPServer?, group: MultiThreadedEventLoopGroup, threads: NIOThreadPool
  ) {
    self.node = node
    self.listener = listener
    self.http = http
    self.group = group
    self.threads = threads
  }

  public var address: String { listener.address }
  public var httpAddress: String? { http?.address }

  /// - Parameter onStop: called once when the worker can't go on, with one line that says why; the process then exits.
  /// - Throws: an error whose description is one line: what happened, to what, what to do.
  public static func start(
    _ config: WorkerConfig, logger: Logger, random: @escaping @Sendable () -> UInt64, onStop: @escaping @Sendable (String) -> Void
  ) async throws -> Worker {
    try DataDirectory.checkUsable(config.data)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: config.loops)
    let threads = NIOThreadPool(numberOfThreads: 2)
    threads.start()
    let options = LinkOptions(logger: logger)
    let tls = try WorkerTLS(config)

    // The data directory must be this cluster's, so the cluster's name comes first.
    let (map, isRestoring) = try await ClusterDiscovery.map(
      config.coordinators, on: group.next(), name: config.name, tls: tls.client, options: options, logger: logger)
    let node = try WorkerNode.open(
      config, cluster: map.cluster, settings: map.settings, records: isRestoring ? nil : map.partitions, logger: logger,
      linkOptions: options, tls: tls.client, eventLoops: Array(group.makeIterator()),
      background: { work in threads.submit { _ in work() } }, random: random, onStop: onStop)

    let listener = try await LinkListener.bind(
      group: group, host: config.listen.host, port: config.listen.port, tls: tls.cluster, identity: { node.linkIdentity() },
      options: options
    ) { AcceptedLink($0, node) }
    node.advertisedAddress = config.advertise?.description ?? HostPort(host: config.listen.host, port: listener.port).description
    var http: HTTPServer?
    if let address = config.http {
      let server = try await HTTPServer.bind(
        group: group, host: address.host, port: address.port, tls: tls.http, options: HTTPOptions(logger: logger), metrics: node.registry
      ) {
        WorkerRoutes.make(
          NodeGateway(node), node.loop(on: $0).metrics, node.registry, logger: logger, deadlines: config.httpDeadlines, now: node.clock.now)
      }
      node.advertisedHTTP = config.advertiseHTTP?.description ?? HostPort(host: address.host, port: server.port).description
      http = server
    }
    node.loops[0].eventLoop.execute { node.session.connect() }
    logger.info(
      "worker started", metadata: ["name": "\(config.name)", "address": "\(node.advertisedAddress)", "http": "\(node.advertisedHTTP)"])
    return Worker(node: node, listener: listener, http: http, group: group, threads: threads)
  }

  /// Serves nobody any more, writes everything down, and says so on disk.
  public func shutdown() async {
    node.beginShutdown()
    await listener.close()
    await http?.close()
    // The coordinator finds nobody at the port and takes this worker out of the in-sync sets; until then it goes on acknowledging,
    // so that no commit waits for it.
    await node.leaveCoordinator()
    node.sinks.flush()
    await node.closeLinks()
    node.sinks.close()
    let isWhole = node.journal.close()
    if isWhole { try? node.directory.markClean() }
    node.directory.close()
    try? await threads.shutdownGracefully()
    try? await group.shutdownGracefully()
  }
}

/// A worker's TLS contexts; all nil where TLS is off.
private struct WorkerTLS {
  var client: TLSClientContext?
  var cluster: TLSServerContext?
  var http: TLSServerContext?

  init(_ config: WorkerConfig) throws(TLSError) {
    guard let files = config.tls else { return }
    client = try files.clientContext()
    cluster = try files.serverContext()
    // Callers of the HTTP port need no certificate of the cluster.
    if config.httpTLS { http = try TLSServerContext(try files.load().credentials, clients: .anyone) }
  }
}

/// Passes the first reason on, and no other.
final class StopOnce: Sendable {
  private let state: Monitor<Bool>
  private let body: @Sendable (String) -> Void

  init(_ body: @escaping @Sendable (String) -> Void) {
    state = Monitor(false)
    self.body = body
  }

  func call(_ reason: String) {
    let isFirst = state.withLock { done in
      defer { done = true }
      return !done
    }
    if isFirst { body(reason) }
  }
}
