import Glibc
import Logging
import NIOCore
import NIOPosix
import Wire

/// A running coordinator: the core on one event loop, its store on a thread of its own, and the links of everybody who
/// asks.
public final class CoordinatorServer: @unchecked Sendable {
  private let loop: any EventLoop
  private let group: MultiThreadedEventLoopGroup
  private let storeThread: NIOThreadPool
  private let store: SQLiteStore
  private let logger: Logger
  private let options: LinkOptions
  private let tls: TLSClientContext?
  private let identity: LinkIdentity
  private let onStop: @Sendable (String) -> Void
  private var listener: LinkListener?

  private var core: CoordinatorCore
  private var actions: [CoordinatorAction] = []
  private var isCarryingOut = false
  private var sessions: [SessionID: Session] = [:]
  private var nextSession: UInt64 = 1
  private var isStopped = false

  public var address: String { listener?.address ?? "" }

  /// - Parameter onStop: called once when the coordinator can't go on, with one line that says why.
  /// - Throws: an error whose description is one line: what happened, to what, what to do.
  public static func start(
    _ config: CoordinatorConfig, logger: Logger, random: () -> UInt64, onStop: @escaping @Sendable (String) -> Void
  ) async throws -> CoordinatorServer {
    let store = try SQLiteStore(directory: config.data)
    var snapshot = try store.load()
    if snapshot.entries.isEmpty {
      let record = ClusterRecord(id: ClusterID(high: random(), low: random()), name: config.clusterName)
      _ = try store.commit(ClusterState.founding(record, config.policy.settings))
      snapshot = try store.load()
    }
    let state = try ClusterState(snapshot)
    guard state.cluster.name == config.clusterName else {
      throw MetadataStoreError(
        .format, "\(config.data) is the store of cluster '\(state.cluster.name)', the configuration names '\(config.clusterName)': correct cluster_name, or name another directory")
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let tls = try config.tls.map { try ($0.serverContext(), $0.clientContext()) }
    let server = CoordinatorServer(config, state, store, group, tls?.1, logger, onStop)
    let identity = server.identity
    server.listener = try await LinkListener.bind(
      group: group, host: config.host, port: config.port, tls: tls?.0, identity: { identity }, options: server.options
    ) { Session($0, server) }
    try await server.loop.submit {
      server.loop.scheduleRepeatedTask(initialDelay: .milliseconds(20), delay: .milliseconds(20)) { _ in server.step(.tick) }
    }.get()
    logger.info("coordinator started", metadata: ["address": "\(server.address)", "cluster": "\(state.cluster.id)"])
    return server
  }

  private init(
    _ config: CoordinatorConfig, _ state: ClusterState, _ store: SQLiteStore, _ group: MultiThreadedEventLoopGroup,
    _ tls: TLSClientContext?, _ logger: Logger, _ onStop: @escaping @Sendable (String) -> Void
  ) {
    self.group = group
    self.store = store
    self.tls = tls
    self.logger = logger
    self.onStop = onStop
    loop = group.next()
    storeThread = NIOThreadPool(numberOfThreads: 1)
    storeThread.start()
    options = LinkOptions(logger: logger)
    identity = LinkIdentity(cluster: state.cluster.id, role: .coordinator, name: config.name, product: Product.nameAndVersion)
    core = CoordinatorCore(state, config.policy, now: Self.now())
  }

  /// Milliseconds that only rise: leases are measured by them.
  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  public func shutdown() async {
    await listener?.close()
    try? await loop.submit {
      self.isStopped = true
      for session in self.sessions.values { session.link.close(Failure(.shuttingDown, "the coordinator is shutting down")) }
    }.get()
    try? await storeThread.shutdownGracefully()
    try? await group.shutdownGracefully()
  }

  // MARK: The core

  fileprivate func step(_ input: CoordinatorInput) {
    guard !isStopped else { return }
    core.step(input, now: Self.now(), &actions)
    guard !isCarryingOut else { return }
    isCarryingOut = true
    var next = 0
    while next < actions.count {
      carryOut(actions[next])
      next += 1
    }
    actions.removeAll(keepingCapacity: true)
    isCarryingOut = false
  }

  private func carryOut(_ action: CoordinatorAction) {
    switch action {
    case .commit(let id, let transaction):
      onStore({ try $0.commit(transaction) }) { revision in
        self.step(revision.map { .committed(id, revision: $0) } ?? .refused(id))
      }
    case .reload: onStore({ try ClusterState(try $0.load()) }) { self.step(.reloaded($0)) }
    case .send(let session, let correlation, let answer): sessions[session]?.send(answer, correlation)
    case .sendBundle(let session, let correlation, let id):
      onStore({ try $0.value(of: .bundle(id)) }) { contents in
        guard let link = self.sessions[session]?.link, link.isReady else { return }
        guard let contents else { return link.send(Failure(.notFound, "bundle \(id) is not in the store"), correlation: correlation) }
        link.send(BundleContent(bundle: id, contents: contents), correlation: correlation, compressed: true)
      }
    case .probe(let node, let address): Probe.start(node, address, on: loop, tls, identity, options) { self.step(.probed(node, $0)) }
    case .close(let session, let failure): sessions[session]?.link.close(failure)
    case .note(let event):
      let metadata = Logger.Metadata(uniqueKeysWithValues: event.metadata.map { ($0.key, "\($0.value)") })
      logger.log(level: event.isWarning ? .warning : .info, "\(event.message)", metadata: metadata)
    }
  }

  private func onStore<R: Sendable>(_ body: @escaping @Sendable (SQLiteStore) throws -> R, then: @escaping @Sendable (R) -> Void) {
    storeThread.submit { _ in
      do {
        let result = try body(self.store)
        self.loop.execute { then(result) }
      } catch {
        // Nothing may be said to anybody that is not in the store.
        self.loop.execute { self.stop("\(error)") }
      }
    }
  }

  private func stop(_ reason: String) {
    guard !isStopped else { return }
    isStopped = true
    onStop(reason)
  }

  // MARK: Links

  fileprivate func opened(_ session: Session) -> SessionID {
    let id = SessionID(nextSession)
    nextSession += 1
    sessions[id] = session
    return id
  }

  fileprivate func closed(_ id: SessionID) {
    sessions[id] = nil
    step(.closed(id))
  }
}

/// One accepted link.
private final class Session: LinkDelegate {
  let link: Link
  private let server: CoordinatorServer
  private var id: SessionID?

