import Wire

@testable import Coordinator

/// One seed's run: four workers, one partition with three copies that move about, minISR 2.
final class RandomRun {
  /// A worker's process and disk.
  struct Worker {
    var name: String
    var storage: UInt64
    var incarnation: UInt64 = 1
    var isUp = true
    /// Entries of the one committed history that its log holds.
    var held = 0
    /// Of those, how many survive a crash.
    var durable = 0
    /// The highest epoch that it has seen (R3).
    var seen = Epoch.none
    /// As primary: the record it acts by, and the member it has proposed.
    var view: PartitionRecord?
    var proposed: Member?
  }

  let cluster: TestCluster
  let durability: Durability
  var workers: [Worker]
  /// Entries acknowledged to clients.
  var acknowledged = 0
  var trace: [String] = []
  private(set) var problem: String?
  private var random: SplitMix
  private var lastRecord: PartitionRecord?
  private var primaries: [Epoch: Member] = [:]

  init(seed: UInt64, durability: Durability) {
    self.durability = durability
    random = SplitMix(state: seed)
    cluster = TestCluster(workers: 3, durability: durability) { $0.settleMilliseconds = 1_000 }
    cluster.join("w4")
    workers = (1...4).map { Worker(name: "w\($0)", storage: UInt64($0)) }
    check()
  }

  func step() {
    let index = Int(random.next() % 4)
    switch random.next() % 18 {
    case 0: crash(index)
    case 1: wipe(index)
    case 2, 3: start(index)
    case 4, 5: learn(index)
    case 6, 7, 8: commit(index)
    case 9, 10: proposeExpansion(index)
    case 11: proposeRemoval(index)
    case 12: loseConnection(index)
    case 13: store()
    case 14: cluster.pass(Int64(random.next() % 100), beating: upNames)
    case 15: operate(index)
    case 16: cluster.answersHandOvers.toggle()
    default: if random.next() % 8 == 0 { cluster.restartCoordinator(after: 100) } else { cluster.pass(700, beating: upNames) }
    }
    check()
  }

