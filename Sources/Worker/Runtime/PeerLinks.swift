import NIOCore
import Wire

/// One loop's links to the other workers: opened when first needed, opened again with growing patience when they break.
/// What a payment waits for has a link of its own to each, so that it never stands behind a megabyte of log; it is kept open, to be there
/// when it is needed.
final class PeerLinks: @unchecked Sendable {
  private let eventLoop: any EventLoop
  private unowned let node: WorkerNode
  private var links: [Key: Peer] = [:]
  private var addresses: [NodeID: String] = [:]
  /// What pings have shown of those that are pinged.
  private var pulses: [NodeID: Pulse] = [:]
  /// Of a ping's answer; those of rows passed on count from 1.
  private static let pulse = UInt64.max
  /// A link without an answer to pings for this long is closed and opened again; ms.
  private static let silenceMax: UInt32 = 3_000

  private struct Key: Hashable {
    var node: NodeID
    var isInteractive: Bool
  }

  init(eventLoop: any EventLoop, node: WorkerNode) {
    self.eventLoop = eventLoop
    self.node = node
  }

  func learned(_ map: ClusterMap) {
    // Whoever has lost the role may never answer: the rows go to the one who has it now.
    let homes = Dictionary(uniqueKeysWithValues: map.partitions.map { ($0.id, $0.primary?.node) })
    for peer in links.values {
      peer.giveUp(Failure(.notPrimary, "the home partition has moved")) { $0.partitions.contains { homes[$0] != peer.id.node } }
    }
    for record in map.nodes {
      if let known = addresses[record.id], known != record.address {
        for isInteractive in [false, true] { links[Key(node: record.id, isInteractive: isInteractive)]?.close() }
      }
      addresses[record.id] = record.address
    }
  }

  func send(_ send: ShardOutput.Send) {
    guard let link = ready(send.to) else { return }  // sent again once the link is there
    link.send(.append) { out in
      send.append.write(length: send.bytes, to: &out)
      for held in send.records { held.chunk.withRecord(held.range) { out.write(raw: $0) } }
    }
  }

  /// Records that have left memory are read from the journal, on a thread that may block.
  func catchUp(_ catchUp: ShardOutput.CatchUp, _ loop: WorkerLoop) {
    guard ready(catchUp.to) != nil else { return loop.fed(catchUp, upTo: nil) }
    node.readLog(catchUp.append.partition, catchUp.range, of: catchUp.log) { found in
      loop.eventLoop.execute {
        guard let found, let link = self.ready(catchUp.to) else { return loop.fed(catchUp, upTo: nil) }
        link.send(.append) { out in
          catchUp.append.write(length: found.records.count, to: &out)
          out.bytes.append(contentsOf: found.records)
        }
        loop.fed(catchUp, upTo: found.end)
      }
    }
  }

  func answer(_ appended: Appended, to node: NodeID) {
    ready(node)?.send(.appended) { appended.write(to: &$0) }
  }

  /// A message that a payment waits for; it is sent again if it doesn't get through.
  func send(_ kind: FrameKind, to node: NodeID, _ write: (inout WireWriter) -> Void) {
    (ready(node, isInteractive: true) ?? ready(node))?.send(kind) { write(&$0) }
  }

  /// Batches passed on to one worker and not answered yet.
  static let forwardsMax = 4_096

  /// Passes rows of `partitions` on. `done` hears the answer once, or a failure when there is none `within` so many
  /// nanoseconds, or when a new map says that one of the partitions is led by another.
  func forward(
    _ submit: [UInt8], to node: NodeID, of partitions: Set<PartitionID>, isInteractive: Bool, within: Int64,
    done: @escaping (Result<Decisions, Failure>) -> Void
  ) {
    guard let peer = peer(Key(node: node, isInteractive: isInteractive)), let link = peer.link, link.isReady, link.isWritable
    else {
      return done(.failure(Failure(.unavailable, "the home partition's worker can't be reached")))
    }
    guard peer.waiting.count < Self.forwardsMax else {
      return done(.failure(Failure(.busy, "the home partition's worker has as much under way as it takes")))
    }
    peer.correlation += 1
    let due = monotonicNanoseconds() + UInt64(max(within, 1))
    peer.waiting[peer.correlation] = .init(partitions: partitions, due: due, done: done)
    submit.withUnsafeBytes { link.send(.submit, correlation: peer.correlation, payload: $0) }
  }

  /// A piece of a snapshot is answered within this, nanoseconds.
  private static let readPatience: UInt64 = 5_000_000_000

  /// Asks for a piece of a snapshot. `done` hears of it once.
  func read(_ read: TransferRead, from node: NodeID, done: @escaping (Result<TransferChunk, Failure>) -> Void) {
    guard let peer = peer(Key(node: node, isInteractive: false)), let link = peer.link, link.isReady, link.isWritable else {
      return done(.failure(Failure(.unavailable, "the worker that feeds this copy can't be reached")))
    }
    peer.correlation += 1
    peer.reads[peer.correlation] = (monotonicNanoseconds() + Self.readPatience, done)
    link.send(read, correlation: peer.correlation)
  }

  /// Gives up what nobody has answered in time. To be called every few dozen milliseconds.
  func tick() {
    let now = monotonicNanoseconds()
    for peer in links.values {
      peer.giveUp(Failure(.unavailable, "the home partition's worker does not answer")) { $0.due <= now }
      peer.giveUpReads(Failure(.unavailable, "the worker that feeds this copy does not answer")) { $0 <= now }
    }
  }

