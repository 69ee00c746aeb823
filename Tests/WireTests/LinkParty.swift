import NIOCore
import NIOPosix

@testable import Wire

/// A link's owner in tests: writes down what it hears, and may answer.
final class LinkParty: LinkDelegate, @unchecked Sendable {
  enum Event: Sendable {
    case ready(PeerIdentity)
    case frame(FrameKind, correlation: UInt64, payload: [UInt8])
    case readComplete
    case writable(Bool)
    case closed(LinkError?)
  }

  let events: AsyncStream<Event>
  private let heard: AsyncStream<Event>.Continuation
  private let answer: (@Sendable (Link, FrameHeader, RawSpan) -> Void)?
  /// What becomes of a link once it is ready.
  private let onReady: (@Sendable (Link) -> Void)?

  init(
    onReady: (@Sendable (Link) -> Void)? = nil, answer: (@Sendable (Link, FrameHeader, RawSpan) -> Void)? = nil
  ) {
    (events, heard) = AsyncStream.makeStream()
    self.onReady = onReady
    self.answer = answer
  }

  /// Sends every frame back.
  static func echo() -> LinkParty {
    LinkParty(answer: { link, header, payload in
      link.send(header.kind, correlation: header.correlation) { $0.write(raw: payload) }
    })
  }

  func linkReady(_ link: Link) {
    heard.yield(.ready(link.peer))
    onReady?(link)
  }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    heard.yield(.frame(header.kind, correlation: header.correlation, payload: payload.withUnsafeBytes { [UInt8]($0) }))
    answer?(link, header, payload)
  }

  func linkReadComplete(_ link: Link) { heard.yield(.readComplete) }
  func linkWritable(_ link: Link, _ isWritable: Bool) { heard.yield(.writable(isWritable)) }

  func linkClosed(_ link: Link, reason: LinkError?) {
    heard.yield(.closed(reason))
    heard.finish()
  }

  // MARK: - Waiting

  /// The next event that `pick` takes, nil if the link closes without one.
  func next<T: Sendable>(_ pick: (Event) -> T?) async -> T? {
    for await event in events {
      if let picked = pick(event) { return picked }
    }
    return nil
  }

  func ready() async -> PeerIdentity? { await next { if case .ready(let peer) = $0 { peer } else { nil } } }

  func frame() async -> (kind: FrameKind, correlation: UInt64, payload: [UInt8])? {
    await next {
      if case .frame(let kind, let correlation, let payload) = $0 { (kind, correlation, payload) } else { nil }
    }
  }

  /// Why the link closed; the outer nil stands for a stream that has been read to its end already.
  func closed() async -> LinkError?? { await next { if case .closed(let reason) = $0 { .some(reason) } else { nil } } }
}

/// A listener whose links are all owned by one party's like.
struct LinkServer {
  let listener: LinkListener
  /// The accepted links' owners, in order.
  let accepted: AsyncStream<LinkParty>

  static let cluster = ClusterID(high: 0xA55A, low: 1)
  static var group: any EventLoopGroup { MultiThreadedEventLoopGroup.singleton }
  static let node = LinkIdentity(
    cluster: cluster, role: .node, name: "worker-1", node: NodeID(7), incarnation: Incarnation(3),
    storage: StorageID(high: 1, low: 2), product: "assay 0.1.0")
  static let client = LinkIdentity(cluster: cluster, role: .client, name: "till", product: "assay 0.1.0")

  static func start(
    tls: TLSServerContext? = nil, identity: LinkIdentity = node, options: LinkOptions = LinkOptions(),
    party: @escaping @Sendable () -> LinkParty = { .echo() }
  ) async throws -> LinkServer {
    let (accepted, continuation) = AsyncStream.makeStream(of: LinkParty.self)
    let listener = try await LinkListener.bind(
      group: group, host: "127.0.0.1", port: 0, tls: tls, identity: { identity }, options: options,
      delegate: { _ in
        let party = party()
        continuation.yield(party)
        return party
      })
    return LinkServer(listener: listener, accepted: accepted)
  }

  /// The owner of the next link that is accepted.
  func nextAccepted() async -> LinkParty? {
    var iterator = accepted.makeAsyncIterator()
    return await iterator.next()
  }

  @discardableResult func connect(
    _ party: LinkParty, tls: TLSClientContext? = nil, identity: LinkIdentity = client, expectedName: String? = nil,
    options: LinkOptions = LinkOptions()
  ) -> Link {
    LinkConnector.connect(
      on: Self.group.next(), host: "127.0.0.1", port: listener.port, tls: tls, expectedName: expectedName,
      identity: identity, options: options, delegate: party)
  }
}

extension Link {
  /// Runs `body` where the link lives.
  func onLoop(_ body: @escaping @Sendable (Link) -> Void) { eventLoop.execute { body(self) } }
}
