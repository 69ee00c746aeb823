import Logging
import Models
import NIOCore
import Synchronization
import Wire

/// A running worker: what its loops, its journal, its sinks and its standing in the cluster share.
final class WorkerNode: @unchecked Sendable {
  typealias Background = @Sendable (@escaping @Sendable () -> Void) -> Void

  let config: WorkerConfig
  let logger: Logger
  let directory: DataDirectory
  let journal: Journal
  let sinks: DecisionSinks
  let bundles: BundleStore
  let logIndex: LogIndex
  let snapshots: SnapshotStore
  let loadedBundles = LoadedBundles()
  let registry = MetricsRegistry()
  let clock: WallClock
  let linkOptions: LinkOptions
  /// For links that this worker opens; nil where TLS is off.
  let tls: TLSClientContext?
  let intactSince: Incarnation
  let eventLoops: [any EventLoop]
  private(set) var loops: [WorkerLoop] = []
  private(set) var session: CoordinatorSession!
  /// Work that blocks on the disk and is not urgent.
  let background: Background
  /// Those of the log for followers: whatever is urgent never stands behind more than one of them.
  let reads: OneByOne
  private let onStop: @Sendable (String) -> Void

  private let shared = Mutex(Shared())
  private let durableTicket = Atomic<UInt64>(0)
  private let isDurableHopPending = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)
  /// What the log has been told last of the disk; of the first loop.
  private var hadRoom = true
  var advertisedAddress = ""
  var advertisedHTTP = ""

  private struct Shared {
    var node: NodeID?
    var map: ClusterMap?
    var reports: [Int: [ReplicaReport]] = [:]
    var totals: [Int: Shard.Totals] = [:]
    var links: [LinkIdentity.Role: Int] = [:]
    var isJoined = false
    var health: HealthReport?
    var limping: [NodeID] = []
    var cuts: [Int: (limit: UInt32, points: [(partition: PartitionID, offset: Offset)])] = [:]
    var isCutting = false
    /// Rounds until the files of these may go, if nothing needs them.
    var retired: [PartitionID: Int] = [:]
  }

  init(
    config: WorkerConfig, logger: Logger, directory: DataDirectory, journal: Journal, sinks: DecisionSinks, bundles: BundleStore,
    logIndex: LogIndex, snapshots: SnapshotStore, clock: WallClock, linkOptions: LinkOptions, tls: TLSClientContext?,
    intactSince: Incarnation,
    eventLoops: [any EventLoop], background: @escaping Background, onStop: @escaping @Sendable (String) -> Void
  ) {
    self.config = config
    self.logger = logger
    self.directory = directory
    self.journal = journal
    self.sinks = sinks
    self.bundles = bundles
    self.logIndex = logIndex
    self.snapshots = snapshots
    self.clock = clock
    self.linkOptions = linkOptions
    self.tls = tls
    self.intactSince = intactSince
    self.eventLoops = eventLoops
    self.background = background
    reads = OneByOne(background)
    self.onStop = onStop
    shared.withLock { $0.node = directory.identity.node }
  }

  /// Sets the loops up; `recovered` partitions go to the loops that own them.
  func begin(_ recovered: [RecoveredPartition]) {
    for (index, eventLoop) in eventLoops.enumerated() {
      let shard = Shard(me: me, dedupHorizon: config.dedupHorizon)
      shard.checkpointPolicy = config.checkpoints
      shard.exchangeOptions = config.exchange
      loops.append(WorkerLoop(eventLoop, index: index, node: self, shard: shard))
    }
    for (id, bytes) in directory.roles.all {
      guard let facts = try? PartitionFacts(reading: bytes.span.bytes) else { continue }
      loops[loopIndex(of: id)].shard.seenEpochs[id] = facts.highestEpoch
    }
    for partition in recovered {
      let facts = directory.roles.get(partition.id).flatMap { try? PartitionFacts(reading: $0.span.bytes) }
      loops[loopIndex(of: partition.id)].shard.recover(
        partition, highestEpoch: max(facts?.highestEpoch ?? .none, partition.log.lastEpoch), record: facts?.record)
    }
    for loop in loops { loop.schema = loop.shard.newestSchema ?? loop.schema }
    journal.disk.histogram = loops[0].metrics.syncLatency
    registerGauges()
    session = CoordinatorSession(node: self, loop: loops[0].eventLoop)
    for loop in loops {
      loop.eventLoop.execute {
        let tick = TimeAmount.milliseconds(Int64(WorkerLoop.tickSeconds * 1_000))
        loop.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in loop.tick() }
      }
      loop.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(500), delay: .milliseconds(500)) { _ in self.report(loop) }
    }
  }

  var me: Member {
    let identity = directory.identity
    return Member(node: identity.node ?? NodeID(0), storage: identity.storage, incarnation: identity.incarnation)
  }

  var nodeID: NodeID? { shared.withLock { $0.node } }
  var isStopping: Bool { stopping.load(ordering: .relaxed) }

  func linkIdentity() -> LinkIdentity {
    let identity = directory.identity
    return LinkIdentity(
      cluster: identity.cluster, role: .node, name: config.name, node: identity.node, incarnation: identity.incarnation,
      storage: identity.storage, product: Product.nameAndVersion)
  }

  // MARK: Loops

  func loopIndex(of partition: PartitionID) -> Int { Int(partition.rawValue) % loops.count }

  func loop(on eventLoop: any EventLoop) -> WorkerLoop { loops.first { $0.eventLoop === eventLoop }! }

  /// The node whose primary owns a partition by `table`.
  func home(of partition: PartitionID, _ table: RoutingTable) -> NodeID? {
    table.entries.first { $0.partition == partition }?.primary
  }

  /// The journal's word, from its thread: told to the loops at most once at a time.
  func journalDurable(_ ticket: JournalTicket) {
    durableTicket.store(ticket.rawValue, ordering: .releasing)
    guard isDurableHopPending.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged else { return }
    loops[0].eventLoop.execute {
      self.isDurableHopPending.store(false, ordering: .releasing)
      let ticket = self.durableTicket.load(ordering: .acquiring)
      self.loops[0].durable(ticket)
      for loop in self.loops.dropFirst() { loop.eventLoop.execute { loop.durable(ticket) } }
    }
  }

  // MARK: Standing in the cluster

  func joined(_ node: NodeID, _ settings: ClusterSettings) {
    shared.withLock {
      $0.node = node
      $0.isJoined = true
    }
    let me = me
    for loop in loops { loop.eventLoop.execute { loop.shard.joined(as: me) } }
    logger.info("joined the cluster", metadata: ["node": "\(node)", "cluster": "\(directory.identity.cluster)"])
  }

  func learned(_ map: ClusterMap) {
    shared.withLock { $0.map = map }
    for loop in loops { loop.eventLoop.execute { loop.learned(map) } }
  }

  /// Newer hot items of lists.
  func learned(_ lists: ListCatalogue) {
    for loop in loops { loop.eventLoop.execute { loop.learned(lists) } }
  }

  /// One partition's newer record, ahead of the map that will bring it.
  func learned(_ record: PartitionRecord) {
    let loop = loops[loopIndex(of: record.id)]
    loop.eventLoop.execute { loop.learned(record) }
  }

  /// What the coordinator has been told last of this worker's health.
  func reported(_ health: HealthReport) { shared.withLock { $0.health = health } }

  /// Workers that are much slower than the others.
  func learned(limping: [NodeID]) {
    let isNews = shared.withLock { shared in
      defer { shared.limping = limping }
      return shared.limping != limping
    }
    guard isNews else { return }
    if let id = nodeID, limping.contains(id) {
      logger.warning("the coordinator finds this worker much slower than the others: it leads nothing and no commit waits for it")
    }
    for loop in loops { loop.eventLoop.execute { loop.shard.avoid(limping) } }
  }

  /// R12.
  func take(_ command: SuccessionCommand) {
    for loop in loops { loop.eventLoop.execute { loop.take(command) } }
  }

  /// R13.
  func take(_ session: TransferSession) {
    let loop = loops[loopIndex(of: session.partition)]
    loop.eventLoop.execute { loop.transfers.take(session) }
  }

  /// R12.
  func take(_ command: HandOverCommand) {
    let loop = loops[loopIndex(of: command.partition)]
    loop.eventLoop.execute { loop.take(command) }
  }

  /// The newest that this worker has heard of.
  var map: ClusterMap? { shared.withLock { $0.map } }

  func replicaReports() -> [ReplicaReport] { shared.withLock { $0.reports.values.joined().sorted { $0.partition < $1.partition } } }

  func seenRecords() -> [Join.SeenRecord] {
    directory.roles.all.compactMap { partition, bytes in
      guard let facts = try? PartitionFacts(reading: bytes.span.bytes), let record = facts.record else { return nil }
      return Join.SeenRecord(partition: partition, epoch: max(facts.highestEpoch, record.epoch), version: record.version)
    }
  }

  /// Every loop's word on what its partitions need of the journal; nil while one is missing, or at work already.
  func beginCutting() -> [(limit: UInt32, points: [(partition: PartitionID, offset: Offset)])]? {
    shared.withLock { shared in
      guard !shared.isCutting, shared.cuts.count == loops.count else { return nil }
      shared.isCutting = true
      return Array(shared.cuts.values)
    }
  }

  func changeRetired<Result>(_ body: (inout [PartitionID: Int]) -> Result) -> Result { shared.withLock { body(&$0.retired) } }

  func endCutting() { shared.withLock { $0.isCutting = false } }

  private func report(_ loop: WorkerLoop) {
    let reports = loop.shard.reports()
    let totals = loop.shard.totals
    let cuts = (limit: journal.lastSegment, points: loop.shard.cutPoints { sinks.outbox.cursor(of: $0) })
    shared.withLock {
      $0.reports[loop.index] = reports
      $0.totals[loop.index] = totals
      $0.cuts[loop.index] = cuts
    }
    guard loop.index == 0 else { return }
    reviewRetired()
    watchRoom()
  }

  private func reviewRetired() {
    let needed: Set<PartitionID>? = shared.withLock { shared in
      guard !shared.retired.isEmpty, shared.cuts.count == loops.count else { return nil }
      return Set(shared.cuts.values.flatMap(\.points).map(\.partition))
    }
    if let needed { background { self.removeRetired(besides: needed) } }
  }

  /// Why requests can't be served; nil when they can.
  var unreadiness: String? {
    let (map, node) = shared.withLock { ($0.map, $0.isJoined ? $0.node : nil) }
    return WorkerReadiness(
      node: node, map: map, loaded: loadedBundles.reported,
      serving: Set(replicaReports().lazy.filter { $0.role == .primary }.map(\.partition)),
      fullDisk: journal.hasRoom ? nil : directory.path
    ).obstacle
  }

  /// Tells the operator when the log's disk fills, and when it has room again (R15).
  private func watchRoom() {
    let hasRoom = journal.hasRoom
    guard hasRoom != hadRoom else { return }
    hadRoom = hasRoom
    let place: Logger.Metadata = ["directory": "\(directory.path)", "free_bytes": "\(diskFree())"]
    if hasRoom {
      logger.notice("the log's disk has room again: transactions are taken", metadata: place)
    } else {
      logger.warning("the log's disk is nearly full: transactions are refused until there is room", metadata: place)
    }
  }

  // MARK: Metrics

  private var totals: Shard.Totals {
    shared.withLock { shared in
      shared.totals.values.reduce(into: Shard.Totals()) { sum, part in
        sum.primaries += part.primaries
        sum.followers += part.followers
        sum.entities += part.entities
        sum.stateBytes += part.stateBytes
        sum.openIntakes += part.openIntakes
        sum.owedIntakes += part.owedIntakes
      }
    }
  }

  private func registerGauges() {
    WorkerGauges(
      journalPendingBytes: { self.journal.pendingBytes },
      partitions: {
        let totals = self.totals
        return [("primary", totals.primaries), ("follower", totals.followers)]
      },
      entities: { self.totals.entities }, stateBytes: { self.totals.stateBytes },
      exchange: {
        let totals = self.totals
        return (totals.openIntakes, totals.owedIntakes)
      },
      links: { self.shared.withLock { $0.links.map { ($0.key.description, $0.value) } } },
      bundles: { self.activeBundle.map { [.init(id: $0.id, name: $0.name)] } ?? [] }
    ).register(in: registry)
    HealthGauges(
      stalledMilliseconds: { self.journal.disk.stalledMilliseconds },
      isLimping: { self.shared.withLock { shared in shared.node.map { shared.limping.contains($0) } ?? false } },
      peers: {
        self.shared.withLock { shared in
          (shared.health?.peers ?? []).map { peer in (shared.map?.nodes.first { $0.id == peer.node }?.name ?? "\(peer.node)", peer) }
        }
      }
    ).register(in: registry)
  }

  // MARK: Links

  func leaveCoordinator() async { try? await loops[0].eventLoop.submit { self.session.close() }.get() }

  /// Takes no more of others' logs and ends the worker's own links; those that others opened end with the process.
  func closeLinks() async {
    for loop in loops {
      try? await loop.eventLoop.submit {
        loop.takesLog = false
        loop.peers.closeAll()
      }.get()
    }
  }

  func opened(_ link: Link) {
    let role = link.peer.role
    shared.withLock { $0.links[role, default: 0] += 1 }
  }

  func closed(_ role: LinkIdentity.Role) { shared.withLock { $0.links[role, default: 0] -= 1 } }

  // MARK: The end

  /// The process must end: `reason` is one line for the operator.
  func stop(because reason: String) {
    guard stopping.exchange(true, ordering: .acquiringAndReleasing) == false else { return }
    onStop(reason)
  }

  /// Lets go of what holds on to this node. For the simulator, in whose process it is not the last one.
  func dismantle() {
    loops = []
    session = nil
  }

  func beginShutdown() { stopping.store(true, ordering: .releasing) }
}
