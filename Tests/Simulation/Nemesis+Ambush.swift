import Wire

@testable import Coordinator
@testable import Worker

/// What needs its moment: trouble right behind an event for whoever it concerns, and a log that forks.
extension Nemesis {
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
  func forgetShrink(_ id: PartitionID) {
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

  var isLurking: Bool { isActive && cluster.plan.scenario == .ambush && world.random.below(3) == 0 }

  func ambush(_ node: NodeID) {
    guard let worker = host(node) else { return }
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

  /// One follower gets what its primary writes, and is slow to sync it; the others don't get it; then the primary is gone. Whoever of the
  /// others is elected writes other entries in that place.
  func fork(for long: UInt64) -> Bool {
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
  func forget(_ node: NodeID) {
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
}
