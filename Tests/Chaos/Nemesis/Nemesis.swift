import Client
import Glibc
import Wire

/// Does one fault after the other to a cluster, as its seed has it.
struct Nemesis {
  let cluster: Cluster
  let clock: RunClock
  private var random: JitterGenerator
  private let kinds: [FaultKind]
  private var bag: [FaultKind] = []

  init(_ cluster: Cluster, kinds: [FaultKind], seed: UInt64, clock: RunClock) {
    self.cluster = cluster
    self.kinds = kinds
    self.clock = clock
    random = JitterGenerator(seed: seed)
  }

  /// Every kind comes once before any comes again.
  mutating func nextKind() -> FaultKind {
    if bag.isEmpty { bag = kinds.shuffled(using: &random) }
    return bag.removeLast()
  }

  /// Does it, keeps it up, undoes it.
  mutating func strike(_ kind: FaultKind) async throws -> Fault {
    let worker = cluster.workers.randomElement(using: &random)!
    // The one that leads, more often than not.
    let coordinator = Bool.random(using: &random) ? cluster.leader : cluster.coordinators.randomElement(using: &random)!
    var fault = Fault(kind: kind, target: worker.name, began: ClientClock.nanoseconds())
    switch kind {
    case .killWorker:
      worker.kill9()
      try await clock.sleep(Int.random(in: 2_000...5_000, using: &random))
      try worker.start()
    case .pauseWorker:
      worker.signal(SIGSTOP)
      try await clock.sleep(Int.random(in: 6_000...9_000, using: &random))
      worker.signal(SIGCONT)
    case .killCoordinator:
      fault.target = coordinator.name
      coordinator.kill9()
      try await clock.sleep(Int.random(in: 2_000...5_000, using: &random))
      try coordinator.start()
    case .pauseCoordinator:
      fault.target = coordinator.name
      coordinator.signal(SIGSTOP)
      try await clock.sleep(Int.random(in: 6_000...9_000, using: &random))
      coordinator.signal(SIGCONT)
    case .killAll:
      fault.target = "all"
      for server in cluster.servers { server.kill9() }
      try await clock.sleep(Int.random(in: 500...2_000, using: &random))
      try cluster.start()
    case .cutOff:
      let others = everybody(but: [worker.host])
      try cluster.network.drop(from: others, into: worker.host)
      try await hold(others: [worker.host])
    case .cutIn:
      try cluster.network.drop(from: everybody(but: [worker.host]), into: worker.host)
      try await hold(others: [worker.host])
    case .cutOut:
      let others = everybody(but: [worker.host])
      for host in others { try cluster.network.drop(from: [worker.host], into: host) }
      try await hold(others: others)
    case .cutPair, .cutPairOneWay:
      let other = cluster.workers.filter { $0.name != worker.name }.randomElement(using: &random)!
      fault.target = kind == .cutPair ? "\(worker.name) and \(other.name)" : "\(worker.name) from \(other.name)"
      try cluster.network.drop(from: [other.host], into: worker.host)
      if kind == .cutPair { try cluster.network.drop(from: [worker.host], into: other.host) }
      try await hold(others: [worker.host, other.host])
    case .cutPeers:
      let others = cluster.workers.map(\.host).filter { $0 != worker.host }
      try cluster.network.drop(from: others, into: worker.host)
      for host in others { try cluster.network.drop(from: [worker.host], into: host) }
      try await hold(others: others + [worker.host])
    case .cutCoordinator:
      let others = cluster.coordinators.map(\.host)
      try cluster.network.drop(from: others, into: worker.host)
      for host in others { try cluster.network.drop(from: [worker.host], into: host) }
      try await hold(others: others + [worker.host])
    case .loss:
      let percent = Int.random(in: 5...25, using: &random)
      fault.target = "\(worker.name), \(percent) % of what it should hear"
      try cluster.network.drop(from: everybody(but: [worker.host]), into: worker.host, percent: percent)
      try await hold(others: [worker.host])
    case .delay:
      let base = [5, 20, 60].randomElement(using: &random)!
      fault.target = "\(worker.name), what it sends by \(base) to \(base * 2) ms"
      cluster.proxy.set(.init(base: Int64(base) * 1_000_000, jitter: Int64(base) * 1_000_000))
      try cluster.proxy.detour(from: worker.host, to: everybody(but: [worker.host]))
      try await clock.sleep(Int.random(in: 7_000...10_000, using: &random))
      try cluster.proxy.endDetour(from: worker.host)
    case .stalledDisk:
      worker.faults.set { $0.sync_stall = 1 }
      try await clock.sleep(Int.random(in: 12_000...15_000, using: &random))
      worker.faults.set { $0.sync_stall = 0 }
    case .slowDisk:
      let delay = [60, 150, 400].randomElement(using: &random)!
      fault.target = "\(worker.name), each sync by \(delay) ms"
      worker.faults.set { $0.sync_delay = Int64(delay) * 1_000_000 }
      try await clock.sleep(Int.random(in: 12_000...15_000, using: &random))
      worker.faults.set { $0.sync_delay = 0 }
    case .syncError:
      let failures = worker.failures
      worker.faults.set { $0.sync_error = Int64(EIO) }
      try await clock.wait(10_000) { worker.failures > failures }
      worker.faults.set { $0.sync_error = 0 }
    case .fullDisk:
      fault.target = cluster.smallDisk.worker
      try cluster.smallDisk.fill()
      try await clock.sleep(Int.random(in: 7_000...10_000, using: &random))
      cluster.smallDisk.free()
    case .wipedDisk:
      worker.kill9()
      try await clock.wait(10_000) { !worker.isRunning }
      try cluster.wipe(worker)
      try await clock.sleep(Int.random(in: 500...3_000, using: &random))
      try worker.start()
    case .clockJump:
      let jump = [-3_600, -30, 30, 3_600].randomElement(using: &random)!
      fault.target = "\(worker.name), by \(jump) s"
      worker.faults.set { $0.clock_offset = Int64(jump) * 1_000_000_000 }
      try await clock.sleep(Int.random(in: 5_000...8_000, using: &random))
      worker.faults.set { $0.clock_offset = 0 }
    case .rollingRestart:
      fault.target = "all workers"
      for server in cluster.workers.shuffled(using: &random) {
        server.terminate()
        try await clock.wait(15_000) { !server.isRunning }
        server.kill9()
        try server.start()
        try await clock.wait(30_000) { await cluster.incompleteness() == nil }
      }
    case .drain: try await drain(worker)
    case .splitMerge: fault.target = try await splitAndMerge()
    case .swapBundle: fault.target = try await swapAndBack()
    case .killEtcd:
      let member = cluster.etcd.randomElement(using: &random)!
      fault.target = member.name
      member.kill9()
      try await clock.sleep(Int.random(in: 3_000...6_000, using: &random))
      try member.start()
    case .loseEtcd:
      fault.target = "all members"
      for member in cluster.etcd { member.kill9() }
      try await clock.sleep(Int.random(in: 3_000...6_000, using: &random))
      for member in cluster.etcd { try member.start() }
    }
    fault.healed = ClientClock.nanoseconds()
    return fault
  }

