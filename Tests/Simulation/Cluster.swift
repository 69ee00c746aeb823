import Logging
import NIOCore
import Wire

@testable import Coordinator
@testable import Wire
@testable import Worker

/// One run: a cluster with its clients, its troubles and its checks.
final class Cluster {
  nonisolated(unsafe) static var current: Cluster!
  static let id = ClusterID(high: 1, low: 1)

  /// What the run went through, so that one that meets nothing is seen.
  struct Counts {
    var failovers = 0, shrinks = 0, expansions = 0, stripped = 0, refused = 0, successions = 0, abandoned = 0, leaderships = 0

    mutating func note(_ event: CoordinatorEvent) {
      switch event {
      case .primaryChanged: failovers += 1
      case .removedFromISR: shrinks += 1
      case .addedToISR: expansions += 1
      case .storageReplaced: stripped += 1
      case .proposalRefused: refused += 1
      case .partitionsReplaced: successions += 1
      case .operationEnded(_, _, let state, _) where state != .finished: abandoned += 1
      default: break
      }
    }
  }

  let world: World
  let plan: Plan
  let network: Network
  let store = Store()
  private(set) var coordinators: [CoordinatorHost] = []
  private(set) var workers: [WorkerHost] = []
  private(set) var clients: [ClientHost] = []
  private(set) var checks: Checks!
  private(set) var nemesis: Nemesis!
  let sinks: Sinks
  let linkOptions: LinkOptions
  var counts = Counts()
  var stops = 0
  var answers = 0

  init(seed: UInt64, scenario: Scenario? = nil, isVerbose: Bool = false) {
    world = World(seed: seed)
    world.isVerbose = isVerbose
    World.current = world
    Blocking.host = world.threads
    SystemClock.simulated = ({ World.current.now }, { World.current.wall })
    plan = Plan(&world.random, seed: seed, scenario: scenario)
    network = Network(world)
    sinks = Sinks(world)
    linkOptions = LinkOptions(logger: Logger(label: "link") { _ in SwiftLogNoOpLogHandler() })
    Cluster.current = self
    checks = Checks(self)
    let number = plan.coordinators
    coordinators = (0..<number).map { CoordinatorHost(self, network.add(number == 1 ? "coordinator" : "coordinator-\($0 + 1)"), store) }
    workers = (0..<plan.workers).map { WorkerHost(self, network.add("worker-\($0 + 1)")) }
    clients = (0..<2).map { ClientHost(self, network.add("client-\($0 + 1)")) }
    if number > 1 {
      store.process = network.add("store")
      store.process!.start()
    }
    nemesis = Nemesis(self)
  }

  func logger(_ name: String) -> Logger {
    let isVerbose = world.isVerbose
    return Logger(label: name) { _ -> any LogHandler in
      if isVerbose { return Notes(self.world) }
      return SwiftLogNoOpLogHandler()
    }
  }

  // MARK: The run

  /// A start, a time of troubles, a time to heal. Returns what is wrong, or nil.
  func run() -> String? {
    world.note("\(plan)")
    for coordinator in coordinators { coordinator.start() }
    for worker in workers {
      world.after(world.random.within(0 ... .milliseconds(300)), nil) { worker.start() }
    }
    publish(0)
    for client in clients { client.start() }
    checks.start()
    let begin = world.now
    wait(.seconds(20), "the cluster serves for the first time") { self.isWhole && self.answers > 0 }
    nemesis.begin()
    world.run(until: world.now + plan.troubled)
    nemesis.end()
    checks.heal(since: begin)
    end()
    return world.violation
  }

  /// Lets time pass until `isSo`; that it is so at last is an invariant too.
  func wait(_ most: UInt64, _ what: String, _ isSo: () -> Bool) {
    let end = world.now + most
    while world.violation == nil, !isSo() {
      guard world.now < end else { return world.fail("within \(most / 1_000_000_000) s it does not come true that \(what): \(situation)") }
      world.run(until: min(end, world.now + .milliseconds(100)))
    }
  }

  /// Every partition is served and fully replicated.
  var isWhole: Bool {
    guard let truth = checks.truth, !truth.partitions.isEmpty, !checks.isRestoring else { return false }
    return truth.partitions.allSatisfy { record in
      record.isr.count >= copies(record.id) && record.primary.map { serves($0, record.id) } == true
    }
  }

