import Logging
import NIOCore
import Wire

@testable import Coordinator
@testable import Wire

/// A coordinator's machine: the real core, with a shell of the simulator's own around it, because the product's one is made
/// of tasks, which run in an order of their own.
final class CoordinatorHost {
  /// A leadership. What was asked in it and is answered after its end is dropped.
  struct Term {
    let number: UInt64
    var core: CoordinatorCore
  }

  let cluster: Cluster
  let process: Process
  let store: Store
  var term: Term?
  var loop: Loop!
  var links: [SessionID: Peer] = [:]
  private var lastSession: UInt64 = 0
  private var actions: [CoordinatorAction] = []
  // Standing by.
  var following: UInt64 = 0
  var leader: CoordinatorHost?
  var watch: LeaderWatch?
  var lastMap: ClusterMap?
  var ticks = 0
  var confirmed: UInt64 = 0

  init(_ cluster: Cluster, _ process: Process, _ store: Store) {
    self.cluster = cluster
    self.process = process
    self.store = store
  }

  var world: World { cluster.world }
  var now: Int64 { Int64(world.now / 1_000_000) }
  var identity: LinkIdentity { LinkIdentity(cluster: Cluster.id, role: .coordinator, name: process.name) }
  var leads: Bool { process.isAlive && term != nil }

  func start() {
    guard !process.isAlive else { return }
    process.start()
    loop = Loop(process)
    if store.snapshot.entries.isEmpty {
      store.snapshot.apply(ClusterState.founding(ClusterRecord(id: Cluster.id, name: "simulated"), cluster.plan.settings))
    }
    process.listener = { [unowned self] _ in
      lastSession += 1
      let link = Link(
        eventLoop: loop, side: .accepting, address: "peer", options: cluster.linkOptions, identity: { [identity] in identity })
      link.delegate = Peer(self, SessionID(lastSession))
      return link
    }
    world.note("started")
    if store.process == nil {
      guard let state = state() else { return }
      term = Term(number: 0, core: CoordinatorCore(state, cluster.plan.policy, now: now))
    } else {
      lookForLeader()
    }
    tick()
  }

  func state() -> ClusterState? {
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
    term = nil
    leader = nil
    following = 0
    watch = nil
    lastMap = nil
  }

  private func tick() {
    if term != nil { take(.tick) } else { tickStandingBy() }
    world.after(.milliseconds(20), process) { [unowned self] in tick() }
  }

  func take(_ input: CoordinatorInput) {
    guard process.isAlive else { return }
    guard term != nil else {
      if case .request(let session, let correlation, let request) = input { answerStandingBy(session, correlation, request) }
      return
    }
    var batch: [CoordinatorAction] = []
    swap(&batch, &actions)
    term!.core.step(input, now: now, &batch)
    for action in batch { carryOut(action) }
    batch.removeAll(keepingCapacity: true)
    swap(&batch, &actions)
  }

  private func carryOut(_ action: CoordinatorAction) {
    guard let number = term?.number else { return }
    switch action {
    case .commit(let id, let transaction): commit(id, transaction, number)
    case .reload:
      world.after(.milliseconds(1), process) { [unowned self] in
        if term?.number == number, let state = state() { take(.reloaded(state)) }
      }
    case .send(let session, let correlation, let answer): links[session]?.send(answer, correlation)
    case .sendBundle(let session, let correlation, let id):
      let contents = store.snapshot.entries[.bundle(id)]?.value ?? []
      links[session]?.link?.send(BundleContent(bundle: id, contents: contents), correlation: correlation)
    case .probe(let node, let address):
      guard let address = SplitAddress(address), let term else { return }
      let timeout = TimeAmount.milliseconds(Int64(max(100, term.core.policy.settings.leaseMilliseconds / 4)))
      NodeProbe.start(on: loop, address: address, tls: nil, identity: identity, timeout: timeout, options: cluster.linkOptions) {
        [unowned self] result in
        if self.term?.number == number { take(.probed(node, result)) }
      }
    case .close(let session, let failure): links[session]?.link?.close(failure)
    case .note(let event):
      world.note("\(event)")
      cluster.counts.note(event)
      cluster.nemesis.heard(event)
    }
  }

  // MARK: The store

