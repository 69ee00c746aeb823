import Wire

@testable import Coordinator
@testable import Worker

enum Fault: String, CaseIterable {
  case kill, powerLoss, powerLossOfAll, pause, wipe, corrupt, failedSync, fullDisk, slowDisk
  case cutBothWays, cutOneWay, partialCut, delay, loss, reset
  case coordinatorKill, coordinatorPause, clockJump, swap
  case split, merge, abort, drain, move, handOver, rebalance, clientKill, coordinatorCut, restore, fork, listEdit
  case outage

  /// What any run may have.
  static let general = allCases.filter {
    ![.split, .merge, .abort, .drain, .move, .handOver, .rebalance, .clientKill, .coordinatorCut, .restore, .fork, .listEdit, .outage]
      .contains($0)
  }
}

/// Brings the plan's faults, and takes care that no run loses more disks than the rules can bear.
final class Nemesis {
  private unowned let cluster: Cluster
  private var isActive = false
  private(set) var done: [Fault: Int] = [:]
  private var bundle = 0
  /// Of the coordinator's store, oldest first.
  private var backups: [BackupFile] = []
  private var isRestorePending = false

  init(_ cluster: Cluster) { self.cluster = cluster }

  private var world: World { cluster.world }

  func begin() {
    isActive = !cluster.plan.faults.isEmpty
    if isActive { schedule() }
    if cluster.plan.faults.contains(.restore) { backUp() }
  }

  private func schedule() {
    world.after(cluster.plan.faultInterval / 4 + world.random.within(0...cluster.plan.faultInterval * 3 / 2), nil) { [unowned self] in
      guard isActive else { return }
      bring(world.random.pick(cluster.plan.faults.sorted { $0.rawValue < $1.rawValue }))
      schedule()
    }
  }

  /// Everything is mended.
  func end() {
    isActive = false
    world.note("the faults end")
    cluster.network.heal()
    for coordinator in cluster.coordinators {
      coordinator.process.goOn()
      coordinator.start()
    }
    for client in cluster.clients { client.start() }
    for node in cluster.checks.truth?.nodes ?? [] where node.draining { cluster.operate(.undrain(node.id)) }
    for worker in cluster.workers {
      worker.process.goOn()
      worker.process.skew = 0
      worker.disk.capacity = 64 << 20
      worker.disk.slowness = 0
      worker.disk.logSlowness = 0
      worker.disk.failingSyncs = 0
      if !worker.process.isAlive { world.after(.milliseconds(50), nil) { worker.start() } }
    }
  }

  private func bring(_ fault: Fault) {
    let worker = world.random.pick(cluster.workers)
    let coordinator = world.random.pick(cluster.coordinators)
    let long = world.random.within(.milliseconds(20)...(world.random.below(3) == 0 ? .seconds(8) : .seconds(2)))
    bring(fault, on: worker, coordinator, for: long)
  }

