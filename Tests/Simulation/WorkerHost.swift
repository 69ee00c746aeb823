import Logging
import NIOCore
import Wire

@testable import Wire
@testable import Worker

/// A worker's machine: its disk, and the real worker's program on it while it runs.
final class WorkerHost {
  let cluster: Cluster
  let process: Process
  let disk: Disk
  let mirror = LogMirror()
  private(set) var node: WorkerNode?
  private(set) var loops: [Loop] = []
  private var turn = 0
  /// The disk was tampered with since it was last whole: the program may refuse to start on it.
  var isTampered = false
  /// Why the program ended by itself, the last time.
  private(set) var stopReason = ""
  /// The disk that the journal was last known to be on.
  var storage: StorageID { mirror.storage }

  init(_ cluster: Cluster, _ process: Process) {
    self.cluster = cluster
    self.process = process
    disk = Disk(cluster.world)
    disk.onWrite = { [unowned self] file, bytes in
      if let journal = file.journal { mirror.written(journal, bytes) }
    }
    disk.onSync = { [unowned self] file in
      if file.journal != nil { mirror.synced() }
    }
    disk.onRename = { [unowned self] path, file in cluster.sinks.renamed(path, file.bytes) }
  }

  private var world: World { cluster.world }

  // MARK: Life

  func start() {
    guard !process.isAlive else { return }
    process.start()
    world.run(as: process) { open() }
  }

  private func open() {
    let plan = cluster.plan
    loops = (0..<plan.loops).map { _ in Loop(process) }
    let name = process.name
    var config = plan.workerConfig
    config.name = name
    config.loops = plan.loops
    config.coordinators = cluster.coordinators.map { HostPort(host: $0.process.host, port: 7101) }
    nonisolated(unsafe) let host = self
    let life = process.incarnation
    do {
      let node = try WorkerNode.open(
        config, cluster: Cluster.id, settings: plan.settings,
        records: cluster.checks.isRestoring ? nil : cluster.checks.truth?.partitions ?? [],
        logger: cluster.logger(name),
        linkOptions: cluster.linkOptions, tls: nil,
        system: disk.system(for: process), clock: .system, eventLoops: loops,
        background: { work in
          _ = host.world.threads.spawn("background") {
            host.world.threads.sleep(.microseconds(50) + host.world.random.within(0 ... .milliseconds(3)) + host.disk.slowness)
            work()
          }
        }, random: { host.world.random.next() },
        onStop: { reason in
          guard host.process.incarnation == life, host.process.isAlive else { return }
          host.stopped(reason)
        })
      self.node = node
      // It has found the damage, and begun with an empty disk.
      if case .distrusted = node.directory.found { isTampered = false }
      mirror.read(disk, node.directory.identity.storage)
      node.advertisedAddress = process.address
      process.listener = { [unowned self] end in
        turn += 1
        let link = Link(
          eventLoop: loops[turn % loops.count], side: .accepting, address: "peer", options: cluster.linkOptions,
          identity: { node.linkIdentity() })
        link.delegate = AcceptedLink(link, node)
        return link
      }
      loops[0].execute { node.session.connect() }
      world.note(
        "started, \(node.me), recovered \(mirror.logs.mapValues(\.end).sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }), "
          + "told \(recordsOnDisk.map { "\($0.id) \($0.version) \($0.isr)" })")
    } catch {
      refused("\(error)")
    }
  }

  /// The program would not start on this disk.
  private func refused(_ reason: String) {
    stopReason = reason
    world.note("does not start: \(reason)")
    if reason.contains("No space left") || reason.contains("Input/output error") {
      end()
      return world.after(.seconds(1), nil) { [unowned self] in start() }.ignore()
    }
    if !isTampered { world.fail("\(process.name) does not start on a disk that nobody tampered with: \(reason)") }
    end()
    // Its operator reads why, and gives it an empty disk: the peers repair it.
    world.after(.seconds(1), nil) { [unowned self] in
      guard !process.isAlive else { return }
      wipe()
      start()
    }
  }

  /// The program ended by itself, and is started again by its supervisor.
  private func stopped(_ reason: String) {
    stopReason = reason
    world.note("stops: \(reason)")
    cluster.stops += 1
    world.after(0, nil) { [unowned self] in
      guard process.isAlive else { return }
      cluster.checks.observe()
      kill()
      world.after(.milliseconds(300) + world.random.within(0 ... .milliseconds(700)), nil) { [unowned self] in start() }
    }
  }

  /// SIGKILL; without power, what was not synced may be lost as well.
  func kill(power: Bool = true) {
    guard process.isAlive else { return }
    cluster.checks.observe()
    world.note(power ? "killed" : "lost its power")
    process.hasPower = power
    end()
    if power { disk.killed() } else { disk.losePower() }
  }

  private func end() {
    process.die()
    if !process.hasPower { world.after(.milliseconds(500), nil) { [process] in process.hasPower = true } }
    guard let node else {
      world.run(as: process) { world.threads.drive(process) }
      _ = world.threads.abandon(process)
      return
    }
    self.node = nil
    world.run(as: process) {
      node.beginShutdown()
      _ = node.journal.close()
      node.sinks.close()
      world.threads.drive(process)
      for loop in node.loops { loop.peers.closeAll() }
      node.session.close()
    }
    let left = world.threads.abandon(process)
    if !left.isEmpty { world.note("threads that did not end: \(left)") }
    node.dismantle()
    loops = []
  }

  func wipe() {
    precondition(!process.isAlive)
    world.note("\(process.name)'s disk is wiped")
    disk.wipe()
    mirror.clear()
    mirror.storage = .none
    isTampered = false
  }

  // MARK: What is seen

  /// Every replica that the program has in memory.
  var partitions: [Partition] {
    guard process.isAlive, let node else { return [] }
    return node.loops.flatMap { $0.shard.partitions.values }.sorted { $0.id < $1.id }
  }

  /// What its disk would tell after a restore of the store (R2).
  var factsOnDisk: [PartitionID: PartitionFacts] {
    guard let file = disk.files.first(where: { $0.key.hasSuffix("storage-\(storage)/roles") })?.value,
      let facts = try? RoleFacts(reading: file.bytes)
    else { return [:] }
    return facts.facts.compactMapValues { try? PartitionFacts(reading: $0.span.bytes) }
  }

  var recordsOnDisk: [PartitionRecord] { factsOnDisk.values.compactMap(\.record).sorted { $0.id < $1.id } }

  /// Whether the record that it acts by is not on its disk yet, and nothing that it does leaves this machine.
  func isHoldingBack(_ id: PartitionID) -> Bool { node?.loops.contains { $0.isHoldingBack(id) } == true }
}
