import Logging
import NIOCore
import Wire

@testable import Coordinator
@testable import Wire

/// The metadata store: durable, and apart from the coordinator that uses it.
final class Store {
  var snapshot = MetadataSnapshot()
}

/// A coordinator's machine: the real core, with a shell of the simulator's own around it.
final class CoordinatorHost {
  let cluster: Cluster
  let process: Process
  let store: Store
  private(set) var core: CoordinatorCore!
  private var loop: Loop!
  private var links: [SessionID: Peer] = [:]
  private var lastSession: UInt64 = 0
  private var actions: [CoordinatorAction] = []

  init(_ cluster: Cluster, _ process: Process, _ store: Store) {
    self.cluster = cluster
    self.process = process
    self.store = store
  }

  private var world: World { cluster.world }
  private var now: Int64 { Int64(world.now / 1_000_000) }
  private var identity: LinkIdentity { LinkIdentity(cluster: Cluster.id, role: .coordinator, name: process.name) }

  func start() {
    guard !process.isAlive else { return }
    process.start()
    loop = Loop(process)
    if store.snapshot.entries.isEmpty {
      store.snapshot.apply(ClusterState.founding(ClusterRecord(id: Cluster.id, name: "simulated"), cluster.plan.settings))
    }
    guard let state = state() else { return }
    core = CoordinatorCore(state, cluster.plan.policy, now: now)
    process.listener = { [unowned self] _ in
      lastSession += 1
      let link = Link(
        eventLoop: loop, side: .accepting, address: "peer", options: cluster.linkOptions, identity: { [identity] in identity })
      link.delegate = Peer(self, SessionID(lastSession))
      return link
    }
    world.note("started")
    tick()
  }

  private func state() -> ClusterState? {
    do { return try ClusterState(store.snapshot) } catch {
      world.fail("the metadata store can't be read: \(error)")
      return nil
    }
  }

  func kill() {
    guard process.isAlive else { return }
    world.note("\(process.name) killed")
    process.die()
    links.removeAll()
  }

  private func tick() {
    take(.tick)
    world.after(.milliseconds(20), process) { [unowned self] in tick() }
  }

  func take(_ input: CoordinatorInput) {
    guard process.isAlive else { return }
    var batch: [CoordinatorAction] = []
    swap(&batch, &actions)
    core.step(input, now: now, &batch)
    for action in batch { carryOut(action) }
    batch.removeAll(keepingCapacity: true)
    swap(&batch, &actions)
  }

  private func carryOut(_ action: CoordinatorAction) {
    switch action {
    case .commit(let id, let transaction): commit(id, transaction)
    case .reload:
      world.after(.milliseconds(1), process) { [unowned self] in if let state = state() { take(.reloaded(state)) } }
    case .send(let session, let correlation, let answer): links[session]?.send(answer, correlation)
    case .sendBundle(let session, let correlation, let id):
      let contents = store.snapshot.entries[.bundle(id)]?.value ?? []
      links[session]?.link?.send(BundleContent(bundle: id, contents: contents), correlation: correlation)
    case .probe(let node, let address):
      guard let address = SplitAddress(address) else { return }
      let timeout = TimeAmount.milliseconds(Int64(max(100, core.policy.settings.leaseMilliseconds / 4)))
      NodeProbe.start(on: loop, address: address, tls: nil, identity: identity, timeout: timeout, options: cluster.linkOptions) {
        [unowned self] in take(.probed(node, $0))
      }
    case .close(let session, let failure): links[session]?.link?.close(failure)
    case .note(let event):
      world.note("\(event)")
      cluster.counts.note(event)
    }
  }

  /// The store takes the transaction, whatever becomes meanwhile of who sent it.
  private func commit(_ id: TransactionID, _ transaction: MetadataTransaction) {
    let life = process.incarnation
    world.after(.microseconds(300) + world.random.within(0 ... .milliseconds(4)), nil) { [unowned self] in
      let isGood = store.snapshot.admits(transaction)
      if isGood {
        store.snapshot.apply(transaction)
        cluster.checks.changed(store.snapshot)
      }
      let revision = store.snapshot.revision
      guard process.isAlive, process.incarnation == life else { return }
      world.after(.microseconds(200), process) { [unowned self] in
        take(isGood ? .committed(id, revision: revision) : .refused(id))
      }
    }
  }

  // MARK: Connections

  fileprivate func opened(_ peer: Peer) { links[peer.session] = peer }

  fileprivate func closed(_ session: SessionID) {
    links[session] = nil
    take(.closed(session))
  }

  fileprivate final class Peer: LinkDelegate {
    private unowned let host: CoordinatorHost
    let session: SessionID
    private(set) var link: Link?

    init(_ host: CoordinatorHost, _ session: SessionID) {
      self.host = host
      self.session = session
    }

    func linkReady(_ link: Link) {
      self.link = link
      host.opened(self)
    }

    func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
      do throws(WireError) {
        let request: CoordinatorRequest
        switch header.kind {
        case .join: request = .join(try Join(reading: payload))
        case .heartbeat: request = .heartbeat(try Heartbeat(reading: payload))
        case .isrProposal: request = .propose(try ISRProposal(reading: payload))
        case .mapRequest: request = .map
        case .watchMap: request = .watch(known: try WatchMap(reading: payload).known)
        case .bundleRequest: request = .bundle(try BundleRequest(reading: payload).bundle)
        default: return
        }
        host.take(.request(session, correlation: header.correlation, request))
      } catch {
        host.world.fail("the coordinator can't read a \(header.kind): \(error)")
      }
    }

    func send(_ answer: CoordinatorAnswer, _ correlation: UInt64) {
      guard let link else { return }
      switch answer {
      case .joined(let message): link.send(message, correlation: correlation)
      case .heartbeat(let message): link.send(message, correlation: correlation)
      case .map(let map): link.send(map, correlation: correlation)
      case .proposal(let message): link.send(message, correlation: correlation)
      case .published(let message): link.send(message, correlation: correlation)
      case .status(let message): link.send(message, correlation: correlation)
      case .failure(let message): link.send(message, correlation: correlation)
      default: break
      }
    }

    func linkReadComplete(_ link: Link) {}
    func linkWritable(_ link: Link, _ isWritable: Bool) {}
    func linkClosed(_ link: Link, reason: LinkError?) {
      self.link = nil
      host.closed(session)
    }
  }
}
