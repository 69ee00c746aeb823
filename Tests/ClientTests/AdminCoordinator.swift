import NIOCore
import NIOPosix
import Synchronization

@testable import Client
@testable import Wire

/// A coordinator's double for operators: answers as its script says, and writes down what was asked.
final class AdminCoordinator: LinkDelegate, @unchecked Sendable {
  enum Reply: Sendable {
    case status(Status)
    case map(ClusterMap)
    case published(BundlePublished.State)
    case failure(Failure)
    /// Breaks the connection instead.
    case drop
    case silence
    /// Bytes that are no message of the answer's kind.
    case garbage(FrameKind)
  }

  private struct State {
    var script: @Sendable (FrameKind, Int) -> Reply
    var asked: [FrameKind] = []
    var published: [PublishBundle] = []
    var roles: [LinkIdentity.Role] = []
  }

  private let state: Mutex<State>
  private let listener: Mutex<LinkListener?> = Mutex(nil)
  private let role: LinkIdentity.Role

  /// `script` gets what is asked and how often anything has been, from 1.
  init(role: LinkIdentity.Role = .coordinator, _ script: @escaping @Sendable (FrameKind, Int) -> Reply) {
    self.role = role
    state = Mutex(State(script: script))
  }

  var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: listener.withLock { $0!.port }) }
  var asked: [FrameKind] { state.withLock { $0.asked } }
  var published: [PublishBundle] { state.withLock { $0.published } }
  var roles: [LinkIdentity.Role] { state.withLock { $0.roles } }

  func start() async throws -> AdminCoordinator {
    let identity = LinkIdentity(
      cluster: ClusterID(high: 0xA55A, low: 1), role: role, name: "c-1", node: role == .node ? NodeID(1) : nil)
    var options = LinkOptions()
    options.logger.logLevel = .critical
    let bound = try await LinkListener.bind(
      group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: 0, identity: { identity }, options: options
    ) { _ in self }
    listener.withLock { $0 = bound }
    return self
  }

  func stop() async { await listener.withLock { $0 }?.close() }

  func linkReady(_ link: Link) { state.withLock { $0.roles.append(link.peer.role) } }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    let publish = header.kind == .publishBundle ? try? PublishBundle(reading: payload) : nil
    let (script, count) = state.withLock { state in
      state.asked.append(header.kind)
      if let publish { state.published.append(publish) }
      return (state.script, state.asked.count)
    }
    switch script(header.kind, count) {
    case .status(let status): link.send(status, correlation: header.correlation)
    case .map(let map): link.send(map, correlation: header.correlation)
    case .published(let phase):
      link.send(BundlePublished(bundle: publish!.bundle, state: phase, map: MapVersion(2)), correlation: header.correlation)
    case .failure(let failure): link.send(failure, correlation: header.correlation)
    case .drop: link.close()
    case .silence: break
    case .garbage(let kind): link.send(kind, correlation: header.correlation) { $0.write(UInt8(7)) }
    }
  }

  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}
  func linkClosed(_ link: Link, reason: LinkError?) {}
}

extension Status {
  /// One worker; `ready`: it has loaded the candidate.
  static func test(active: BundleID? = nil, candidate: BundleID? = nil, ready: Bool = false, problem: String = "") -> Status {
    var map = ClusterMap.test(version: 1, nodes: [NodeID(1): "127.0.0.1:1"], primaries: [NodeID(1)])
    map.activeBundle = active
    map.candidateBundle = candidate
    let node = Node(
      id: NodeID(1), state: .alive, silenceMilliseconds: 5, map: MapVersion(1), diskFree: 1 << 30, bundleReady: ready,
      bundleProblem: problem)
    return Status(map: map, nodes: [node], replicas: [], waitingFor: [])
  }
}