  private func bring(_ fault: Fault, on worker: WorkerHost, _ coordinator: CoordinatorHost, for long: UInt64) {
    var happened = true
    switch fault {
    case .kill where isVolatile && !mayLose(worker), .powerLoss where isVolatile && !mayLose(worker): return
    case .kill: happened = stop(worker, for: long) { worker.kill() }
    case .powerLoss: happened = stop(worker, for: long) { worker.kill(power: false) }
    case .powerLossOfAll:
      guard cluster.plan.settings.durability == .fsync, world.random.below(3) == 0 else { return }
      for worker in cluster.workers {
        _ = stop(worker, for: world.random.within(.milliseconds(20) ... .seconds(2))) { worker.kill(power: false) }
      }
    case .pause:
      guard worker.process.isAlive, !worker.process.isStopped else { return }
      note(fault, worker.process.name)
      worker.process.stop()
      later(long) { worker.process.goOn() }
    case .wipe:
      guard mayLose(worker) else { return }
      happened = stop(worker, for: long) {
        worker.kill()
        worker.wipe()
      }
    case .corrupt:
      guard mayLose(worker) else { return }
      worker.isTampered = true
      happened = stop(worker, for: long) {
        worker.kill()
        _ = worker.disk.corrupt(world.random.below(4) == 0 ? "/storage-" : "/journal/")
      }
    case .failedSync:
      guard mayLose(worker), worker.process.isAlive else { return }
      worker.isTampered = true
      worker.disk.failingSyncs = 1
    case .fullDisk:
      guard worker.process.isAlive else { return }
      worker.disk.capacity = worker.disk.usedBytes + world.random.below(1 << 18)
      later(long) { worker.disk.capacity = 64 << 20 }
    case .slowDisk:
      worker.disk.slowness = .milliseconds(20 + UInt64(world.random.below(400)))
      later(long) { worker.disk.slowness = 0 }
    case .cutBothWays, .cutOneWay, .partialCut: cut(fault, worker.process, for: long)
    case .delay, .loss: disturb(fault, for: long)
    case .reset:
      guard let end = (worker.process.ends.isEmpty ? nil : world.random.pick(worker.process.ends)) else { return }
      end.breakDown()
    case .coordinatorKill:
      guard coordinator.process.isAlive else { return }
      coordinator.kill()
      later(long) { coordinator.start() }
    case .coordinatorPause:
      guard coordinator.process.isAlive, !coordinator.process.isStopped else { return }
      coordinator.process.stop()
      later(long) { coordinator.process.goOn() }
    case .clockJump:
      let most = cluster.plan.scenario == .horizon ? 120_000 : 20_000
      worker.process.skew = Int64(world.random.below(most) - most * 2 / 5)
    case .outage:
      guard cluster.plan.settings.durability == .fsync else { return }
      for worker in cluster.workers { _ = stop(worker, for: .seconds(1) + long / 4) { worker.kill(power: false) } }
      // Nobody does anything meanwhile but the clients, which wait.
      world.outages += Int64(world.random.within(30_000...(world.random.below(2) == 0 ? 120_000 : 20_000_000)))
    case .swap:
      bundle = world.random.below(cluster.plan.bundles.count)
      cluster.publish(bundle)
    case .listEdit: editLists()
    case .split:
      guard let record = cluster.checks.truth?.partitions.randomElement(using: &world.random),
        cluster.checks.truth!.partitions.count < 8
      else { return }
      cluster.operate(.split(record.id, at: splitPoint(record.range)))
    case .merge:
      guard let all = cluster.checks.truth?.partitions, all.count > 1 else { return }
      let first = world.random.below(all.count - 1)
      cluster.operate(.merge(all[first].id, all[first + 1].id))
    case .abort: cluster.abortOperations()
    case .drain:
      guard let node = cluster.checks.truth?.node(named: worker.process.name)?.id else { return }
      cluster.operate(.drain(node))
      later(long) { [cluster] in cluster.operate(.undrain(node)) }
    case .handOver:
      guard let record = cluster.checks.truth?.partitions.randomElement(using: &world.random), record.isr.count > 1 else { return }
      cluster.operate(.handOver(record.id, to: world.random.pick(record.isr).node))
    case .move:
      guard let truth = cluster.checks.truth, let record = truth.partitions.randomElement(using: &world.random) else { return }
      let others = truth.nodes.map(\.id).filter { !record.replicas.contains($0) }
      guard !others.isEmpty else { return }
      cluster.operate(.move(record.id, from: world.random.pick(record.replicas), to: world.random.pick(others)))
    case .rebalance: cluster.operate(.rebalance)
    case .restore:
      guard mayRestore, !backups.isEmpty else { return }
      restore(from: world.random.pick(backups), isLost: world.random.below(2) == 0, after: long)
    case .fork:
      happened = fork(for: long)
    case .clientKill:
      let client = world.random.pick(cluster.clients)
      guard client.process.isAlive else { return }
      client.kill()
      later(long) { client.start() }
    case .coordinatorCut: cut(world.random.pick([.cutBothWays, .cutOneWay, .partialCut]), coordinator.process, for: long)
    }
    if happened { note(fault, worker.process.name) }
  }

  /// One follower gets what its primary writes, and is slow to sync it; the others don't get it; then the primary is gone. Whoever of the
  /// others is elected writes other entries in that place.
  private func fork(for long: UInt64) -> Bool {
    guard let truth = cluster.checks.truth, let record = truth.partitions.randomElement(using: &world.random), record.isr.count > 2,
      let node = record.primary?.node, let primary = host(node), primary.process.isAlive, !isVolatile || mayLose(primary)
    else { return false }
    let followers = record.isr.map(\.node).filter { $0 != node }.compactMap(host)
    guard let slow = followers.randomElement(using: &world.random) else { return false }
    slow.disk.slowness = .milliseconds(200 + UInt64(world.random.below(1_500)))
    if cluster.plan.isLogSlow {
      // Not so slow that it is taken for stalled.
      slow.disk.logSlowness = .milliseconds(100) + slow.disk.slowness / 4
      slow.disk.slowness = .milliseconds(2)
    }
    let network = cluster.network
    let others = followers.filter { $0 !== slow }
    for other in others { network[primary.process, other.process].isCut = true }
    later(.milliseconds(20) + world.random.within(0 ... .milliseconds(200))) { [unowned self] in
      let isPower = world.random.below(2) == 0
      // Another disk may have been lost meanwhile.
      if !isVolatile || mayLose(primary) { _ = stop(primary, for: long) { primary.kill(power: isPower) } }
      for other in others { network[primary.process, other.process].isCut = false }
      network.release()
    }
    later(long + .milliseconds(cluster.plan.isLogSlow ? 1_500 : 300)) {
      slow.disk.slowness = 0
      slow.disk.logSlowness = 0
    }
    return true
  }

