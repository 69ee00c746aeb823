import Logging
import Models
import NIOCore
import NIOPosix
import Wire

/// A coordinator process: opens its store, founds the cluster where there is none, and serves until it is stopped. One of
/// several stands by until it is elected.
public final class Coordinator: Sendable {
  /// `host:port` as bound.
  public let address: String
  public let port: Int
  private let server: CoordinatorServer
  private let listener: LinkListener
  private let authority: any Authority
  private let threads: NIOThreadPool
  private let group: MultiThreadedEventLoopGroup

  private init(
    server: CoordinatorServer, listener: LinkListener, authority: any Authority, threads: NIOThreadPool,
    group: MultiThreadedEventLoopGroup
  ) {
    self.server = server
    self.listener = listener
    self.authority = authority
    self.threads = threads
    self.group = group
    address = listener.address
    port = listener.port
  }

  /// `.none` until the cluster is founded.
  public var cluster: ClusterID { server.identity.cluster }

  /// - Parameters:
  ///   - random: 64 random bits at each call, for the cluster's id.
  ///   - onStop: called once when the coordinator can't go on, with one line that says why; the process then exits.
  /// - Throws: an error whose description is one line: what happened, to what, what to do.
  public static func start(
    _ config: CoordinatorConfig, logger: Logger, random: @escaping @Sendable () -> UInt64,
    onStop: @escaping @Sendable (String) -> Void
  ) async throws -> Coordinator {
    let server = try config.tls?.serverContext()
    let trust = try config.trustedBundleKeys.load()
    let client = try config.tls?.clientContext()
    let name = server?.name?.name ?? "coordinator"
    let founding = Founding(
      clusterName: config.clusterName, settings: config.policy.settings, place: config.etcd?.place ?? config.data, random: random)
    let authority: any Authority =
      if let etcd = config.etcd {
        try EtcdAuthority(etcd, founding, name: name, tls: client, logger: logger)
      } else {
        EmbeddedAuthority(founding, directory: config.data)
      }
    let cluster = try await authority.open()
    let identity = LinkIdentity(cluster: cluster ?? .none, role: .coordinator, name: name, product: Product.nameAndVersion)

    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let threads = NIOThreadPool(numberOfThreads: 1)
    threads.start()
    let options = LinkOptions(logger: logger)
    let loop = group.next()
    let shell = CoordinatorServer(
      policy: config.policy, identity: identity, trust: trust, threads: threads, tls: client, options: options, loop: loop, logger: logger,
      onStop: onStop)
    do {
      let listener = try await LinkListener.bind(
        group: group, host: config.listenHost, port: config.listenPort, tls: server, identity: { shell.identity }, options: options
      ) { shell.accept($0) }
      try await loop.submit { shell.start() }.get()
      logger.info(
        "coordinator started", metadata: ["address": "\(listener.address)", "name": "\(config.clusterName)", "store": "\(founding.place)"])
      try await authority.begin(shell, address: config.advertise ?? listener.address)
      return Coordinator(server: shell, listener: listener, authority: authority, threads: threads, group: group)
    } catch {
      await authority.end()
      try? await threads.shutdownGracefully()
      try? await group.shutdownGracefully()
      throw error
    }
  }

  /// Stops listening, tells everybody, and closes the store. The cluster goes on without it (R11).
  public func shutdown() async {
    await listener.close()
    try? await server.loop.submit { self.server.shutdown() }.get()
    await authority.end()
    try? await threads.shutdownGracefully()
    try? await group.shutdownGracefully()
  }
}
