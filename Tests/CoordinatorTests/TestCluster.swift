import Testing
import Wire

@testable import Coordinator

/// A coordinator's core with a store in memory and a clock that is moved by hand.
final class TestCluster {
  var core: CoordinatorCore
  var store: MetadataSnapshot
  var now: Int64 = 1_000_000
  /// What was done since it was last taken, in order; commits and reloads are carried out, not listed.
  var actions: [CoordinatorAction] = []
  /// False: transactions stay with the store until `flush`.
  var commitsAtOnce = true
  /// A transaction that the store has not answered.
  var pending: (id: TransactionID, transaction: MetadataTransaction)?
  /// Primaries drain at once when they are asked to hand over.
  var answersHandOvers = true
  var nextSession: UInt64 = 1
  /// Workers whose disks have no room.
  var full: Set<String> = []
  var sessions: [String: SessionID] = [:]
  let policy: CoordinatorPolicy

  private var lastToken: UInt64 = 1_000_000

  static let id = ClusterID(high: 7, low: 9)

  init(
    workers: Int = 0, replicas: Int = 3, minInSync: Int = 2, partitions: Int = 1, durability: Durability = .fsync,
    zones: [String] = [], change: (inout CoordinatorPolicy) -> Void = { _ in }
  ) {
    var policy = CoordinatorPolicy(
      settings: ClusterSettings(replicas: replicas, minInSync: minInSync, durability: durability, leaseMilliseconds: 3_000),
      partitions: partitions,
      expectedWorkers: max(workers, minInSync))
    change(&policy)
    self.policy = policy
    store = MetadataSnapshot()
    store.apply(ClusterState.founding(ClusterRecord(id: Self.id, name: "test"), policy.settings))
    core = CoordinatorCore(try! ClusterState(store), policy, now: now)
    for number in 1...max(workers, 1) where workers > 0 {
      join("w\(number)", zone: zones.isEmpty ? "" : zones[(number - 1) % zones.count])
    }
    actions = []
  }

  // MARK: Inputs

  func step(_ input: CoordinatorInput) {
    var inputs = [input]
    while !inputs.isEmpty {
      var out: [CoordinatorAction] = []
      core.step(inputs.removeFirst(), now: now, &out)
      for action in out {
        switch action {
        case .commit(let id, let transaction):
          precondition(pending == nil, "one transaction at a time")
          pending = (id, transaction)
          if commitsAtOnce { inputs.append(storeAnswer()) }
        case .send(let session, _, .handOver(let command)):
          actions.append(action)
          if answersHandOvers, command.action == .pause, let primary = core.state.partition(command.partition)?.primary {
            inputs.append(.request(session, correlation: 0, .handOver(Self.report(.drained, command, by: primary))))
          }
        case .reload: inputs.append(.reloaded(try! ClusterState(store)))
        default: actions.append(action)
        }
      }
    }
  }

  static func report(_ state: HandOverReport.State, _ command: HandOverCommand, by primary: Member) -> HandOverReport {
    HandOverReport(member: primary, partition: command.partition, version: command.version, state: state, pausedMilliseconds: 12)
  }

  /// The store carries the pending transaction out, or refuses it.
  func storeAnswer() -> CoordinatorInput {
    let (id, transaction) = pending!
    pending = nil
    guard store.admits(transaction) else { return .refused(id) }
    store.apply(transaction)
    return .committed(id, revision: store.revision)
  }

  func flush() { step(storeAnswer()) }

  /// Time passes in ticks of 20 ms, with heartbeats of `beating`.
  func pass(_ milliseconds: Int64, beating: [String] = []) {
    for elapsed in stride(from: 0, to: milliseconds, by: 20) {
      now += 20
      if elapsed % 500 == 0 { for name in beating { beat(name) } }
      step(.tick)
    }
  }

  @discardableResult
  func join(
    _ name: String, storage: UInt64? = nil, incarnation: UInt64 = 1, intactSince: UInt64? = nil, zone: String = "",
    cluster: ClusterID = .none, seen: [Join.SeenRecord] = []
  ) -> SessionID {
    let session = SessionID(nextSession)
    nextSession += 1
    sessions[name] = session
    let join = Join(
      cluster: cluster, name: name, address: "\(name):7101", zone: zone,
      storage: Self.storage(storage ?? UInt64(name.dropFirst())!), incarnation: Incarnation(incarnation),
      intactSince: Incarnation(intactSince ?? incarnation), seen: seen)
    step(.request(session, correlation: 1, .join(join)))
    return session
  }