  /// How many must be in sync at rest: a copy that missed the birth of a successor can't be made yet (R13).
  func copies(_ id: PartitionID) -> Int {
    id.rawValue <= plan.partitions ? plan.settings.replicas : plan.settings.minInSync
  }

  func worker(_ node: NodeID) -> WorkerHost? { workers.first { $0.node?.nodeID == node } }

  private func serves(_ member: Member, _ id: PartitionID) -> Bool {
    worker(member.node)?.partitions.first { $0.id == id }?.replica.isServing == true
  }

  var situation: String {
    var lines = workers.map { worker in
      "\(worker.process.name) \(worker.process.isAlive ? worker.process.isStopped ? "stopped" : "up" : "down (\(worker.stopReason))")"
    }
    for record in checks.truth?.partitions ?? [] {
      lines.append(
        "\(record.id) \(record.version) \(record.epoch) primary \(record.primary?.node, default: "none") isr \(record.isr.map(\.node)) eligible \(record.eligible.map(\.node)) replicas \(record.replicas)"
      )
    }
    for worker in workers {
      for partition in worker.partitions { lines.append("\(worker.process.name) \(Self.text(partition))") }
    }
    for record in checks.truth?.openOperations ?? [] { lines.append("\(record.id) \(record.request) \(record.state) \(record.note)") }
    for client in clients { lines.append("\(client.process.name) waits for \(client.outstanding) of \(client.rows.count)") }
    return lines.joined(separator: "; ")
  }

  @inline(never) private static func text(_ partition: Partition) -> String {
    let epoch = partition.replica.primaryEpoch
    let role = epoch == nil ? "follower" : partition.replica.isServing ? "serves" : "leads, and does not serve"
    let end = partition.replica.log.end
    let durable = partition.replica.durableEnd
    let commit = partition.replica.commit
    return
      "\(partition.id) \(role), highest \(partition.replica.highestEpoch), end \(end) durable \(durable) commit \(commit) applied \(partition.state.applied)"
  }

  /// The operator gives the coordinator a bundle and has it activated.
  func publish(_ index: Int) {
    let made = plan.bundles[index]
    ask(.publish(PublishBundle(bundle: made.bundle.id, step: .storeAndActivate, contents: made.archive)))
  }

  /// After a restore of the store: what was published since the backup is published again, with the bundle that is to decide.
  func restock(_ index: Int) {
    guard !checks.isRestoring, let truth = checks.truth else {
      return world.after(.milliseconds(200), nil) { [unowned self] in restock(index) }.ignore()
    }
    let missing = plan.bundles.filter { !truth.bundles.contains($0.bundle.id) }
    for made in missing { ask(.publish(PublishBundle(bundle: made.bundle.id, step: .store, contents: made.archive))) }
    if missing.isEmpty { return publish(index) }
    world.after(.milliseconds(500), nil) { [unowned self] in restock(index) }
  }

  /// The operator begins an operation.
  func operate(_ request: OperationRequest) {
    ask(.startOperation(StartOperation(request, isDryRun: false, token: world.random.next()), by: "operator"))
  }

  /// The operator has a hot item put in or taken out of a list.
  func edit(_ edit: EditList) { ask(.editList(edit, by: "operator")) }

  /// The operator gives up whatever is under way.
  func abortOperations() {
    for record in checks.truth?.openOperations ?? [] { ask(.abortOperation(record.id)) }
  }

  private func ask(_ request: CoordinatorRequest) {
    world.after(.milliseconds(50), nil) { [unowned self] in
      guard coordinators.contains(where: { $0.leads && !$0.process.isStopped }) else {
        // There is nobody to ask yet.
        if plan.coordinators > 1 { ask(request) }
        return
      }
      if checks.isRestoring { return ask(request) }
      for coordinator in coordinators where coordinator.leads {
        world.run(as: coordinator.process) { coordinator.take(.request(SessionID(0), correlation: 0, request)) }
      }
    }
  }

  /// Ends every process, so that nothing of the run is left.
  private func end() {
    for worker in workers { worker.kill() }
    for coordinator in coordinators { coordinator.kill() }
    for client in clients { client.end() }
    world.end()
  }
}

/// A program's log lines among the simulator's own.
struct Notes: LogHandler {
  let world: World
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info

  init(_ world: World) { self.world = world }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(
    level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata?, source: String, file: String, function: String, line: UInt
  ) {
    world.note("[\(level)] \(message) \(metadata ?? [:])")
  }
}
