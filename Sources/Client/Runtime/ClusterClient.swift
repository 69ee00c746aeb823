import Logging
import NIOCore
import Wire

/// Where the cluster is, and as whom to speak to it.
public struct ClusterClientOptions: Sendable {
  /// Tried in turn. At least one.
  public var coordinators: [Endpoint]
  /// nil connects without TLS.
  public var tls: TLSClientContext?
  /// 1 to 63 letters, digits, '-', '_' or '.'; under TLS the certificate's name is taken instead.
  public var name: String
  public var link: LinkOptions
  public var backoff = Backoff(base: 50_000_000, limit: 1_000_000_000)
  /// Of the jitter.
  public var seed: UInt64
  public var logger: Logger

  public init(
    coordinators: [Endpoint], tls: TLSClientContext? = nil, name: String = "client",
    logger: Logger = Logger(label: "assay.client"), seed: UInt64 = .random(in: .min ... .max)
  ) {
    precondition(!coordinators.isEmpty, "a client needs a coordinator's address")
    self.coordinators = coordinators
    self.tls = tls
    self.name = name
    self.logger = logger
    self.seed = seed
    link = LinkOptions(logger: logger)
  }
}

/// A client's standing with the cluster: hears of every new map from whichever coordinator answers, and goes on with the
/// last one while none does. Lives on one event loop, until it is closed.
public final class ClusterClient: @unchecked Sendable {
  public let eventLoop: any EventLoop
  let options: ClusterClientOptions

  private var link: Link?
  private var target = 0
  /// Where a coordinator that does not lead said that the leader is.
  private var hint: Endpoint?
  private var attempts = 0
  private var generator: JitterGenerator
  private var isClosed = false
  private var problem = "no answer yet"
  private var refusal: ClientError?
  private var map: ClusterMap?
  private var watchers: [(loop: any EventLoop, body: @Sendable (ClusterMap) -> Void)] = []
  private var waiters: [EventLoopPromise<ClusterMap>] = []

  public init(_ options: ClusterClientOptions, on eventLoop: any EventLoop) {
    self.options = options
    self.eventLoop = eventLoop
    generator = JitterGenerator(seed: options.seed)
  }

  /// Begins to connect; returns at once.
  public func start() { eventLoop.execute { self.connect() } }

  /// The newest map, as soon as there is one with partitions. Waits until `timeout` (nanoseconds), and then throws why
  /// there is none; throws at once if a coordinator refuses this client for good.
  public func map(within timeout: Int64 = 10_000_000_000) async throws -> ClusterMap {
    let promise = eventLoop.makePromise(of: ClusterMap.self)
    eventLoop.execute {
      if let map = self.map, !map.partitions.isEmpty { return promise.succeed(map) }
      if let refusal = self.refusal { return promise.fail(refusal) }
      if self.isClosed { return promise.fail(ClientError.closed) }
      self.waiters.append(promise)
      self.eventLoop.scheduleTask(in: .nanoseconds(timeout)) {
        guard let index = self.waiters.firstIndex(where: { $0.futureResult === promise.futureResult }) else { return }
        self.waiters.remove(at: index)
        let reason = self.map == nil ? self.problem : "no worker has joined the cluster yet: start one"
        promise.fail(ClientError.noMap(coordinators: self.options.coordinators, reason: reason))
      }
    }
    return try await promise.futureResult.get()
  }

  /// Calls `body` on `loop` with the newest map, if there is one, and with each that follows.
  public func watch(on loop: any EventLoop, _ body: @escaping @Sendable (ClusterMap) -> Void) {
    eventLoop.execute {
      self.watchers.append((loop, body))
      if let map = self.map { loop.execute { body(map) } }
    }
  }

  /// Ends the connection; nothing is heard after that.
  public func close() {
    eventLoop.execute {
      self.isClosed = true
      self.link?.close()
      self.link = nil
      self.watchers.removeAll()
      self.finishWaiting(.failure(ClientError.closed))
    }
  }