  /// As an operator does it who upgrades a machine.
  private mutating func drain(_ worker: Server) async throws {
    let node = try await cluster.node(worker)
    try await clock.finish(.drain(node), cluster.admin)
    worker.terminate()
    try await clock.wait(15_000) { !worker.isRunning }
    worker.kill9()
    try worker.start()
    try await clock.wait(30_000) { await cluster.incompleteness() == nil }
    try await clock.finish(.undrain(node), cluster.admin)
  }

  /// Of a partition in the middle, and its halves back into one.
  private mutating func splitAndMerge() async throws -> String {
    let before = try await cluster.admin.map()
    let parent = before.partitions.randomElement(using: &random)!
    let middle = KeyHash(parent.range.first.rawValue + (parent.range.last.rawValue - parent.range.first.rawValue) / 2)
    try await clock.finish(.split(parent.id, at: middle), cluster.admin)
    try await clock.sleep(Int.random(in: 2_000...4_000, using: &random))
    try await clock.wait(30_000) { await cluster.incompleteness() == nil }
    let after = try await cluster.admin.map()
    let halves = after.partitions.filter { $0.range.first >= parent.range.first && $0.range.last <= parent.range.last }
    guard halves.count == 2 else { throw ChaosError("\(parent.id) was split, and has \(halves.count) parts") }
    try await clock.finish(.merge(halves[0].id, halves[1].id), cluster.admin)
    return "\(parent.id)"
  }

  /// To another bundle that is kept, and back by a rollback; the workers load it in the middle of the load.
  private mutating func swapAndBack() async throws -> String {
    let active = try await cluster.admin.map().activeBundle!
    guard let other = cluster.bundles.keys.filter({ $0 != active }).sorted(by: { $0.high < $1.high }).randomElement(using: &random) else {
      throw ChaosError("the cluster keeps no other bundle than \(active)")
    }
    _ = try await cluster.admin.activate(other)
    try await cluster.admin.untilActive(other)
    try await clock.sleep(Int.random(in: 500...4_000, using: &random))
    _ = try await cluster.admin.rollback()
    try await cluster.admin.untilActive(active)
    return "\(other)"
  }

  /// Keeps a cut up for longer than any goal, so that it is the cluster that ends the gap and not the cut's end.
  private mutating func hold(others receivers: [Host]) async throws {
    try await clock.sleep(Int.random(in: 7_000...10_000, using: &random))
    try cluster.network.heal(receivers)
  }

  private func everybody(but hosts: [Host]) -> [Host] { cluster.network.hosts.filter { !hosts.contains($0) } }
}
