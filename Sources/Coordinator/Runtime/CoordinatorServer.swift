import Logging
import Models
import NIOCore
import NIOPosix
import Synchronization
import Wire

/// The shell around the core: one event loop owns the core and every connection. It leads by a store, or stands by.
final class CoordinatorServer: @unchecked Sendable {
  static let tickInterval = TimeAmount.milliseconds(20)
  /// Bundles being checked or stored at a time; each may be 16 MiB.
  static let publishesMax = 4

  let loop: any EventLoop
  private let policy: CoordinatorPolicy
  private let logger: Logger
  private let options: LinkOptions
  private let trust: BundleTrust
  /// Of the bundle that was active when a list was edited last.
  private var declaredLists: (bundle: BundleID, lists: DeclaredLists)?
  /// For probes; nil where TLS is off.
  private let tls: TLSClientContext?
  /// Checks the hashes of bundles.
  private let threads: NIOThreadPool
  private let onStop: @Sendable (String) -> Void
  private let ownIdentity: Mutex<LinkIdentity>

  /// nil while this coordinator stands by.
  private var term: Term?
  private var lastTerm: UInt64 = 0
  /// The leader's address, where it is another and known.
  private var leader: String?
  /// What this coordinator knew when it last led: still right while nobody else leads, because then nothing changes (R11).
  private var lastMap: ClusterMap?
  private var standbyTicks = 0
  private var actions: [CoordinatorAction] = []
  private var links: [SessionID: CoordinatorLink] = [:]
  private var lastSession: UInt64 = 0
  private var publishes = 0
  private var ticks: RepeatedTask?
  private var clock: RepeatedTask?
  private var isStopping = false
  /// The newest map's bytes, for all watchers.
  private var encodedMap: (version: MapVersion, bytes: [UInt8])?

  /// What begins and ends with a leadership. An answer that comes after its end is dropped.
  private struct Term {
    let number: UInt64
    let store: any MetadataStore
    var core: CoordinatorCore
  }

  init(
    policy: CoordinatorPolicy, identity: LinkIdentity, trust: BundleTrust, threads: NIOThreadPool, tls: TLSClientContext?,
    options: LinkOptions, loop: any EventLoop, logger: Logger, onStop: @escaping @Sendable (String) -> Void
  ) {
    self.policy = policy
    self.trust = trust
    ownIdentity = Mutex(identity)
    self.threads = threads
    self.tls = tls
    self.options = options
    self.loop = loop
    self.logger = logger
    self.onStop = onStop
  }

  /// From any thread. The cluster is known when the store has been read.
  var identity: LinkIdentity { ownIdentity.withLock { $0 } }

  /// Milliseconds on a clock that only goes forward.
  private static func now() -> Int64 { Int64(SystemClock.nanoseconds() / 1_000_000) }

