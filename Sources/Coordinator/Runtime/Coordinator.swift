import Logging
import Models
import NIOCore
import NIOPosix
import Wire

/// A coordinator process: opens its store, founds the cluster where there is none, and serves until it is stopped.
public final class Coordinator: Sendable {
  /// `host:port` as bound.
  public let address: String
  public let port: Int
  public let cluster: ClusterID
  private let server: CoordinatorServer
  private let listener: LinkListener
  private let store: SQLiteStore
  private let lock: DirectoryLock
  private let storeThread: NIOThreadPool
  private let group: MultiThreadedEventLoopGroup

  private init(
    server: CoordinatorServer, listener: LinkListener, cluster: ClusterID, store: SQLiteStore, lock: DirectoryLock,
    storeThread: NIOThreadPool, group: MultiThreadedEventLoopGroup
  ) {
    self.server = server
    self.listener = listener
    self.cluster = cluster
    self.store = store
    self.lock = lock
    self.storeThread = storeThread
    self.group = group
    address = listener.address
    port = listener.port
  }

  /// - Parameters:
  ///   - random: 64 random bits at each call, for the cluster's id.
  ///   - onStop: called once when the coordinator can't go on, with one line that says why; the process then exits.
  /// - Throws: an error whose description is one line: what happened, to what, what to do.
  public static func start(
    _ config: CoordinatorConfig, logger: Logger, random: @escaping @Sendable () -> UInt64,
    onStop: @escaping @Sendable (String) -> Void
  ) async throws -> Coordinator {
    let server = try config.tls?.serverContext()
    let client = try config.tls?.clientContext()
    let lock = try DirectoryLock(config.data)
    let store = try SQLiteStore(directory: config.data)
    let state = try openCluster(store, config, random)
    let identity = LinkIdentity(
      cluster: state.cluster.id, role: .coordinator, name: server?.name?.name ?? "coordinator", product: Product.nameAndVersion)

    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let storeThread = NIOThreadPool(numberOfThreads: 1)
    storeThread.start()
    let options = LinkOptions(logger: logger)
    let loop = group.next()
    let shell = CoordinatorServer(
      state: state, policy: config.policy, identity: identity, store: store, storeThread: storeThread, tls: client,
      options: options, loop: loop, logger: logger, onStop: onStop)
    do {
      let listener = try await LinkListener.bind(
        group: group, host: config.listenHost, port: config.listenPort, tls: server, identity: { identity }, options: options
      ) { shell.accept($0) }
      try await loop.submit { shell.start() }.get()
      logger.info(
        "coordinator started",
        metadata: [
          "address": "\(listener.address)", "cluster": "\(state.cluster.id)", "name": "\(state.cluster.name)",
          "revision": "\(state.revision)", "nodes": "\(state.nodes.count)", "partitions": "\(state.partitions.count)",
        ])
      return Coordinator(
        server: shell, listener: listener, cluster: state.cluster.id, store: store, lock: lock, storeThread: storeThread, group: group)
    } catch {
      store.close()
      try? await storeThread.shutdownGracefully()
      try? await group.shutdownGracefully()
      throw error
    }
  }

  /// Reads the cluster's truth, or founds a cluster, and checks that the configuration is about this one.
  private static func openCluster(
    _ store: SQLiteStore, _ config: CoordinatorConfig, _ random: () -> UInt64
  ) throws(MetadataStoreError) -> ClusterState {
    var snapshot = try store.load()
    if snapshot.entries.isEmpty {
      let cluster = ClusterRecord(id: ClusterID(high: random(), low: random() | 1), name: config.clusterName)
      guard try store.commit(ClusterState.founding(cluster, config.policy.settings)) != nil else {
        throw MetadataStoreError(.locked, "another program writes to the metadata store in \(config.data): stop it first")
      }
      snapshot = try store.load()
    }
    let state = try ClusterState(snapshot)
    guard state.cluster.name == config.clusterName else {
      throw MetadataStoreError(
        .format,
        "\(config.data) is of the cluster '\(state.cluster.name)', the configuration of '\(config.clusterName)': "
          + "correct data or cluster_name")
    }
    guard state.partitions.isEmpty || state.settings.durability == config.policy.settings.durability else {
      throw MetadataStoreError(
        .format,
        "the cluster runs with durability \(state.settings.durability), which can't be changed: write it so in the configuration")
    }
    return state
  }

  /// Stops listening, tells everybody, and closes the store. The cluster goes on without it (R11).
  public func shutdown() async {
    await listener.close()
    try? await server.loop.submit { self.server.shutdown() }.get()
    // After the store's thread has done what it had to do.
    try? await storeThread.shutdownGracefully()
    store.close()
    try? await group.shutdownGracefully()
    lock.release()
  }
}
