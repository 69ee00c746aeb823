import Logging
import Models
import NIOCore
import Wire

/// A worker's standing with the coordinator: joins, sends heartbeats, hears of every new map, fetches bundles, passes
/// proposals on. Lives on the worker's first loop; connects again, to the next coordinator, whenever the link ends.
final class CoordinatorSession: LinkDelegate, @unchecked Sendable {
  private unowned let node: WorkerNode
  private let loop: any EventLoop
  private let logger: Logger
  private var link: Link?
  private var address = 0
  private var patience = TimeAmount.milliseconds(50)
  private var heartbeats: RepeatedTask?
  private var isJoined = false
  private var isClosed = false
  private var correlation: UInt64 = 0
  /// What a correlation id stands for.
  private var asked: [UInt64: Question] = [:]
  private var bundleProblem = ""
  private var fetching: Set<BundleID> = []
  private var version = MapVersion.none
  /// Bundles that the newest map wants loaded.
  private var wanted: [BundleID] = []
  private var candidate: BundleID?
  /// Workers with replicas of the same partitions, ascending: those that this one has to reach.
  private var companions: [NodeID] = []
  private var lists = ListCatalogue()
  private var isAskingLists = false
  /// One request at a time: whoever wants the map meanwhile may need a newer one than its answer.
  private var isAskingMap = false
  private var wantsMapAgain = false
  private var lastComplaint = ""
  /// Where a coordinator that does not lead said that the leader is.
  private var hint: HostPort?
  /// Nanoseconds; any message counts.
  private var lastHeard: UInt64 = 0
  /// A coordinator silent for this long is left for the next one; nanoseconds.
  private var silenceMax: UInt64 = .max

  private enum Question {
    case join
    case proposal(ShardOutput.Proposal, WorkerLoop)
    case bundle(BundleID)
    case map
    case lists
  }

  init(node: WorkerNode, loop: any EventLoop) {
    self.node = node
    self.loop = loop
    logger = node.logger
  }

  func connect() {
    guard !isClosed else { return }
    let coordinators = node.config.coordinators
    // When the hinted one ends, the next is the one after it.
    if let hint, let index = coordinators.firstIndex(of: hint) { address = index }
    let target = hint ?? coordinators[address % coordinators.count]
    hint = nil
    var options = node.linkOptions
    // A stopped process accepts connections and says nothing: another leads by now.
    if coordinators.count > 1 { options.handshakeTimeout = min(options.handshakeTimeout, .seconds(1)) }
    link = LinkConnector.connect(
      on: loop, host: target.host, port: target.port, tls: node.tls, expectedRole: .coordinator, identity: node.linkIdentity(),
      options: options, delegate: self)
  }

  func close() {
    isClosed = true
    heartbeats?.cancel()
    link?.close()
  }

  // MARK: For the node

  /// From any loop.
  func propose(_ proposal: ShardOutput.Proposal, from source: WorkerLoop) {
    loop.execute {
      guard let link = self.link, link.isReady, self.isJoined else { return self.undelivered(proposal, source) }
      let id = self.ask(.proposal(proposal, source))
      link.send(
        ISRProposal(
          partition: proposal.partition, epoch: proposal.epoch, version: proposal.version, proposer: self.node.nodeID!,
          proposerIncarnation: self.node.me.incarnation, change: proposal.add ? .add : .remove, member: proposal.member),
        correlation: id)
    }
  }

  /// From any loop.
  func fetchMap() {
    loop.execute {
      guard let link = self.link, link.isReady, self.isJoined else { return }  // a new link brings the map anyway
      if self.isAskingMap { return self.wantsMapAgain = true }
      self.isAskingMap = true
      link.send(MapRequest(), correlation: self.ask(.map))
    }
  }

  private func mapAnswered() {
    guard isAskingMap else { return }
    isAskingMap = false
    if wantsMapAgain { fetchMap() }
    wantsMapAgain = false
  }

  private func fetchLists() {
    guard let link, link.isReady, isJoined, !isAskingLists else { return }
    isAskingLists = true
    link.send(ListItemsRequest(since: lists.version), correlation: ask(.lists))
  }

  /// From any loop. A report that is lost is asked for again.
  func report(_ report: some ClusterMessage) {
    loop.execute {
      guard let link = self.link, link.isReady, self.isJoined else { return }
      link.send(report)
    }
  }