  /// The store takes the transaction, whatever becomes meanwhile of who sent it.
  private func commit(_ id: TransactionID, _ transaction: MetadataTransaction, _ number: UInt64) {
    let life = process.incarnation
    guard store.process == nil else { return commitFar(id, transaction, number, life) }
    world.after(.microseconds(300) + world.random.within(0 ... .milliseconds(4)), nil) { [unowned self] in
      let isGood = store.snapshot.admits(transaction)
      if isGood { apply(transaction) }
      let revision = store.snapshot.revision
      guard process.isAlive, process.incarnation == life else { return }
      world.after(.microseconds(200), process) { [unowned self] in
        take(isGood ? .committed(id, revision: revision) : .refused(id))
      }
    }
  }

  private func apply(_ transaction: MetadataTransaction) {
    cluster.checks.changes()
    store.snapshot.apply(transaction)
    cluster.checks.changed(store.snapshot)
  }

  /// Sent again until the store has it; the store says once what became of it.
  private func commitFar(_ id: TransactionID, _ transaction: MetadataTransaction, _ number: UInt64, _ life: Int) {
    ask(life) { [unowned self] in
      let isDeposed = store.leader(at: world.now)?.term != number
      let isGood = !isDeposed && store.snapshot.admits(transaction)
      if isGood { apply(transaction) }
      let revision = store.snapshot.revision
      return { [unowned self] in
        guard term?.number == number else { return }
        if isDeposed { return standBy(nil) }
        take(isGood ? .committed(id, revision: revision) : .refused(id))
      }
    }
  }

  /// Has the store do something once, over the network: the request and the answer each wait for an open way.
  func ask(_ life: Int, _ body: @escaping () -> () -> Void) {
    guard let host = store.process else { return }
    func travel(_ from: Process, _ to: Process, _ arrived: @escaping () -> Void) {
      guard process.isAlive, process.incarnation == life else { return }
      guard !cluster.network[from, to].isCut else {
        return world.after(.milliseconds(50), nil) { travel(from, to, arrived) }.ignore()
      }
      world.after(cluster.network.delay(from, to) + .microseconds(300) + world.random.within(0 ... .milliseconds(2)), nil, arrived)
    }
    travel(process, host) { [unowned self] in
      let answer = body()
      travel(host, process) { [unowned self] in
        guard process.isAlive, process.incarnation == life else { return }
        world.after(0, process, answer)
      }
    }
  }

  // MARK: Connections

  func opened(_ peer: Peer) {
    links[peer.session] = peer
    if term == nil, !mayStay(peer) { sendOn(peer) }
  }

  func closed(_ session: SessionID) {
    links[session] = nil
    take(.closed(session))
  }

  final class Peer: LinkDelegate {
    private unowned let host: CoordinatorHost
    let session: SessionID
    private(set) var link: Link?
    var role: LinkIdentity.Role? { link?.peer.role }

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
        case .join: request = .join(try Join(reading: payload), claim: link.peer.identity.node)
        case .recordsReport: request = .records(try RecordsReport(reading: payload))
        case .heartbeat: request = .heartbeat(try Heartbeat(reading: payload))
        case .healthReport: request = .health(try HealthReport(reading: payload))
        case .isrProposal:
          let proposal = try ISRProposal(reading: payload)
          host.cluster.nemesis.heard(proposal)
          request = .propose(proposal)
        case .mapRequest: request = .map
        case .watchMap: request = .watch(known: try WatchMap(reading: payload).known)
        case .handOverReport: request = .handOver(try HandOverReport(reading: payload))
        case .bundleRequest: request = .bundle(try BundleRequest(reading: payload).bundle)
        case .listItemsRequest: request = .listItems(since: try ListItemsRequest(reading: payload).since)
        case .transferRequest: request = .transfer(try TransferRequest(reading: payload))
        case .checkpointReport: request = .checkpoint(try CheckpointReport(reading: payload))
        case .successionReport: request = .succession(try SuccessionReport(reading: payload))
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
      case .health(let message): link.send(message, correlation: correlation)
      case .map(let map): link.send(map, correlation: correlation)
      case .proposal(let message): link.send(message, correlation: correlation)
      case .published(let message): link.send(message, correlation: correlation)
      case .status(let message): link.send(message, correlation: correlation)
      case .succession(let message): link.send(message, correlation: correlation)
      case .handOver(let message): link.send(message, correlation: correlation)
      case .transfer(let message): link.send(message, correlation: correlation)
      case .listItems(let message): link.send(message, correlation: correlation)
      case .recordsRequest(let message): link.send(message, correlation: correlation)
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
