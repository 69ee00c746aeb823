import Wire

@testable import Coordinator
@testable import Worker

/// Brings the plan's faults, and takes care that no run loses more disks than the rules can bear.
final class Nemesis {
  unowned let cluster: Cluster
  private(set) var isActive = false
  private(set) var done: [Fault: Int] = [:]
  private var bundle = 0
  /// Of the coordinator's store, oldest first.
  private(set) var backups: [BackupFile] = []
  private(set) var isRestorePending = false

  init(_ cluster: Cluster) { self.cluster = cluster }

  var world: World { cluster.world }

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

  func bring(_ fault: Fault, on worker: WorkerHost, _ coordinator: CoordinatorHost, for long: UInt64) {
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

  func host(_ node: NodeID) -> WorkerHost? {
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
  func restore(from backup: BackupFile, isLost: Bool, after long: UInt64) {
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

  /// Under `replicated` a process that dies takes its replicas with it (R6).
  var isVolatile: Bool { cluster.plan.settings.durability == .replicated }

  func note(_ fault: Fault, _ name: String) {
    done[fault, default: 0] += 1
    world.note("fault: \(fault.rawValue) (\(name))")
  }

  /// Mended after a while, unless everything has been before.
  func later(_ delay: UInt64, _ body: @escaping () -> Void) { world.after(delay, nil, body) }

  func stop(_ worker: WorkerHost, for long: UInt64, _ body: () -> Void) -> Bool {
    guard worker.process.isAlive else { return false }
    body()
    later(long) { worker.start() }
    return true
  }
}