  /// Under `replicated` a follower acknowledges what is in memory alone. It loses its power, comes back at once, and before it has been
  /// fed what it lacks, whoever feeds it is gone.
  private func forget(_ node: NodeID) {
    guard let record = cluster.checks.truth?.partitions.first(where: { $0.isr(node) != nil && $0.isr.count > 2 && $0.primary != nil }),
      let primary = host(record.primary!.node),
      let follower = record.isr.map(\.node).filter({ $0 != record.primary!.node }).compactMap(host).first,
      follower.process.isAlive, mayLose(follower)
    else { return }
    follower.disk.logSlowness = .milliseconds(400)
    later(.milliseconds(50) + world.random.within(0 ... .milliseconds(300))) { [unowned self] in
      follower.disk.logSlowness = 0
      guard isActive, mayLose(follower) else { return }
      guard stop(follower, for: .milliseconds(5), { follower.kill(power: false) }) else { return }
      let network = cluster.network
      network[primary.process, follower.process].isCut = true
      later(.milliseconds(20) + world.random.within(0 ... .milliseconds(200))) { [unowned self] in
        if isActive, mayLose(primary) { _ = stop(primary, for: .seconds(1)) { primary.kill(power: false) } }
        network[primary.process, follower.process].isCut = false
        network.release()
      }
    }
  }

  /// Mostly one item, now and then more than an entry takes; texts come again, so that items take each other's place.
  private func editLists() {
    let count = world.random.below(12) == 0 ? ListItemsRecord.itemsMax + world.random.below(200) : 1 + world.random.below(3)
    for number in 0..<count {
      let operation = ListItem.Operation.allCases[world.random.below(3)]
      let text = count > 10 ? "many-\(number)" : "card-\(world.random.below(8))"
      cluster.edit(
        EditList(
          list: "blocked", item: text, operation: count > 10 ? .add : operation,
          until: world.random.below(3) == 0 ? World.start + Int64(world.random.below(60_000)) : ListItem.never, reason: "simulated"))
    }
  }

  private func host(_ node: NodeID) -> WorkerHost? {
    guard let name = cluster.checks.truth?.node(node)?.name else { return nil }
    return cluster.workers.first { $0.process.name == name }
  }

  /// An operator takes backups now and then.
  private func backUp() {
    guard isActive else { return }
    if let cluster = try? ClusterState(self.cluster.store.snapshot).cluster, !self.cluster.checks.isRestoring {
      backups.append(BackupFile(self.cluster.store.snapshot, cluster: cluster, takenAt: 0))
      if backups.count > 4 { backups.remove(at: world.random.below(4)) }
    }
    world.after(.seconds(1) + world.random.within(0 ... .seconds(5)), nil) { [unowned self] in backUp() }
  }

  /// All coordinators end, the store goes back, and they are started again.
  private func restore(from backup: BackupFile, isLost: Bool, after long: UInt64) {
    isRestorePending = true
    for coordinator in cluster.coordinators {
      coordinator.process.goOn()
      coordinator.kill()
    }
    later(long) { [unowned self] in
      // Whoever was started meanwhile.
      for coordinator in cluster.coordinators { coordinator.kill() }
      do {
        try cluster.store.restore(backup, isLost: isLost)
      } catch {
        return world.fail("the store can't be restored: \(error)")
      }
      world.note("the store is set back to revision \(backup.contents.revision)\(isLost ? ", all else of it is lost" : "")")
      cluster.checks.changed(cluster.store.snapshot)
      for coordinator in cluster.coordinators { coordinator.start() }
      cluster.restock(bundle)
      isRestorePending = false
    }
  }

