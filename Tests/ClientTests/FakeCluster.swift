import NIOCore
import NIOPosix
import Synchronization

@testable import Client
@testable import Wire

/// A coordinator's double: gives every watcher the newest map.
final class FakeCoordinator: LinkDelegate, @unchecked Sendable {
  private struct State {
    var map: ClusterMap?
    var links: [Link] = []
    var watches = 0
  }
  private let state = Mutex(State())
  private var listener: LinkListener!

  var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: listener.port) }
  /// How many times a client has asked to watch.
  var watches: Int { state.withLock { $0.watches } }

  func start() async throws {
    let identity = LinkIdentity(cluster: ClusterID(high: 0xA55A, low: 1), role: .coordinator, name: "coordinator-1")
    listener = try await LinkListener.bind(
      group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: 0, identity: { identity }
    ) { _ in self }
  }

  func publish(_ map: ClusterMap) {
    let links = state.withLock { state in
      state.map = map
      return state.links
    }
    for link in links { link.eventLoop.execute { link.send(map, correlation: 1) } }
  }

  /// Ends every connection, as a coordinator does that goes away.
  func disconnect() {
    for link in state.withLock({ state in
      defer { state.links = [] }
      return state.links
    }) {
      link.eventLoop.execute { link.close() }
    }
  }

  func stop() async {
    await listener.close()
    disconnect()
  }

  func linkReady(_ link: Link) {}
  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    guard header.kind == .watchMap else { return }
    let map = state.withLock { state in
      state.watches += 1
      state.links.append(link)
      return state.map
    }
    if let map { link.send(map, correlation: header.correlation) }
  }
  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}
  func linkClosed(_ link: Link, reason: LinkError?) {}
}

/// A coordinator and workers on 127.0.0.1.
final class FakeCluster: Sendable {
  let coordinator = FakeCoordinator()
  let ledger = Ledger()
  let workers: [FakeWorker]
  private let version = Mutex<UInt64>(0)

  init(workers count: Int) async throws {
    let ledger = ledger
    workers = (1...count).map { FakeWorker(UInt32($0), ledger) }
    for worker in workers { try await worker.start() }
    try await coordinator.start()
  }

  /// Publishes the next map; `primaries` are indices of workers, one a partition.
  func publish(primaries: [Int?], gone: Set<Int> = []) {
    let version = version.withLock { version in
      version += 1
      return version
    }
    let nodes = Dictionary(uniqueKeysWithValues: workers.map { ($0.node, $0.address) })
    coordinator.publish(
      .test(
        version: version, nodes: nodes, primaries: primaries.map { $0.map { workers[$0].node } },
        gone: Set(gone.map { workers[$0].node })))
  }

  func client(on loop: any EventLoop) -> ClusterClient {
    var options = ClusterClientOptions(coordinators: [coordinator.endpoint], seed: 7)
    options.backoff = Backoff(base: 1_000_000, limit: 20_000_000)
    options.link.logger.logLevel = .critical
    options.logger.logLevel = .critical
    let client = ClusterClient(options, on: loop)
    client.start()
    return client
  }

  func stop() async {
    await coordinator.stop()
    for worker in workers { await worker.stop() }
  }
}