  func start() {
    ticks = loop.scheduleRepeatedTask(initialDelay: Self.tickInterval, delay: Self.tickInterval) { _ in self.take(.tick) }
    clock = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in self.tellTime() }
  }

  private func tellTime() { take(.clock(wallMilliseconds: SystemClock.wall())) }

  // MARK: Leading and standing by

  /// Leads, from `state` on, which is what `store` holds. Liveness timers start anew (R11); workers have `grace`
  /// milliseconds more to come over from a predecessor that may still seem alive to them.
  func lead(_ state: ClusterState, _ store: any MetadataStore, grace: Int64 = 0) {
    loop.preconditionInEventLoop()
    precondition(term == nil, "a leader is not elected again")
    guard !isStopping else { return }
    lastTerm += 1
    leader = nil
    // Clients that were served without a leader watch nothing yet.
    for link in links.values where link.role == .client {
      link.close(Failure(.unavailable, "a coordinator has been elected: connect again"))
    }
    ownIdentity.withLock { $0.cluster = state.cluster.id }
    term = Term(number: lastTerm, store: store, core: CoordinatorCore(state, policy, now: Self.now() + grace))
    logger.info(
      "coordinator leads",
      metadata: [
        "cluster": "\(state.cluster.id)", "name": "\(state.cluster.name)", "revision": "\(state.revision)",
        "nodes": "\(state.nodes.count)", "partitions": "\(state.partitions.count)",
      ])
    tellTime()
    take(.tick)
  }

  /// Does not lead, or not any more: everybody is sent on, to `leader` where that is known.
  func standBy(leader: String?) {
    loop.preconditionInEventLoop()
    self.leader = leader
    if let term {
      logger.warning("coordinator does not lead any more", metadata: ["leader": "\(leader ?? "none")"])
      lastMap = term.core.state.map
      self.term = nil
      encodedMap = nil
    }
    for link in links.values where !mayStay(link) { sendOn(link) }
  }

  /// Who is not sent on by a standby: other coordinators, which only look whether it lives; and clients while nobody leads,
  /// who need a map to submit by and are told the last one.
  private func mayStay(_ link: CoordinatorLink) -> Bool {
    link.role == .coordinator || link.role == .client && leader == nil && lastMap != nil
  }

  private func answerStandingBy(_ session: SessionID, _ correlation: UInt64, _ request: CoordinatorRequest) {
    guard let link = links[session] else { return }
    switch request {
    case .map, .watch:
      if mayStay(link), let lastMap { return link.send(.map(lastMap), correlation: correlation) }
      sendOn(link)
    default: sendOn(link)
    }
  }

  /// Clients that were told the last map look around every two seconds: this coordinator may be the only one that does not
  /// know who leads.
  private func lookElsewhere(_ input: CoordinatorInput) {
    guard case .tick = input else { return }
    standbyTicks += 1
    guard standbyTicks % 100 == 0 else { return }
    for link in links.values where link.role == .client { sendOn(link) }
  }

  private func sendOn(_ link: CoordinatorLink) {
    let who = leader.map { "\($0) does" } ?? "none is elected at present"
    link.close(Failure(.notLeader, "this coordinator does not lead, \(who): ask there"), hint: leader.map(LeaderHint.init(address:)))
  }

  // MARK: Inputs

  func accept(_ link: Link) -> CoordinatorLink {
    lastSession += 1
    return CoordinatorLink(link, SessionID(lastSession), self)
  }

  func opened(_ link: CoordinatorLink) {
    guard !isStopping else { return link.close(Failure(.shuttingDown, "the coordinator is shutting down")) }
    links[link.session] = link
    if term == nil, !mayStay(link) { sendOn(link) }
  }

  func closed(_ session: SessionID) {
    links[session] = nil
    take(.closed(session))
  }

  func take(_ input: CoordinatorInput) {
    loop.preconditionInEventLoop()
    guard !isStopping else { return }
    if term == nil, case .request(let session, let correlation, let request) = input {
      return answerStandingBy(session, correlation, request)
    }
    guard term != nil else { return lookElsewhere(input) }
    // Taken out meanwhile: an attempt to connect that fails at once leads back here.
    var batch: [CoordinatorAction] = []
    swap(&batch, &actions)
    term?.core.step(input, now: Self.now(), &batch)
    for action in batch { carryOut(action) }
    batch.removeAll(keepingCapacity: true)
    swap(&batch, &actions)
  }

  /// Checks a bundle's hash, and who signed it, off the loop before the core hears of it.
  func check(_ request: PublishBundle, _ session: SessionID, _ correlation: UInt64) {
    guard publishes < Self.publishesMax else {
      links[session]?.send(.failure(Failure(.busy, "\(publishes) bundles are being published: try again")), correlation: correlation)
      return
    }
    publishes += 1
    threads.submit { _ in
      let failure = Self.problem(of: request, self.trust)
      self.loop.execute {
        self.publishes -= 1
        guard let failure else { return self.take(.request(session, correlation: correlation, .publish(request))) }
        self.links[session]?.send(.failure(failure), correlation: correlation)
      }
    }
  }

  private static func problem(of request: PublishBundle, _ trust: BundleTrust) -> Failure? {
    guard BundleID(contents: request.contents) == request.bundle else {
      return Failure(.malformed, "the contents of bundle \(request.bundle) don't have this hash: build it again")
    }
    guard !trust.keys.isEmpty else { return nil }
    do {
      try trust.check(try BundleArchive(reading: request.contents))
      return nil
    } catch {
      return Failure(error is BundleRefusal ? .notAuthorized : .malformed, "\(error)")
    }
  }

  /// Checks that the active bundle has the list, and that it can hold the item, before the core hears of it.
  func check(_ edit: EditList, by requester: String, _ session: SessionID, _ correlation: UInt64) {
    // Whatever it is of: an item that was added under another bundle may be dropped.
    guard edit.operation != .drop, let active = term?.core.state.rollout.active else {
      return take(.request(session, correlation: correlation, .editList(edit, by: requester)))
    }
    if let declaredLists, declaredLists.bundle == active {
      return apply(edit, of: declaredLists.lists, by: requester, session, correlation)
    }
    onStore { store throws(MetadataStoreError) in
      try await store.value(of: .bundle(active))
    } then: { contents in
      guard let contents else { return self.stop("bundle \(active) is listed in the store and not there: restore the newest backup") }
      self.threads.submit { _ in
        let lists = Result { DeclaredLists(try BundleArchive(reading: contents)) }
        self.loop.execute {
          switch lists {
          case .success(let lists):
            self.declaredLists = (active, lists)
            self.apply(edit, of: lists, by: requester, session, correlation)
          case .failure(let error):
            let failure = Failure(.internal, "the active bundle can't be read: \(error)")
            self.links[session]?.send(.failure(failure), correlation: correlation)
          }
        }
      }
    }
  }

  private func apply(_ edit: EditList, of lists: DeclaredLists, by requester: String, _ session: SessionID, _ correlation: UInt64) {
    if let problem = lists.problem(of: edit.item, in: edit.list) {
      links[session]?.send(.failure(Failure(.notFound, problem)), correlation: correlation)
    } else {
      take(.request(session, correlation: correlation, .editList(edit, by: requester)))
    }
  }

  // MARK: Actions

  private func carryOut(_ action: CoordinatorAction) {
    switch action {
    case .commit(let id, let transaction): commit(id, transaction)
    case .reload: reload()
    case .send(let session, let correlation, let answer): links[session]?.send(answer, correlation: correlation)
    case .sendBundle(let session, let correlation, let id): sendBundle(id, session, correlation)
    case .probe(let node, let address): probe(node, address)
    case .close(let session, let failure): links[session]?.close(failure)
    case .note(let event): note(event)
    }
  }

  private func commit(_ id: TransactionID, _ transaction: MetadataTransaction) {
    onStore { store throws(MetadataStoreError) in
      try await store.commit(transaction)
    } then: { revision in
      self.take(revision.map { .committed(id, revision: $0) } ?? .refused(id))
    }
  }

  private func reload() {
    onStore { store throws(MetadataStoreError) in
      try ClusterState(try await store.load())
    } then: {
      self.take(.reloaded($0))
    }
  }

  private func sendBundle(_ id: BundleID, _ session: SessionID, _ correlation: UInt64) {
    onStore { store throws(MetadataStoreError) in
      try await store.value(of: .bundle(id))
    } then: { contents in
      guard let contents else { return self.stop("bundle \(id) is listed in the store and not there: restore the newest backup") }
      self.links[session]?.send(BundleContent(bundle: id, contents: contents), correlation: correlation)
    }
  }

  private func probe(_ node: NodeID, _ address: String) {
    guard let term else { return }
    guard let address = SplitAddress(address) else {
      loop.execute { self.take(.probed(node, .silent)) }
      return
    }
    let timeout = TimeAmount.milliseconds(Int64(max(100, term.core.policy.settings.leaseMilliseconds / 4)))
    var options = options
    options.logger.logLevel = .error  // a suspect that does not answer is no news
    NodeProbe.start(on: loop, address: address, tls: tls, identity: identity, timeout: timeout, options: options) {
      if self.term?.number == term.number { self.take(.probed(node, $0)) }
    }
  }

  func sendMap(_ map: ClusterMap, on link: Link, correlation: UInt64) {
    if encodedMap?.version != map.version { encodedMap = (map.version, map.encoded) }
    guard let bytes = encodedMap?.bytes else { return }
    bytes.withUnsafeBytes { link.send(.clusterMap, correlation: correlation, compressed: true, payload: $0) }
  }

  private func note(_ event: CoordinatorEvent) {
    var metadata: Logger.Metadata = [:]
    for (key, value) in event.metadata { metadata[key] = "\(value)" }
    logger.log(level: event.isWarning ? .warning : event.isDetail ? .debug : .info, "\(event.message)", metadata: metadata)
  }

  // MARK: The store

  private func onStore<Value: Sendable>(
    _ work: @escaping @Sendable (any MetadataStore) async throws(MetadataStoreError) -> Value,
    then next: @escaping @Sendable (Value) -> Void
  ) {
    guard let term else { return }
    let (number, store) = (term.number, term.store)
    Task {
      let result: Result<Value, MetadataStoreError>
      do throws(MetadataStoreError) { result = .success(try await work(store)) } catch { result = .failure(error) }
      self.loop.execute {
        guard self.term?.number == number else { return }
        switch result {
        case .success(let value): next(value)
        case .failure(let error) where error.code == .deposed: self.standBy(leader: nil)
        case .failure(let error): self.stop("\(error)")
        }
      }
    }
  }

  // MARK: The end

  /// The process can't go on: `reason` is one line for the operator.
  func stop(_ reason: String) {
    guard !isStopping else { return }
    isStopping = true
    ticks?.cancel()
    clock?.cancel()
    for link in links.values { link.close(Failure(.unavailable, "the coordinator has lost its store")) }
    onStop(reason)
  }

  /// Tells everybody, and changes nothing any more. Workers go on without a coordinator (R11).
  func shutdown() {
    isStopping = true
    ticks?.cancel()
    clock?.cancel()
    for link in links.values { link.close(Failure(.shuttingDown, "the coordinator is shutting down")) }
  }
}