  /// Asks each of these for a sign of life, and tells what the answers so far have shown.
  func ping(_ nodes: [NodeID]) -> [HealthReport.Peer] {
    let now = monotonicNanoseconds()
    pulses = pulses.filter { nodes.contains($0.key) }
    return nodes.map { id in
      let pulse = pulses[id] ?? Pulse(now: now)
      pulses[id] = pulse
      let report = pulse.report(of: id, now: now)
      // What payments wait for goes the same way, and falls silent with it.
      peer(Key(node: id, isInteractive: true))?.ping(now, silence: report.silenceMilliseconds)
      peer(Key(node: id, isInteractive: false))?.ping(now, silence: report.silenceMilliseconds)
      return report
    }
  }

  private func answered(_ id: NodeID, _ pong: Pong) { pulses[id]?.answered(sent: pong.token, now: monotonicNanoseconds()) }

  func closeAll() {
    for peer in links.values { peer.close() }
    links.removeAll()
  }

  private func ready(_ node: NodeID, isInteractive: Bool = false) -> Link? {
    guard let link = peer(Key(node: node, isInteractive: isInteractive))?.link, link.isReady, link.isWritable else { return nil }
    return link
  }

  private func peer(_ id: Key) -> Peer? {
    if let known = links[id] { return known }
    guard addresses[id.node] != nil, id.node != node.nodeID else { return nil }
    let peer = Peer(self, id)
    links[id] = peer
    peer.connect()
    return peer
  }

  /// A batch passed on, until its answer is there.
  private struct Forward {
    var partitions: Set<PartitionID>
    /// Monotonic nanoseconds.
    var due: UInt64
    var done: (Result<Decisions, Failure>) -> Void
  }

  private final class Peer: LinkDelegate, @unchecked Sendable {
    unowned let owner: PeerLinks
    let id: Key
    var link: Link?
    var correlation: UInt64 = 0
    var waiting: [UInt64: Forward] = [:]
    /// Pieces of snapshots that were asked for, and until when.
    var reads: [UInt64: (due: UInt64, done: (Result<TransferChunk, Failure>) -> Void)] = [:]
    private var patience = TimeAmount.milliseconds(20)
    private var isClosed = false
    private var readySince: UInt64 = 0

    init(_ owner: PeerLinks, _ id: Key) {
      self.owner = owner
      self.id = id
    }

    func connect() {
      guard !isClosed, let address = owner.addresses[id.node].flatMap(HostPort.init) else { return }
      link = LinkConnector.connect(
        on: owner.eventLoop, host: address.host, port: address.port, tls: owner.node.tls, expectedRole: .node,
        identity: owner.node.linkIdentity(), options: owner.node.linkOptions, delegate: self)
    }

    /// A link that says nothing is opened anew: after a cut, the system would try the old one again only much later.
    func ping(_ now: UInt64, silence: UInt32) {
      guard let link, link.isReady else { return }
      if silence > PeerLinks.silenceMax, now - readySince > UInt64(PeerLinks.silenceMax) * 1_000_000 { return link.close() }
      if !id.isInteractive { link.send(Ping(token: now), correlation: PeerLinks.pulse) }
    }

    func close() {
      isClosed = true
      link?.close()
      owner.links[id] = nil
    }

    /// In the order in which they were sent.
    func giveUp(_ failure: Failure, _ isOver: (Forward) -> Bool) {
      guard !waiting.isEmpty else { return }
      let over = waiting.filter { isOver($0.value) }
      for correlation in over.keys { waiting[correlation] = nil }
      for (_, forward) in over.sorted(by: { $0.key < $1.key }) { forward.done(.failure(failure)) }
    }

    func giveUpReads(_ failure: Failure, _ isOver: (UInt64) -> Bool) {
      for (correlation, read) in reads.sorted(by: { $0.key < $1.key }) where isOver(read.due) {
        reads[correlation] = nil
        read.done(.failure(failure))
      }
    }

    func linkReady(_ link: Link) {
      patience = .milliseconds(20)
      readySince = monotonicNanoseconds()
      guard !id.isInteractive else { return }  // carries no log
      owner.node.loop(on: owner.eventLoop).linkChanged(to: id.node)
    }

    func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
      if header.kind == .pong {
        guard header.correlation == PeerLinks.pulse, let pong = try? Pong(reading: payload) else { return }
        return owner.answered(id.node, pong)
      }
      if let read = reads.removeValue(forKey: header.correlation) { return read.done(Self.chunk(header.kind, payload)) }
      guard let done = waiting.removeValue(forKey: header.correlation)?.done else { return }
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

    private static func chunk(_ kind: FrameKind, _ payload: RawSpan) -> Result<TransferChunk, Failure> {
      do throws(WireError) {
        switch kind {
        case .transferChunk: return .success(try TransferChunk(reading: payload))
        case .failure: return .failure(try Failure(reading: payload))
        default: return .failure(Failure(.internal, "a worker answered a transfer with \(kind)"))
        }
      } catch {
        return .failure(Failure(.internal, "a worker's piece of a snapshot can't be read: \(error)", isRetriable: true))
      }
    }

    func linkReadComplete(_ link: Link) { owner.node.loop(on: owner.eventLoop).scheduleDrain() }
    func linkWritable(_ link: Link, _ isWritable: Bool) {}

    func linkClosed(_ link: Link, reason: LinkError?) {
      self.link = nil
      giveUp(Failure(.unavailable, "the link to the home partition's worker broke")) { _ in true }
      giveUpReads(Failure(.unavailable, "the link to the worker that feeds this copy broke")) { _ in true }
      guard !isClosed else { return }
      owner.eventLoop.scheduleTask(in: patience) { [weak self] in self?.connect() }
      patience = min(.seconds(1), .nanoseconds(patience.nanoseconds * 2))
    }
  }
}