  func beat(_ name: String, bundles: [BundleID] = [], problem: String = "", replicas: [ReplicaReport] = []) {
    guard let node = core.state.node(named: name), let session = sessions[name] else { return }
    let heartbeat = Heartbeat(
      node: node.id, incarnation: node.incarnation, map: MapVersion(core.state.revision), bundles: bundles,
      bundleProblem: problem, diskFree: full.contains(name) ? 0 : 1 << 30, replicas: replicas)
    step(.request(session, correlation: 2, .heartbeat(heartbeat)))
  }

  func close(_ name: String) { step(.closed(sessions[name]!)) }

  /// The process is killed: its connection closes, and a probe finds nobody.
  func kill(_ name: String) {
    close(name)
    step(.tick)
    step(.probed(node(name), .refused))
  }

  func propose(
    _ change: ISRProposal.Change, _ member: Member, from primary: String, version: RecordVersion? = nil, epoch: Epoch? = nil,
    partition: PartitionID = PartitionID(1)
  ) {
    let record = core.state.partition(partition)!
    let proposer = core.state.node(named: primary)!
    let proposal = ISRProposal(
      partition: partition, epoch: epoch ?? record.epoch, version: version ?? record.version, proposer: proposer.id,
      proposerIncarnation: proposer.incarnation, change: change, member: member)
    step(.request(sessions[primary]!, correlation: 3, .propose(proposal)))
  }

  /// Another process of the coordinator on the same store.
  func restartCoordinator(after milliseconds: Int64 = 0) {
    now += milliseconds
    pending = nil
    core = CoordinatorCore(try! ClusterState(store), policy, now: now)
    step(.tick)
  }

  /// Begins an operation; nil if it was refused.
  @discardableResult
  func start(_ request: OperationRequest, by requester: String = "tester", token: UInt64? = nil) -> OperationID? {
    lastToken += 1
    let start = StartOperation(request, isDryRun: false, token: token ?? lastToken)
    let before = actions.count
    step(.request(SessionID(900), correlation: 5, .startOperation(start, by: requester)))
    for action in actions[before...] {
      if case .send(_, 5, .operationStarted(let started)) = action { return started.record?.id }
    }
    return nil
  }

  // MARK: Looking

  static func storage(_ number: UInt64) -> StorageID { StorageID(high: 0x57, low: number) }

  func node(_ name: String) -> NodeID { core.state.node(named: name)!.id }
  func member(_ name: String) -> Member { core.state.node(named: name)!.member }
  var record: PartitionRecord { core.state.partitions[0] }
  var primaryName: String? { record.primary.map { core.state.node($0.node)!.name } }
  func names(_ members: [Member]) -> [String] { members.map { core.state.node($0.node)!.name } }
  var isr: [String] { names(record.isr) }
  var eligible: [String] { names(record.eligible) }

  func takeActions() -> [CoordinatorAction] {
    defer { actions = [] }
    return actions
  }

  /// Answers sent since the last look, but for maps.
  func takeAnswers() -> [CoordinatorAnswer] {
    takeActions().compactMap { action in
      guard case .send(_, _, let answer) = action else { return nil }
      if case .map = answer { return nil }
      return answer
    }
  }

  func takeFailure() -> Failure? {
    takeAnswers().compactMap { if case .failure(let failure) = $0 { failure } else { nil } }.last
  }

  func takeOutcome() -> ISRAnswer? {
    takeAnswers().compactMap { if case .proposal(let answer) = $0 { answer } else { nil } }.last
  }

  func takeOperations() -> [OperationRecord] {
    var records: [OperationRecord] = []
    for case .operations(let operations) in takeAnswers() { records += operations.records }
    return records
  }

  func takeMaps() -> [ClusterMap] {
    takeActions().compactMap { if case .send(_, _, .map(let map)) = $0 { map } else { nil } }
  }
}