  /// Where some cards lie on each side, mostly.
  private func splitPoint(_ range: KeyRange) -> KeyHash {
    let width = range.last.rawValue - range.first.rawValue
    guard width > 1 else { return range.last }
    return KeyHash(range.first.rawValue + 1 + world.random.within(0...(width - 1)))
  }

  // MARK: Ambushes

  /// Something has happened that the rules are about. In an ambush, trouble follows at once for whoever it concerns.
  func heard(_ event: CoordinatorEvent) {
    if case .removedFromISR(let id, _, _) = event, cluster.plan.scenario == .restores { return forgetShrink(id) }
    guard isLurking else { return }
    if isVolatile, case .addedToISR(_, let node) = event, world.random.below(2) == 0 { return forget(node) }
    switch event {
    // Who is back is about to be proposed.
    case .primaryChanged(_, _, let node, _), .nodeRestarted(let node, _, _), .nodeReturned(let node, _): ambush(node)
    case .addedToISR(let id, let node), .removedFromISR(let id, let node, _):
      let primary = cluster.checks.truth?.partition(id)?.primary?.node
      ambush(world.random.below(3) > 0 ? primary ?? node : node)
    default: break
    }
  }

  /// Whoever acts by a change of the in-sync set loses its power, and the coordinator's store what it was.
  private func forgetShrink(_ id: PartitionID) {
    guard isActive, world.random.below(4) == 0, mayRestore, let backup = backups.last,
      let node = cluster.checks.truth?.partition(id)?.primary?.node, let worker = host(node)
    else { return }
    later(world.random.within(0 ... .milliseconds(8))) { [unowned self] in
      guard isActive, mayRestore else { return }
      let isDown = stop(worker, for: world.random.within(.milliseconds(20) ... .seconds(2))) { worker.kill(power: false) }
      if isDown { restore(from: backup, isLost: true, after: world.random.within(.milliseconds(20) ... .milliseconds(500))) }
    }
  }

  /// A proposal has come to the coordinator, and is not decided yet.
  func heard(_ proposal: ISRProposal) {
    guard isLurking else { return }
    ambush(world.random.below(3) > 0 ? proposal.member.node : proposal.proposer)
  }

  private var isLurking: Bool { isActive && cluster.plan.scenario == .ambush && world.random.below(3) == 0 }

  private func ambush(_ node: NodeID) {
    guard let name = cluster.checks.truth?.node(node)?.name, let worker = cluster.workers.first(where: { $0.process.name == name })
    else { return }
    let soon = world.random.within(0 ... .milliseconds([2, 10, 60][world.random.below(3)]))
    let long = world.random.within(.milliseconds(5) ... .milliseconds([40, 300, 2_500][world.random.below(3)]))
    let isEnd = world.random.below(3) == 0
    let fault = world.random.pick([Fault.kill, .powerLoss, .powerLoss, .pause, .wipe, .wipe, .cutOneWay, .coordinatorCut, .slowDisk])
    later(soon) { [unowned self] in
      guard isActive else { return }
      // Who was cut off before is back just now.
      if isEnd { cluster.network.heal() }
      if fault == .coordinatorCut { return isolate(worker.process, for: long) }
      bring(fault, on: worker, cluster.coordinators[0], for: long)
    }
  }

  /// A worker that its peers and clients reach and no coordinator does.
  private func isolate(_ victim: Process, for long: UInt64) {
    note(.coordinatorCut, victim.name)
    let ways = cluster.coordinators.flatMap { [($0.process, victim), (victim, $0.process)] }
    let some = world.random.below(3) == 0 ? [ways[world.random.below(2)]] : ways
    for (from, to) in some { cluster.network[from, to].isCut = true }
    later(long + .milliseconds(500)) { [cluster] in
      for (from, to) in some { cluster.network[from, to].isCut = false }
      cluster.network.release()
    }
  }

  /// Under `replicated` a process that dies takes its replicas with it (R6).
  private var isVolatile: Bool { cluster.plan.settings.durability == .replicated }

  private func note(_ fault: Fault, _ name: String) {
    done[fault, default: 0] += 1
    world.note("fault: \(fault.rawValue) (\(name))")
  }

  /// Mended after a while, unless everything has been before.
  private func later(_ delay: UInt64, _ body: @escaping () -> Void) { world.after(delay, nil, body) }

  private func stop(_ worker: WorkerHost, for long: UInt64, _ body: () -> Void) -> Bool {
    guard worker.process.isAlive else { return false }
    body()
    later(long) { worker.start() }
    return true
  }

