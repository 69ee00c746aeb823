import Wire

@testable import Coordinator
@testable import Worker

/// What must hold at every moment of a run, and what must come true at its end. Looks from outside: at disks, at the
/// store, at what programs have in memory.
final class Checks {
  private unowned let cluster: Cluster
  private(set) var histories: [PartitionID: History] = [:]
  /// The metadata store's contents.
  private(set) var truth: ClusterState?
  private var epochs: [PartitionID: (epoch: Epoch, primary: Member?)] = [:]
  /// Of the partitions that took the place of others: of which, and with which keys.
  private(set) var births: [PartitionID: (parents: [PartitionID], range: KeyRange)] = [:]
  let exchange = ExchangeOracle()
  private var rounds = 0
  /// The store was set back, and the workers have not told everything yet: `truth` is what was before.
  private(set) var isRestoring = false

  init(_ cluster: Cluster) { self.cluster = cluster }

  private var world: World { cluster.world }
  private var isSynced: Bool { cluster.plan.settings.durability == .fsync }

  func start() {
    world.after(.milliseconds(20), nil) { [unowned self] in
      observe()
      rounds += 1
      if rounds % 16 == 0 { compareStates() }
      start()
    }
  }

  // MARK: The coordinator's truth

  /// The store is about to take a transaction: what has committed up to now is seen, because those that did may be gone after.
  func changes() { if cluster.plan.faults.contains(.split) || isRestoring { observe() } }

  /// The store has taken a transaction.
  func changed(_ snapshot: MetadataSnapshot) {
    do {
      // Reading it checks that the ranges tile the key space.
      let state = try ClusterState(snapshot)
      if state.restore?.isOpen == true {
        isRestoring = true
        return
      }
      if isRestoring { recovered(state) }
      for record in state.partitions {
        if let known = epochs[record.id] {
          if record.epoch < known.epoch { world.fail("\(record.id): the epoch fell from \(known.epoch) to \(record.epoch) (R2)") }
          if record.epoch == known.epoch, let primary = record.primary, let before = known.primary, primary != before {
            world.fail("\(record.id): \(record.epoch) has two primaries, \(before) and \(primary) (R2)")
          }
        }
        epochs[record.id] = (record.epoch, record.primary ?? epochs[record.id]?.primary)
      }
      if !isRestoring { noteBirths(state) }
      isRestoring = false
      truth = state
    } catch {
      world.fail("the metadata store can't be read any more: \(error)")
    }
  }

  /// R12: those that come have the keys of those that go.
  private func noteBirths(_ state: ClusterState) {
    guard let before = truth, !before.partitions.isEmpty else { return }
    let gone = before.partitions.filter { state.partition($0.id) == nil }
    for record in state.partitions where before.partition(record.id) == nil {
      if births[record.id] != nil || before.nextPartition <= record.id { world.fail("\(record.id) was given twice (R2)") }
      let parents = gone.filter { $0.range.first <= record.range.last && record.range.first <= $0.range.last }
      births[record.id] = (parents.map(\.id), record.range)
      _ = history(record.id)
    }
    for parent in gone {
      // The coordinator has been told of the seal, whatever its leader has done since.
      for worker in cluster.workers where worker.process.isAlive {
        for partition in worker.partitions where partition.id == parent.id { observe(partition, worker) }
      }
      guard let history = histories[parent.id], history.isSealed else {
        return world.fail("others take the place of \(parent.id), whose committed history does not end in a seal (R12)")
      }
    }
  }

  /// R2: after a restore every partition that was has a later epoch, and nothing that anybody acted by is taken back.
  private func recovered(_ state: ClusterState) {
    guard let before = truth else { return }
    for record in state.partitions {
      guard let known = epochs[record.id], record.epoch <= known.epoch else { continue }
      // One that the store alone knew of was given to nobody.
      let seen = cluster.workers.compactMap { $0.factsOnDisk[record.id]?.highestEpoch }.max() ?? .none
      if record.epoch <= seen {
        world.fail("\(record.id): after a restore its epoch is \(record.epoch), and \(seen) had been given before it (R2)")
      }
      epochs[record.id] = nil
    }
    for gone in before.partitions where state.partition(gone.id) == nil {
      if histories[gone.id]?.entries.isEmpty == false {
        world.fail("\(gone.id) has committed history, and a restore has taken it back (R2)")
      }
      histories[gone.id] = nil
      births[gone.id] = nil
      epochs[gone.id] = nil
    }
  }

  // MARK: Committed histories

  /// Looks at every replica's commit offset, extends the committed histories, and compares.
  func observe() {
    for worker in cluster.workers where worker.process.isAlive {
      for partition in visible(worker) { observe(partition, worker) }
    }
    checkElectable()
  }

  /// A commit by a record that is on no worker's disk is taken back with the process and the store, where the store can be lost: nobody
  /// has acted by it.
  private func visible(_ worker: WorkerHost) -> [Partition] {
    guard cluster.plan.faults.contains(.restore) else { return worker.partitions }
    return worker.partitions.filter { !worker.isHoldingBack($0.id) }
  }