  /// What this client says of itself to coordinators and workers.
  func identity() -> LinkIdentity {
    let certified = options.tls?.name
    return LinkIdentity(
      cluster: map?.cluster ?? .none, role: certified?.role ?? .client, name: certified?.name ?? options.name,
      product: Product.nameAndVersion)
  }

  // MARK: - Connection

  private func connect() {
    guard !isClosed else { return }
    // When the hinted one ends, the next is the one after it.
    if let hint, let index = options.coordinators.firstIndex(of: hint) { target = index }
    let endpoint = hint ?? options.coordinators[target % options.coordinators.count]
    hint = nil
    link = LinkConnector.connect(
      on: eventLoop, host: endpoint.host, port: endpoint.port, tls: options.tls, expectedRole: .coordinator,
      identity: identity(), options: options.link, delegate: MapDelegate(self, endpoint))
  }

  fileprivate func ready(_ link: Link) {
    link.send(WatchMap(known: map?.version ?? .none), correlation: 1)
  }

  fileprivate func learned(_ map: ClusterMap) {
    attempts = 0
    guard map.version > self.map?.version ?? .none else { return }
    self.map = map
    if !map.partitions.isEmpty { finishWaiting(.success(map)) }
    for (loop, body) in watchers { loop.execute { body(map) } }
  }

  fileprivate func hinted(_ address: String) { hint = Endpoint(address) }

  fileprivate func complain(_ text: String) {
    guard text != problem else { return }
    problem = text
    options.logger.info("coordinator not reached", metadata: ["reason": "\(text)"])
  }

  /// `reason` nil: in order.
  fileprivate func closed(_ endpoint: Endpoint, _ reason: LinkError?) {
    link = nil
    guard !isClosed else { return }
    complain(reason.map { "\($0)" } ?? "the coordinator at \(endpoint) closed the connection")
    if case .refused(let failure)? = reason, !failure.isRetriable {
      // Only as long as there is nothing to go on with; else another coordinator may know better.
      if map == nil, options.coordinators.count == 1 {
        let refusal = ClientError.refused(coordinator: endpoint, failure)
        self.refusal = refusal
        return finishWaiting(.failure(refusal))
      }
    }
    if hint == nil { target += 1 }
    attempts += 1
    let delay = options.backoff.delay(after: attempts, using: &generator)
    eventLoop.scheduleTask(in: .nanoseconds(delay)) { self.connect() }
  }

  private func finishWaiting(_ result: Result<ClusterMap, ClientError>) {
    let waiting = waiters
    waiters.removeAll()
    for waiter in waiting {
      switch result {
      case .success(let map): waiter.succeed(map)
      case .failure(let error): waiter.fail(error)
      }
    }
  }

  /// Hears of one connection to a coordinator.
  private final class MapDelegate: LinkDelegate {
    private let client: ClusterClient
    private let endpoint: Endpoint

    init(_ client: ClusterClient, _ endpoint: Endpoint) {
      self.client = client
      self.endpoint = endpoint
    }

    func linkReady(_ link: Link) { client.ready(link) }

    func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
      do throws(WireError) {
        switch header.kind {
        case .leaderHint: client.hinted(try LeaderHint(reading: payload).address)
        case .clusterMap: client.learned(try ClusterMap(reading: payload))
        case .failure:
          client.complain("\(try Failure(reading: payload))")
          link.close()
        default: break
        }
      } catch {
        client.complain("the message \(header.kind) can't be read: \(error)")
        link.close(Failure(.malformed, "\(header.kind): \(error)"))
      }
    }

    func linkReadComplete(_ link: Link) {}
    func linkWritable(_ link: Link, _ isWritable: Bool) {}
    func linkClosed(_ link: Link, reason: LinkError?) { client.closed(endpoint, reason) }
  }
}