  /// Whether all partitions keep an electable replica with its disk when this worker's disk is lost: one more loss than
  /// that, and what was acknowledged may be gone.
  private func mayLose(_ worker: WorkerHost) -> Bool {
    guard cluster.workers.allSatisfy({ $0 === worker || !$0.isTampered }), let truth = cluster.checks.truth else { return false }
    guard let own = truth.node(named: worker.process.name) else { return true }
    // Without the coordinator's store only min_in_sync less one may be lost before an operator has to choose. And where there are more
    // copies than need be in sync, a second loss may hit the last of those that are before the first has been noticed.
    if mayGoBack || cluster.plan.settings.replicas > 3 {
      guard lost(besides: worker).isEmpty else { return false }
    }
    return survive(truth.partitions, truth, without: own) && (!mayGoBack || survive(told(truth, but: worker), truth, without: own))
  }

  /// The store has gone back, or is about to, and what the workers were not told is forgotten: an in-sync set may be a smaller one again.
  private var mayGoBack: Bool { isRestorePending || cluster.checks.isRestoring }

  /// The partitions as the workers were told of them whose disks stay, which is what a restored store goes by.
  private func told(_ truth: ClusterState, but worker: WorkerHost? = nil) -> [PartitionRecord] {
    let records = cluster.workers.filter { $0 !== worker && !$0.isTampered }.flatMap(\.recordsOnDisk)
    return truth.partitions.map { record in records.filter { $0.id == record.id }.max { $0.version < $1.version } ?? record }
  }

  /// Whether the store may go back now, with what is lost already.
  private var mayRestore: Bool {
    guard !isRestorePending, lost().count < cluster.plan.settings.minInSync, let truth = cluster.checks.truth else { return false }
    let told = told(truth)
    return lost().allSatisfy { worker in truth.node(named: worker.process.name).map { survive(told, truth, without: $0) } ?? true }
  }

  private func survive(_ records: [PartitionRecord], _ truth: ClusterState, without own: NodeRecord) -> Bool {
    records.allSatisfy { record in
      let others = (record.isr + record.eligible).filter { $0.node != own.id }
      return others.contains { member in
        guard let node = truth.node(member.node), let other = cluster.workers.first(where: { $0.process.name == node.name }) else {
          return false
        }
        return other.storage == member.storage
          && (cluster.plan.settings.durability == .fsync || (other.process.isAlive && other.node?.me.incarnation == member.incarnation))
      }
    }
  }

  /// Workers whose disk is not the one that some record names, be it one that a restore would go by, or is about to be given up.
  private func lost(besides worker: WorkerHost? = nil) -> [WorkerHost] {
    guard let truth = cluster.checks.truth else { return [] }
    let members = (truth.partitions + told(truth, but: worker)).flatMap { $0.isr + $0.eligible }
    return cluster.workers.filter { other in
      guard other !== worker else { return false }
      return other.isTampered || members.contains { host($0.node) === other && $0.storage != other.storage }
    }
  }

  // MARK: Network

  private func cut(_ fault: Fault, _ victim: Process, for long: UInt64) {
    let network = cluster.network
    var pairs: [(Process, Process)] = []
    let others = network.processes.filter { $0 !== victim }
    switch fault {
    case .cutBothWays: for other in others { pairs += [(victim, other), (other, victim)] }
    case .cutOneWay:
      let isDeaf = world.random.below(2) == 0
      for other in others { pairs.append(isDeaf ? (other, victim) : (victim, other)) }
    default:
      for other in others where world.random.below(2) == 0 {
        if world.random.below(3) > 0 { pairs.append((victim, other)) }
        if world.random.below(3) > 0 { pairs.append((other, victim)) }
      }
    }
    for (from, to) in pairs { network[from, to].isCut = true }
    later(long) {
      for (from, to) in pairs { network[from, to].isCut = false }
      network.release()
    }
  }

  private func disturb(_ fault: Fault, for long: UInt64) {
    let network = cluster.network
    let from = world.random.pick(network.processes)
    let delay: UInt64 = .milliseconds(1 + UInt64(world.random.below(300)))
    let loss = 1 + Double(world.random.below(30))
    for to in network.processes where to !== from {
      for (a, b) in [(from, to), (to, from)] {
        if fault == .delay { network[a, b].extraDelay = delay } else { network[a, b].loss = loss }
      }
    }
    later(long) {
      for to in network.processes where to !== from {
        for (a, b) in [(from, to), (to, from)] {
          network[a, b].extraDelay = 0
          network[a, b].loss = 0
        }
      }
    }
  }
}