  private func observe(_ partition: Partition, _ worker: WorkerHost) {
    let id = partition.id
    let commit = partition.replica.commit
    guard let log = worker.mirror.logs[id] else { return }
    let history = history(id)
    var next = log.proven
    while next < log.entries.count {
      let entry = log.entries[next]
      // The disk may still have what the log in memory has voided.
      guard entry.header.endOffset <= commit, partition.replica.log.epoch(at: entry.header.baseOffset) == entry.header.epoch else { break }
      if entry.header.baseOffset < history.end {
        guard let index = history.index(at: entry.header.baseOffset), history.entries[index].hash == entry.hash else {
          return world.fail(
            "two histories of \(id) committed: \(worker.process.name) has committed \(Self.text(entry.header)) where "
              + "\(history.entry(covering: entry.header.baseOffset).map { Self.text($0.header) } ?? "nothing") was committed before")
        }
      } else if entry.header.baseOffset == history.end {
        history.append(entry)
      } else {
        return world.fail("\(worker.process.name) \(id) commits \(Self.text(entry.header)), but the history ends at \(history.end)")
      }
      next += 1
    }
    worker.mirror.proved(id, next)
  }

  func history(_ id: PartitionID) -> History {
    if let known = histories[id] { return known }
    // A successor's log begins with its birth, which is no entry of the log's.
    let made = History(id, start: id.rawValue > cluster.plan.partitions ? PartitionState.birthEnd : .zero)
    histories[id] = made
    return made
  }

  /// R6: whoever may be elected holds everything that was committed; under fsync, on its disk.
  private func checkElectable() {
    guard let truth else { return }
    for record in truth.partitions {
      guard let history = histories[record.id], !history.entries.isEmpty else { continue }
      for member in record.isr + record.eligible {
        guard let name = truth.node(member.node)?.name, let worker = cluster.workers.first(where: { $0.process.name == name }),
          worker.process.isAlive, let node = worker.node
        else { continue }
        // Another disk, or under `replicated` another process, is not electable whatever the record says.
        guard node.directory.identity.storage == member.storage,
          isSynced || node.directory.identity.incarnation == member.incarnation
        else { continue }
        check(worker, record.id, history)
      }
    }
  }

  private func check(_ worker: WorkerHost, _ id: PartitionID, _ history: History) {
    // Under `replicated` what is in memory counts, and the disk comes later. What was committed last may lie below the log's start, in
    // the snapshot that the copy was fed: then the log's shape in memory says how far it goes.
    guard isSynced, let log = worker.mirror.logs[id], let first = log.entries.first, first.header.baseOffset < history.end else {
      return checkMemory(worker, id, history)
    }
    guard log.durableEnd >= history.end else {
      return world.fail(
        "commit set outside electable set: \(worker.process.name) may be elected for \(id) and has \(log.durableEnd) on its disk "
          + "(its log ends at \(log.end)) of the \(history.end) committed")
    }
    // Newest first: what agrees there, agrees before by the log's own rule; the whole is compared as it commits.
    guard let last = history.entries.last, let index = log.index(of: last.header.baseOffset), log.entries[index].hash == last.hash else {
      return world.fail(
        "\(worker.process.name) may be elected for \(id) and has another entry than the committed one before \(history.end)")
    }
  }

  private func checkMemory(_ worker: WorkerHost, _ id: PartitionID, _ history: History) {
    guard let partition = worker.partitions.first(where: { $0.id == id }), let last = history.entries.last?.header else { return }
    guard partition.replica.log.end >= history.end, partition.replica.log.epoch(at: last.baseOffset) == last.epoch else {
      return world.fail(
        "commit set outside electable set: \(worker.process.name) may be elected for \(id), and its log ends at "
          + "\(partition.replica.log.end) of the \(history.end) committed")
    }
  }

  // MARK: States

  /// Replicas at the same offset have the same state (R14).
  func compareStates() {
    for worker in cluster.workers {
      for partition in visible(worker) {
        let state = partition.state
        guard state.applied == partition.replica.commit, state.applied > .zero else { continue }
        compare(state, partition.id, worker.process.name)
      }
      if let node = worker.node, worker.process.isAlive { checkBounds(worker, node) }
    }
  }

  private func compare(_ state: PartitionState, _ id: PartitionID, _ name: String) {
    let history = history(id)
    let digest = state.digest()
    guard let known = history.digests[state.applied] else {
      history.digests[state.applied] = (digest, Self.parts(state), name)
      return
    }
    guard known.digest != digest else { return }
    let differing = zip(known.parts, Self.parts(state)).filter { $0.1 != $1.1 }.map(\.0.0)
    world.fail("\(id) at \(state.applied): \(name) has another state than \(known.by) had (R14), in \(differing.joined(separator: ", "))")
  }

  /// What the digest is over, to say where two differ.
  private static func parts(_ state: PartitionState) -> [(String, UInt64)] {
    [
      ("logged time", UInt64(bitPattern: state.loggedTime)), ("the dedup table", state.dedup.digest()),
      ("the cards", state.entities?.digest().high ?? 0), ("the bundles", UInt64(state.bundles.count)),
      ("the prepared bundles", UInt64(state.prepared.count)),
      ("other entities", state.foreign.digests().reduce(0) { $0 ^ $1.digest.high ^ UInt64($1.kind.rawValue) }),
      ("the hot items", state.hot.digest), ("the home ledger", state.home.digest()), ("the entity ledger", state.accounts.digest()),
    ]
  }

  private func checkBounds(_ worker: WorkerHost, _ node: WorkerNode) {
    for loop in node.loops where loop.shard.requestsUnderWay > node.config.requestsMax + 64 {
      world.fail("\(worker.process.name) has \(loop.shard.requestsUnderWay) requests under way, of at most \(node.config.requestsMax)")
    }
    if node.journal.pendingBytes > node.journal.options.pendingBytesMax {
      world.fail("\(worker.process.name)'s journal has too much pending")
    }
    if world.threads.count > 300 { world.fail("\(world.threads.count) threads") }
  }

  static func text(_ header: LogRecord) -> String {
    "\(header.kind) \(header.baseOffset)..<\(header.endOffset) of \(header.epoch)"
  }
}