  /// From any loop: a log names this bundle.
  func require(_ id: BundleID) { loop.execute { self.need(id) } }

  private func undelivered(_ proposal: ShardOutput.Proposal, _ source: WorkerLoop) {
    // Again a little later: the proposed member stays in the maximal ISR meanwhile (R4).
    source.eventLoop.scheduleTask(in: .milliseconds(200)) {
      source.shard.proposalUndelivered(proposal.partition, now: source.now())
      source.drain()
    }
  }

  private func ask(_ question: Question) -> UInt64 {
    correlation += 1
    asked[correlation] = question
    return correlation
  }

  // MARK: Link

  func linkReady(_ link: Link) {
    let identity = node.directory.identity
    link.send(
      Join(
        cluster: identity.node == nil ? .none : identity.cluster, name: node.config.name, address: node.advertisedAddress,
        httpAddress: node.advertisedHTTP, zone: node.config.zone, storage: identity.storage, incarnation: identity.incarnation,
        intactSince: node.intactSince, build: Product.version, seen: node.seenRecords()),
      correlation: ask(.join))
  }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    let question = asked.removeValue(forKey: header.correlation)
    lastHeard = SystemClock.nanoseconds()
    // A map that is pushed may have taken an answer's place.
    if header.kind == .clusterMap { mapAnswered() } else if case .map? = question { mapAnswered() }
    do throws(WireError) {
      switch header.kind {
      case .leaderHint: hint = HostPort(try LeaderHint(reading: payload).address)
      case .joinAccepted: joined(try JoinAccepted(reading: payload))
      case .clusterMap: learned(try ClusterMap(reading: payload))
      case .heartbeatAccepted:
        let accepted = try HeartbeatAccepted(reading: payload)
        if accepted.map > version { fetchMap() }
        if accepted.lists > lists.version { fetchLists() }
      case .listItems:
        isAskingLists = false
        if lists.take(try ListItems(reading: payload)) { node.learned(lists) }
      case .isrAnswer:
        let answer = try ISRAnswer(reading: payload)
        node.learned(answer.record)
      case .recordsRequest:
        _ = try RecordsRequest(reading: payload)
        node.tellRecords(map: version)
      case .bundleContent: received(try BundleContent(reading: payload))
      case .healthNotice: node.learned(limping: try HealthNotice(reading: payload).limping)
      case .handOverCommand: node.take(try HandOverCommand(reading: payload))
      case .transferSession: node.take(try TransferSession(reading: payload))
      case .successionCommand: node.take(try SuccessionCommand(reading: payload))
      case .failure: failed(try Failure(reading: payload), question)
      default: break
      }
    } catch {
      logger.error("the coordinator's message can't be read", metadata: ["kind": "\(header.kind)", "error": "\(error)"])
      link.close(Failure(.malformed, "\(header.kind): \(error)"))
    }
  }

  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}

  func linkClosed(_ link: Link, reason: LinkError?) {
    self.link = nil
    isJoined = false
    heartbeats?.cancel()
    let open = asked.values
    asked.removeAll()
    fetching.removeAll()
    isAskingLists = false
    isAskingMap = false
    wantsMapAgain = false
    for case .proposal(let proposal, let source) in open { undelivered(proposal, source) }
    guard !isClosed else { return }
    if let reason { complain("coordinator not reached", "\(reason)") }
    if case .refused(let failure)? = reason, failure.code == .notLeader {
      // One of several: the leader is the hint, or the next, or about to be elected.
      if hint == nil { address += 1 }
      loop.scheduleTask(in: .milliseconds(50)) { self.connect() }
      return
    }
    if case .refused(let failure)? = reason, !failure.isRetriable { return node.stop(because: failure.message) }
    address += 1
    loop.scheduleTask(in: patience) { self.connect() }
    patience = min(.seconds(1), .nanoseconds(patience.nanoseconds * 2))
  }

  /// Each new complaint once, not at every attempt.
  private func complain(_ what: Logger.Message, _ text: String) {
    guard text != lastComplaint else { return }
    lastComplaint = text
    logger.warning(what, metadata: ["reason": "\(text)"])
  }

  // MARK: Answers

  private func joined(_ answer: JoinAccepted) {
    do throws(DataDirectoryError) {
      try node.directory.assign(node: answer.node)
    } catch {
      return node.stop(because: "\(error)")
    }
    isJoined = true
    // A coordinator that is stopped or cut off keeps its connections: with several, another leads by now, and takes its
    // workers for dead when they have not come over within the lease.
    silenceMax = UInt64(answer.settings.leaseMilliseconds) * 500_000
    patience = .milliseconds(50)
    lastComplaint = ""
    node.joined(answer.node, answer.settings)
    beat()
    let interval = TimeAmount.milliseconds(Int64(answer.settings.heartbeatMilliseconds))
    heartbeats?.cancel()
    heartbeats = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.beat() }
  }

  private func failed(_ failure: Failure, _ question: Question?) {
    switch question {
    case .join:
      if failure.isRetriable {
        complain("join refused for now", failure.message)
        link?.close()
      } else {
        node.stop(because: "the coordinator refuses this worker: \(failure.message)")
      }
    case .proposal(let proposal, let source): undelivered(proposal, source)
    case .bundle(let id):
      fetching.remove(id)
      bundleProblem = failure.message
    case .map: break
    case .lists: isAskingLists = false
    case nil:
      // A heartbeat of a worker that the coordinator takes for gone: join again.
      complain("heartbeat refused", failure.message)
      link?.close()
    }
  }

  private func learned(_ map: ClusterMap) {
    guard map.version > version else { return }
    version = map.version
    node.learned(map)
    wanted = [map.activeBundle, map.candidateBundle].compactMap { $0 }
    candidate = map.candidateBundle
    if let id = node.nodeID { companions = map.companions(of: id) }
    for id in wanted { need(id) }
  }

  /// Loads a bundle from disk or asks for it.
  private func need(_ id: BundleID) {
    guard !node.isLoaded(id), fetching.insert(id).inserted else { return }
    let isCandidate = id == candidate
    node.background {
      let found = Result { isCandidate ? try self.node.bundles.candidate(id) : try self.node.bundles.bundle(id) }
      self.loop.execute {
        switch found {
        case .success(let bundle?): self.have(bundle)
        case .success(nil): self.fetch(id)
        case .failure(let error as DefinitionError):
          // A disk that has lost or turned some of it: the file is replaced by what the coordinator has.
          self.logger.warning("a bundle's file is damaged; fetching it again", metadata: ["bundle": "\(id)", "error": "\(error)"])
          self.fetch(id)
        case .failure(let error): self.cannotLoad(id, error)
        }
      }
    }
  }

  private func fetch(_ id: BundleID) {
    guard let link, link.isReady else { return _ = fetching.remove(id) }
    link.send(BundleRequest(bundle: id), correlation: ask(.bundle(id)))
  }

  private func received(_ content: BundleContent) {
    let isCandidate = content.bundle == candidate
    node.background {
      let stored = Result { try self.node.bundles.store(content.contents, content.bundle, isCandidate: isCandidate) }
      self.loop.execute {
        switch stored {
        case .success(let bundle): self.have(bundle)
        case .failure(let error): self.cannotLoad(content.bundle, error)
        }
      }
    }
  }

  private func have(_ bundle: Bundle) {
    fetching.remove(bundle.id)
    bundleProblem = ""
    logger.info("bundle loaded", metadata: ["bundle": "\(bundle.id)", "name": "\(bundle.name)"])
    node.loaded(bundle)
    beat()
  }

  private func cannotLoad(_ id: BundleID, _ error: any Error) {
    fetching.remove(id)
    bundleProblem = "\(error)"
    logger.error("a bundle can't be loaded", metadata: ["bundle": "\(id)", "error": "\(error)"])
    beat()
  }

  private func beat() {
    guard let link, link.isReady, isJoined, let id = node.nodeID else { return }
    guard SystemClock.nanoseconds() - lastHeard <= silenceMax else {
      complain("the coordinator is silent; trying the next", "no answer to heartbeats for \(silenceMax / 1_000_000) ms")
      return link.close()
    }
    // What could not be loaded or fetched before is tried again.
    for id in wanted { need(id) }
    link.send(
      Heartbeat(
        node: id, incarnation: node.me.incarnation, map: version, bundles: node.loadedBundles.reported, bundleProblem: bundleProblem,
        diskFree: node.journal.hasRoom ? node.diskFree() : 0, replicas: node.replicaReports()))
    let report = HealthReport(
      node: id, incarnation: node.me.incarnation, disk: node.journal.disk.report, peers: node.loops[0].peers.ping(companions))
    node.reported(report)
    link.send(report)
  }
}
