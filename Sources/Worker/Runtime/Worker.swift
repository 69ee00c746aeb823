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
  private let threads: NIOThreadPool

  private init(node: WorkerNode, listener: LinkListener, http: HTTPServer?, threads: NIOThreadPool) {
    self.node = node
    self.listener = listener
    self.http = http
    self.threads = threads
  }

  public var address: String { listener.address }
  public var httpAddress: String? { http?.address }

  /// - Parameter onStop: called once when the worker can't go on, with one line that says why; the process then exits.
  /// - Throws: an error whose description is one line: what happened, to what, what to do.
  public static func start(
    _ config: WorkerConfig, logger: Logger, random: @escaping @Sendable () -> UInt64, onStop: @escaping @Sendable (String) -> Void
  ) async throws -> Worker {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: config.loops)
    let threads = NIOThreadPool(numberOfThreads: 2)
    threads.start()
    let options = LinkOptions(logger: logger)
    let tls = try WorkerTLS(config)

    // The data directory must be this cluster's, so the cluster's name comes first.
    let map = try await ClusterDiscovery.map(config.coordinators, on: group.next(), name: config.name, tls: tls.client, options: options, logger: logger)
    let directory = try DataDirectory.open(path: config.data, cluster: map.cluster, random: random)
    if case .distrusted(let reason, _) = directory.found {
      logger.warning("the storage is distrusted: it starts empty, as a new one", metadata: ["reason": "\(reason)"])
    }
    // R6: after a clean stop everything that the last process held in memory is on disk.
    let incarnation = directory.identity.incarnation
    let intactSince = directory.found == .clean ? Incarnation(incarnation.rawValue - 1) : incarnation
    let bundles = try BundleStore(directory: config.data + "/bundles")
    var outboxOptions = OutboxOptions()
    outboxOptions.closeAfter = UInt64(config.outboxRoll) * 1_000_000
    outboxOptions.keptBytesMax = config.outboxKeepBytes
    let stop = StopOnce(onStop)
    let outbox = try Outbox.open(
      directory: directory.outboxPath, node: directory.identity.node ?? NodeID(0), incarnation: directory.identity.incarnation,
      options: outboxOptions
    ) { stop.call("the outbox can't be written: \($0)") }

    let logIndex = LogIndex()
    let (journal, recovered) = try recover(config, map.settings, directory, bundles, outbox, logIndex, logger)
    let sinks = DecisionSinks(outbox: outbox, withFeatures: config.decisionsWithFeatures) { try? bundles.bundle($0) }
    let node = WorkerNode(
      config: config, logger: logger, directory: directory, journal: journal, sinks: sinks, bundles: bundles, logIndex: logIndex,
      clock: .system, linkOptions: options, tls: tls.client, intactSince: intactSince, group: group, threads: threads,
      onStop: stop.call)
    node.begin(recovered)
    journal.start(
      Journal.Callbacks(
        onWritten: { logIndex.written($0) },
        onDurable: { node.journalDurable($0) },
        onFatal: { error in
          // R15: whatever was not synced may or may not be there. The storage is not to be relied on any more.
          if error.distrustsStorage { try? directory.distrust(reason: "\(error)") }
          node.stop(because: "the log can't be written: \(error)")
        }))

    let listener = try await LinkListener.bind(
      group: group, host: config.listen.host, port: config.listen.port, tls: tls.cluster, identity: { node.linkIdentity() }, options: options
    ) { AcceptedLink($0, node) }
    node.advertisedAddress = config.advertise?.description ?? HostPort(host: config.listen.host, port: listener.port).description
    var http: HTTPServer?
    if let address = config.http {
      let server = try await HTTPServer.bind(
        group: group, host: address.host, port: address.port, tls: tls.http, options: HTTPOptions(logger: logger), metrics: node.registry
      ) { WorkerRoutes.make(NodeGateway(node), node.loop(on: $0).metrics, node.registry, logger: logger, now: node.clock.now) }
      node.advertisedHTTP = config.advertiseHTTP?.description ?? HostPort(host: address.host, port: server.port).description
      http = server
    }
    node.loops[0].eventLoop.execute { node.session.connect() }
    logger.info("worker started", metadata: ["name": "\(config.name)", "address": "\(node.advertisedAddress)", "http": "\(node.advertisedHTTP)"])
    return Worker(node: node, listener: listener, http: http, threads: threads)
  }

  /// Reads the whole journal once.
  private static func recover(
    _ config: WorkerConfig, _ settings: ClusterSettings, _ directory: DataDirectory, _ bundles: BundleStore, _ outbox: Outbox, _ logIndex: LogIndex, _ logger: Logger
  ) throws -> (Journal, [RecoveredPartition]) {
    var partitions: [PartitionID: RecoveredPartition] = [:]
    var options = JournalOptions()
    options.segmentBytes = config.segmentBytes
    options.freeBytesMin = config.reserveBytes
    if settings.durability == .replicated { options.durability = .replicated() }
    var bytes = 0
    var lastIndexed: [PartitionID: Int] = [:]
    let began = monotonicNanoseconds()
    let journal = try Journal.open(
      directory: directory.journalPath, cluster: directory.identity.cluster, storage: directory.identity.storage, options: options
    ) { header, record, position in
      if partitions[header.partition] == nil {
        partitions[header.partition] = RecoveredPartition(
          id: header.partition, dedupHorizon: config.dedupHorizon, sinkCursor: outbox.cursor(of: header.partition))
      }
      try partitions[header.partition]!.replay(header, record) { try? bundles.bundle($0) }
      if header.kind != .truncated, lastIndexed[header.partition].map({ bytes - $0 >= LogIndex.spacing }) ?? true {
        lastIndexed[header.partition] = bytes
        logIndex.add(header.partition, header.baseOffset, at: position)
      }
      bytes += header.length
    }
    if bytes > 0 {
      logger.info(
        "log replayed",
        metadata: [
          "bytes": "\(bytes)", "partitions": "\(partitions.count)", "milliseconds": "\((monotonicNanoseconds() - began) / 1_000_000)",
        ])
    }
    return (journal, partitions.values.sorted { $0.id < $1.id })
  }

  /// Serves nobody any more, writes everything down, and says so on disk.
  public func shutdown() async {
    node.beginShutdown()
    await listener.close()
    await http?.close()
    await node.closeLinks()
    node.sinks.flush()
    node.sinks.close()
    let isWhole = node.journal.close()
    if isWhole { try? node.directory.markClean() }
    node.directory.close()
    try? await threads.shutdownGracefully()
    try? await node.group.shutdownGracefully()
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