  init(_ link: Link, _ server: CoordinatorServer) {
    self.link = link
    self.server = server
  }

  func linkReady(_ link: Link) { id = server.opened(self) }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    guard let id else { return }
    do throws(WireError) {
      guard let request = try request(header.kind, payload) else {
        return link.send(
          Failure(.malformed, "a coordinator takes no \(header.kind) frames; is this meant for a worker?"), correlation: header.correlation)
      }
      if let failure = refusal(of: request) { return link.send(failure, correlation: header.correlation) }
      server.step(.request(id, correlation: header.correlation, request))
    } catch {
      link.send(Failure(.malformed, "\(header.kind): \(error)"), correlation: header.correlation)
    }
  }

  private func request(_ kind: FrameKind, _ payload: RawSpan) throws(WireError) -> CoordinatorRequest? {
    switch kind {
    case .join: .join(try Join(reading: payload))
    case .heartbeat: .heartbeat(try Heartbeat(reading: payload))
    case .mapRequest: .map
    case .watchMap: .watch(known: try WatchMap(reading: payload).known)
    case .isrProposal: .propose(try ISRProposal(reading: payload))
    case .publishBundle: .publish(try PublishBundle(reading: payload))
    case .bundleRequest: .bundle(try BundleRequest(reading: payload).bundle)
    case .statusRequest: .status
    default: nil
    }
  }

  /// Who may ask what. Under TLS the peer's role is its certificate's.
  private func refusal(of request: CoordinatorRequest) -> Failure? {
    let peer = link.peer
    switch request {
    case .join(let join):
      if peer.role != .node { return Failure(.notAuthorized, "only a worker's certificate may join") }
      if join.name != peer.name { return Failure(.identityMismatch, "the worker calls itself \(join.name), its certificate says \(peer.name)") }
    case .heartbeat, .propose: if peer.role != .node { return Failure(.notAuthorized, "only workers may do this") }
    case .publish(let message):
      if peer.role != .admin { return Failure(.notAuthorized, "only an admin's certificate may publish bundles") }
      if message.step != .activate, BundleID(contents: message.contents) != message.bundle {
        return Failure(.malformed, "the bundle's contents don't have the hash \(message.bundle): it was damaged on the way")
      }
    case .map, .watch, .bundle, .status: break
    }
    return nil
  }

  func send(_ answer: CoordinatorAnswer, _ correlation: UInt64) {
    guard link.isReady else { return }
    switch answer {
    case .joined(let message): link.send(message, correlation: correlation)
    case .heartbeat(let message): link.send(message, correlation: correlation)
    case .map(let message): link.send(message, correlation: correlation, compressed: true)
    case .proposal(let message): link.send(message, correlation: correlation)
    case .published(let message): link.send(message, correlation: correlation)
    case .status(let message): link.send(message, correlation: correlation, compressed: true)
    case .failure(let message): link.send(message, correlation: correlation)
    }
  }

  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}
  func linkClosed(_ link: Link, reason: LinkError?) { if let id { server.closed(id) } }
}

/// A look at a suspect's data port: a hello, and no more.
private final class Probe: LinkDelegate {
  private var done: ((ProbeResult) -> Void)?

  private init(_ done: @escaping (ProbeResult) -> Void) { self.done = done }

  static func start(
    _ node: NodeID, _ address: String, on loop: any EventLoop, _ tls: TLSClientContext?, _ identity: LinkIdentity, _ options: LinkOptions,
    _ done: @escaping (ProbeResult) -> Void
  ) {
    guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]) else { return done(.silent) }
    let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
    LinkConnector.connect(
      on: loop, host: host, port: port, tls: tls, expectedRole: .node, identity: identity, options: options, delegate: Probe(done))
  }

  func linkReady(_ link: Link) {
    answer(.answered(link.peer.storage, link.peer.incarnation))
    link.close()
  }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {}
  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}

  func linkClosed(_ link: Link, reason: LinkError?) {
    answer(reason?.isNobodyListening == true ? .refused : .silent)
  }

  private func answer(_ result: ProbeResult) {
    done?(result)
    done = nil
  }
}
