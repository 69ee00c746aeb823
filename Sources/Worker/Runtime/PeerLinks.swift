import NIOCore
import Wire

/// One loop's links to the other workers: opened when first needed, opened again with growing patience when they break.
final class PeerLinks: @unchecked Sendable {
  private let eventLoop: any EventLoop
  private unowned let node: WorkerNode
  private var links: [NodeID: Peer] = [:]
  private var addresses: [NodeID: String] = [:]

  init(eventLoop: any EventLoop, node: WorkerNode) {
    self.eventLoop = eventLoop
    self.node = node
  }

  func learned(_ map: ClusterMap) {
    for record in map.nodes {
      if let known = addresses[record.id], known != record.address { links[record.id]?.close() }
      addresses[record.id] = record.address
    }
  }

  func send(_ send: ShardOutput.Send) {
    guard let link = ready(send.to) else { return }  // sent again once the link is there
    link.send(.append) { out in
      send.append.write(length: send.records.reduce(0) { $0 + $1.range.count }, to: &out)
      for held in send.records { held.chunk.withRecord(held.range) { out.write(raw: $0) } }
    }
  }

  /// Records that have left memory are read from the journal, on a thread that may block.
  func catchUp(_ catchUp: ShardOutput.CatchUp, _ loop: WorkerLoop) {
    node.readLog(catchUp.append.partition, catchUp.range) { records in
      loop.eventLoop.execute {
        guard let records, let link = self.ready(catchUp.to) else { return }
        link.send(.append) { out in
          catchUp.append.write(length: records.count, to: &out)
          out.bytes.append(contentsOf: records)
        }
      }
    }
  }

  func answer(_ appended: Appended, to node: NodeID) {
    ready(node)?.send(.appended) { appended.write(to: &$0) }
  }

  /// Passes rows on. `done` hears the answer once, or a failure when there is none.
  func forward(_ submit: [UInt8], to node: NodeID, done: @escaping (Result<Decisions, Failure>) -> Void) {
    guard let peer = peer(node), let link = peer.link, link.isReady, link.isWritable else {
      return done(.failure(Failure(.unavailable, "the home partition's worker can't be reached")))
    }
    peer.correlation += 1
    peer.waiting[peer.correlation] = done
    submit.withUnsafeBytes { link.send(.submit, correlation: peer.correlation, payload: $0) }
  }

  func closeAll() {
    for peer in links.values { peer.close() }
    links.removeAll()
  }

  private func ready(_ node: NodeID) -> Link? {
    guard let link = peer(node)?.link, link.isReady, link.isWritable else { return nil }
    return link
  }

  private func peer(_ id: NodeID) -> Peer? {
    if let known = links[id] { return known }
    guard addresses[id] != nil, id != node.nodeID else { return nil }
    let peer = Peer(self, id)
    links[id] = peer
    peer.connect()
    return peer
  }

  private final class Peer: LinkDelegate, @unchecked Sendable {
    unowned let owner: PeerLinks
    let id: NodeID
    var link: Link?
    var correlation: UInt64 = 0
    var waiting: [UInt64: (Result<Decisions, Failure>) -> Void] = [:]
    private var patience = TimeAmount.milliseconds(20)
    private var isClosed = false

    init(_ owner: PeerLinks, _ id: NodeID) {
      self.owner = owner
      self.id = id
    }

    func connect() {
      guard !isClosed, let address = owner.addresses[id].flatMap(HostPort.init) else { return }
      link = LinkConnector.connect(
        on: owner.eventLoop, host: address.host, port: address.port, tls: owner.node.tls, expectedRole: .node, identity: owner.node.linkIdentity(),
        options: owner.node.linkOptions, delegate: self)
    }

    func close() {
      isClosed = true
      link?.close()
      owner.links[id] = nil
    }

    func linkReady(_ link: Link) {
      patience = .milliseconds(20)
      owner.node.loop(on: owner.eventLoop).linkChanged(to: id)
    }

    func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
      guard let done = waiting.removeValue(forKey: header.correlation) else { return }
      do throws(WireError) {
        switch header.kind {
        case .decisions: done(.success(try Decisions(reading: payload)))
        case .failure: done(.failure(try Failure(reading: payload)))
        default: done(.failure(Failure(.internal, "a worker answered a batch with \(header.kind)")))
        }
      } catch {
        done(.failure(Failure(.internal, "a worker's answer can't be read: \(error)", isRetriable: true)))
      }
    }

    func linkReadComplete(_ link: Link) { owner.node.loop(on: owner.eventLoop).drain() }
    func linkWritable(_ link: Link, _ isWritable: Bool) {}

    func linkClosed(_ link: Link, reason: LinkError?) {
      self.link = nil
      let lost = waiting.values
      waiting.removeAll()
      for done in lost { done(.failure(Failure(.unavailable, "the link to the home partition's worker broke"))) }
      guard !isClosed else { return }
      owner.eventLoop.scheduleTask(in: patience) { [weak self] in self?.connect() }
      patience = min(.seconds(1), .nanoseconds(patience.nanoseconds * 2))
    }
  }
}