  /// Everybody comes back, nothing fails any more: the cluster must commit again if an electable replica is left.
  func heal() -> String? {
    cluster.commitsAtOnce = true
    cluster.answersHandOvers = true
    for operation in cluster.core.state.openOperations {
      cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(operation.id)))
    }
    if cluster.pending != nil { cluster.flush() }
    for index in workers.indices { workers[index].isUp ? rejoin(index) : start(index) }
    for _ in 0..<60 {
      cluster.pass(100, beating: upNames)
      for index in workers.indices {
        learn(index)
        proposeExpansion(index)
      }
      check()
      if let problem { return problem }
    }
    if cluster.record.isr.isEmpty, cluster.record.eligible.isEmpty { return nil }
    let before = acknowledged
    for index in workers.indices { commit(index) }
    return acknowledged > before ? nil : "nothing commits: \(cluster.record), workers \(workers)"
  }

  private var upNames: [String] { workers.filter(\.isUp).map(\.name) }

  // MARK: What happens to workers

  private func crash(_ index: Int) {
    guard workers[index].isUp else { return }
    note("\(workers[index].name) crashes")
    workers[index].isUp = false
    workers[index].view = nil
    workers[index].proposed = nil
    workers[index].held = durability == .replicated ? 0 : workers[index].durable
    workers[index].durable = workers[index].held
    switch random.next() % 3 {
    case 0: cluster.kill(workers[index].name)
    case 1: cluster.close(workers[index].name)
    default: break  // the coordinator hears nothing
    }
  }

  private func wipe(_ index: Int) {
    guard !workers[index].isUp else { return }
    note("\(workers[index].name) loses its disk")
    workers[index].storage += 10
    workers[index].held = 0
    workers[index].durable = 0
    workers[index].seen = .none
    workers[index].incarnation = 0
  }

  private func start(_ index: Int) {
    guard !workers[index].isUp else { return }
    workers[index].incarnation += 1
    workers[index].isUp = true
    note("\(workers[index].name) starts as i\(workers[index].incarnation) on disk \(workers[index].storage)")
    rejoin(index)
  }

  private func rejoin(_ index: Int) {
    let worker = workers[index]
    // The old connection is found closed before a new one is taken for another worker's.
    if let old = cluster.sessions[worker.name] { cluster.step(.closed(old)) }
    cluster.join(worker.name, storage: worker.storage, incarnation: worker.incarnation)
  }

  private func loseConnection(_ index: Int) {
    guard workers[index].isUp else { return }
    note("\(workers[index].name) loses its connection")
    cluster.close(workers[index].name)
    if random.next() % 2 == 0 { rejoin(index) }
  }

  private func store() {
    if cluster.pending != nil {
      cluster.flush()
    } else {
      cluster.commitsAtOnce.toggle()
      note("the store is \(cluster.commitsAtOnce ? "quick" : "slow")")
    }
  }

  /// An operator at work.
  private func operate(_ index: Int) {
    let node = NodeID(UInt32(index + 1))
    let other = NodeID(UInt32(random.next() % 4 + 1))
    let request: OperationRequest
    switch random.next() % 7 {
    case 0: request = .drain(node)
    case 1: request = .undrain(node)
    case 2: request = .remove(node)
    case 3: request = .handOver(PartitionID(1), to: node)
    case 4:
      guard let open = cluster.core.state.openOperations.last else { return }
      note("operation \(open.id) is given up")
      return cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(open.id)))
    default: request = .move(PartitionID(1), from: node, to: other)
    }
    if cluster.start(request) != nil { note("an operator asks for \(request)") }
  }

  // MARK: Replication, as far as the coordinator depends on it

  private func me(_ index: Int) -> Member {
    let worker = workers[index]
    let node = NodeID(UInt32(index + 1))
    return Member(node: node, storage: TestCluster.storage(worker.storage), incarnation: Incarnation(worker.incarnation))
  }

  /// R1: a role is assumed from a committed record that names node, disk and process.
  private func learn(_ index: Int) {
    guard workers[index].isUp else { return }
    let record = cluster.record
    if !record.replicas.contains(NodeID(UInt32(index + 1))) {
      // Its copy goes; what it has seen stays.
      workers[index].held = 0
      workers[index].durable = 0
      workers[index].view = nil
      workers[index].proposed = nil
      workers[index].seen = max(workers[index].seen, record.epoch)
      return
    }
    if record.primary == me(index), record.epoch > workers[index].seen {
      guard workers[index].held == acknowledged else {
        return problem = "\(workers[index].name) leads \(record.epoch) and lacks acknowledged entries"
      }
      workers[index].seen = record.epoch
      workers[index].view = record
      workers[index].proposed = nil
      note("\(workers[index].name) leads \(record.epoch)")
    } else if let view = workers[index].view, record.version > view.version {
      workers[index].view = record.epoch == view.epoch ? record : nil
      workers[index].proposed = nil
    }
  }

  /// R4: every member of the maximal ISR holds it, by the storage named. An older primary may act until it hears (R10).
  private func commit(_ index: Int) {
    guard workers[index].isUp, let view = workers[index].view, view.isr.count >= 2 else { return }
    let needed = view.isr + [workers[index].proposed].compactMap { $0 }
    guard needed.allSatisfy({ reaches($0, view.epoch) }) else { return }
    guard workers[index].held == acknowledged else { return }
    acknowledged += 1
    for member in needed {
      let holder = Int(member.node.rawValue) - 1
      workers[holder].held = acknowledged
      workers[holder].durable = acknowledged
      workers[holder].seen = max(workers[holder].seen, view.epoch)
    }
    note("\(workers[index].name) commits entry \(acknowledged) in \(view.epoch) on \(needed)")
  }

  private func reaches(_ member: Member, _ epoch: Epoch) -> Bool {
    let holder = Int(member.node.rawValue) - 1
    let worker = workers[holder]
    return worker.isUp && worker.seen <= epoch && me(holder).holdsSameData(as: member, durability)
  }

  private func proposeExpansion(_ index: Int) {
    guard workers[index].isUp, let view = workers[index].view else { return }
    if let proposed = workers[index].proposed { return send(.add, proposed, view, from: index) }  // the answer may be lost
    let candidates = workers.indices.filter { other in
      view.replicas.contains(NodeID(UInt32(other + 1)))
        && view.isr(NodeID(UInt32(other + 1)))?.holdsSameData(as: me(other), durability) != true && reaches(me(other), view.epoch)
    }
    guard let chosen = candidates.first else { return }
    // It catches up first (R9); what it holds then includes everything acknowledged.
    guard workers[index].held == acknowledged else { return }
    workers[chosen].held = acknowledged
    workers[chosen].durable = acknowledged
    workers[chosen].seen = view.epoch
    workers[index].proposed = me(chosen)
    note("\(workers[index].name) proposes to add \(me(chosen)) on \(view.version)")
    send(.add, me(chosen), view, from: index)
  }

  private func proposeRemoval(_ index: Int) {
    guard workers[index].isUp, let view = workers[index].view, let victim = view.isr.first(where: { $0 != view.primary }) else { return }
    note("\(workers[index].name) asks to remove \(victim) on \(view.version)")
    send(.remove, victim, view, from: index)
  }

  private func send(_ change: ISRProposal.Change, _ member: Member, _ view: PartitionRecord, from index: Int) {
    guard let session = cluster.sessions[workers[index].name] else { return }
    let proposal = ISRProposal(
      partition: view.id, epoch: view.epoch, version: view.version, proposer: me(index).node,
      proposerIncarnation: me(index).incarnation, change: change, member: member)
    cluster.step(.request(session, correlation: 3, .propose(proposal)))
  }

  // MARK: What must hold

  private func check() {
    guard problem == nil, !cluster.core.state.partitions.isEmpty else { return }
    problem = cluster.core.state.map.problem ?? recordProblem(cluster.record) ?? commitProblem(cluster.record)
    lastRecord = cluster.record
  }

  private func recordProblem(_ record: PartitionRecord) -> String? {
    if let last = lastRecord {
      if record.version < last.version || record.epoch < last.epoch { return "version or epoch fell: \(last), \(record)" }
      if record != last, record.version == last.version { return "a record changed under one version" }
    }
    if let primary = record.primary {
      if let other = primaries[record.epoch], other != primary { return "\(record.epoch) has two primaries" }
      primaries[record.epoch] = primary
    }
    if record.isr.count >= 2, !record.eligible.isEmpty { return "former members stay electable with enough in sync" }
    for member in record.isr + record.eligible where cluster.core.state.node(member.node)?.storage != member.storage {
      return "\(member) is electable with another disk than the one on record"
    }
    return nil
  }

  /// Commit set inside the electable set: whoever may be elected as it stands, if it is the storage on record, holds all.
  private func commitProblem(_ record: PartitionRecord) -> String? {
    for member in record.isr + record.eligible {
      let holder = Int(member.node.rawValue) - 1
      // A process that is gone never comes back as itself; what it held in memory counts no more.
      guard me(holder).holdsSameData(as: member, durability), workers[holder].isUp || durability == .fsync else { continue }
      if workers[holder].held < acknowledged {
        return "\(workers[holder].name) is electable and holds \(workers[holder].held) of \(acknowledged) acknowledged entries"
      }
    }
    return nil
  }

  private func note(_ line: String) {
    trace.append("\(line) [\(cluster.record.epoch) \(cluster.record.version) ISR \(cluster.record.isr)]")
  }
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
