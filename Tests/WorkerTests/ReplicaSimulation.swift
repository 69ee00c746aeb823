import Wire

@testable import Worker

/// Three replicas of one partition and a coordinator, after `spec/replication.cpp`: messages are lost, doubled and
/// reordered, processes crash and lose what they had not synced, disks are wiped. One seed is one run.
struct ReplicaSimulation {
  static let partition = PartitionID(1)
  static let minInSync = 2

  struct Record: Equatable {
    var header: LogRecord
    var value: UInt64
  }

  struct Process {
    /// What the disk sees, in order; a crash keeps a prefix that holds at least `synced` of them.
    enum Write {
      case record(Record)
      case truncate(Offset)
    }

    var replica: Replica
    var isUp = true
    var writes: [Write] = []
    var synced = 0
    var log: [(record: Record, write: Int)] = []
    var facts: (epoch: Epoch, record: PartitionRecord?) = (.none, nil)

    var end: Offset { log.last?.record.header.endOffset ?? .zero }
    /// End of the prefix of the log that no crash can take.
    var durableEnd: Offset { log.last { $0.write < synced }?.record.header.endOffset ?? .zero }
  }

  enum Message {
    case append(Append, [Record])
    case appended(Appended)
    case record(PartitionRecord)
    case proposal(add: Bool, Member, epoch: Epoch, version: RecordVersion, by: Member)
  }

  enum Place: Equatable {
    case node(Int)
    case coordinator
  }

  let seed: UInt64
  var random: SeededRandom
  var now: Int64 = 1
  var processes: [Process]
  var network: [(to: Place, Message)] = []
  var record: PartitionRecord
  /// Each node's disk and process as the coordinator knows them.
  var known: [Member]
  /// Every record that some primary has committed.
  var committed: [Record] = []
  var nextValue: UInt64 = 0
  var violations: [String] = []
  var counts = Counts()

  /// What the run went through, so that a simulation that meets nothing is seen.
  struct Counts {
    var commits = 0, truncations = 0, failovers = 0, crashes = 0, expansions = 0, fenced = 0, healed = 0, lost = 0
  }

  init(seed: UInt64) {
    self.seed = seed
    random = SeededRandom(seed: seed)
    known = (0..<3).map { Member(node: NodeID(UInt32($0)), storage: StorageID(high: 1, low: UInt64($0)), incarnation: Incarnation(1)) }
    record = PartitionRecord(
      id: Self.partition, range: KeyRange.tiles(1)[0], epoch: Epoch(1), version: RecordVersion(1), primary: known[0], isr: known,
      replicas: known.map(\.node))
    processes = known.map { member in
      var replica = Replica(partition: Self.partition, me: member)
      replica.minInSync = Self.minInSync
      return Process(replica: replica)
    }
    pushRecord()
  }

  // MARK: One step

  mutating func step() {
    now += Int64(random.below(60))
    switch random.below(100) {
    case 0..<66: for _ in 0...random.below(4) { deliver(losing: 6, doubling: 8) }
    case 66..<76: sync(random.below(3), all: random.below(3) > 0)
    case 76..<84: tick(random.below(3))
    case 84..<91: write()
    case 91: if random.below(2) == 0 { crash(random.below(3), wiping: random.below(5) == 0) }
    case 92..<94: if let down = processes.firstIndex(where: { !$0.isUp }) { restart(down) }
    case 94: if random.below(2) == 0 { failover() }
    case 95: if random.below(2) == 0 { shrink(random.below(3)) }
    case 96..<98: pushRecord()
    case 98: register(random.below(3))
    default:
      let a = random.below(3)
      let b = random.below(3)
      if processes[a].isUp { processes[a].replica.linkChanged(to: NodeID(UInt32(b))) }
    }
    check()
  }

  mutating func deliver(losing: Int, doubling: Int) {
    guard !network.isEmpty else { return }
    if network.count > 60 { network.removeFirst(network.count - 60) }
    let index = losing == 0 ? 0 : random.below(network.count)
    let (place, message) = network[index]
    if random.below(100) >= doubling || losing == 0 { network.remove(at: index) }
    if losing > 0, random.below(100) < losing {
      if case .proposal(_, _, _, _, let by) = message { undelivered(by) }
      return
    }
    switch place {
    case .coordinator: propose(message)
    case .node(let node):
      guard processes[node].isUp else { return }
      var actions: [ReplicaAction] = []
      var records: [Record] = []
      switch message {
      case .append(let append, let sent):
        records = sent
        processes[node].replica.received(append, records: sent.map(\.header), now: now, &actions)
      case .appended(let appended):
        if case .fenced = appended.result { counts.fenced += 1 }
        processes[node].replica.received(appended, now: now, &actions)
      case .record(let record): processes[node].replica.learned(record, now: now, &actions)
      case .proposal: break
      }
      carryOut(node, actions, received: records)
    }
  }

  mutating func undelivered(_ by: Member) {
    let node = Int(by.node.rawValue)
    guard processes[node].isUp, processes[node].replica.me == by else { return }
    var actions: [ReplicaAction] = []
    processes[node].replica.proposalUndelivered(&actions)
    carryOut(node, actions)
  }

  mutating func tick(_ node: Int) {
    guard processes[node].isUp else { return }
    var actions: [ReplicaAction] = []
    processes[node].replica.tick(now: now, &actions)
    carryOut(node, actions)
  }

  mutating func sync(_ node: Int, all: Bool) {
    guard processes[node].isUp, processes[node].synced < processes[node].writes.count else { return }
    let open = processes[node].writes.count - processes[node].synced
    processes[node].synced += all ? open : 1 + random.below(open)
    var actions: [ReplicaAction] = []
    processes[node].replica.durable(upTo: processes[node].durableEnd, &actions)
    carryOut(node, actions)
  }

  /// A client's write, to any replica that serves. Returns where it lies.
  @discardableResult mutating func write() -> (node: Int, epoch: Epoch, end: Offset)? {
    let first = random.below(3)
    for node in (0..<3).map({ ($0 + first) % 3 }) where processes[node].isUp && processes[node].replica.isServing {
      nextValue += 1
      let epoch = processes[node].replica.primaryEpoch!
      append(node, .decided, count: 1 + random.below(3), value: nextValue, epoch: epoch)
      return (node, epoch, processes[node].end)
    }
    return nil
  }

  mutating func append(_ node: Int, _ kind: LogRecord.Kind, count: Int, value: UInt64, epoch: Epoch) {
    let header = LogRecord(
      partition: Self.partition, kind: kind, count: count, epoch: epoch, baseOffset: processes[node].end, loggedTime: now,
      commitOffset: processes[node].replica.commit, length: LogRecord.headerSize)
    store(node, Record(header: header, value: value))
    var actions: [ReplicaAction] = []
    processes[node].replica.appended(epoch: epoch, count: count, now: now, &actions)
    carryOut(node, actions)
  }

  mutating func store(_ node: Int, _ record: Record) {
    processes[node].log.append((record, processes[node].writes.count))
    processes[node].writes.append(.record(record))
  }

  // MARK: Processes

  mutating func crash(_ node: Int, wiping: Bool) {
    guard processes[node].isUp else { return }
    counts.crashes += 1
    processes[node].isUp = false
    let kept = processes[node].synced + random.below(processes[node].writes.count - processes[node].synced + 1)
    processes[node].writes.removeLast(processes[node].writes.count - kept)
    processes[node].synced = kept
    var member = processes[node].replica.me
    member.incarnation = Incarnation(member.incarnation.rawValue + 1)
    if wiping {
      member.storage = StorageID(high: member.storage.high + 1, low: UInt64(node))
      processes[node] = Process(replica: Replica(partition: Self.partition, me: member))
      processes[node].isUp = false
    }
    // As recovery does it: what a later record's commit mark covers is known to be committed.
    var table = EpochTable()
    var commit = Offset.zero
    processes[node].log = []
    for (index, write) in processes[node].writes.enumerated() {
      switch write {
      case .record(let record):
        table.append(epoch: record.header.epoch, base: record.header.baseOffset, count: record.header.count)
        processes[node].log.append((record, index))
        commit = max(commit, min(record.header.commitOffset, table.end))
      case .truncate(let offset):
        if offset < commit { violations.append("R8: a log was cut at \(offset), below the commit mark \(commit)") }
        table.truncate(to: offset)
        processes[node].log.removeAll { $0.record.header.endOffset > offset }
      }
    }
    let facts = processes[node].facts
    processes[node].replica = Replica(
      partition: Self.partition, me: member, log: table, commit: commit, highestEpoch: facts.epoch, record: facts.record)
    processes[node].replica.minInSync = Self.minInSync
  }

  mutating func restart(_ node: Int) {
    processes[node].isUp = true
    if random.below(2) == 0 { register(node) }
  }

  // MARK: Actions

  mutating func carryOut(_ node: Int, _ actions: [ReplicaAction], received: [Record] = []) {
    for action in actions {
      switch action {
      case .persist(let epoch, let record):
        if epoch < processes[node].facts.epoch { violations.append("n\(node) persists \(epoch) after \(processes[node].facts.epoch)") }
        processes[node].facts = (epoch, record)
      case .assumed(let epoch):
        if processes[node].facts.epoch != epoch { violations.append("R10: n\(node) acts in \(epoch) before it has persisted it") }
        if !holdsCommitted(node, durably: false) {
          violations.append("a committed record is missing from the log of the primary of \(epoch), n\(node)")
        }
        append(node, .epochStart, count: 1, value: 0, epoch: epoch)
      case .feed: break
      case .steppedDown, .fetchMap:
        if case .fetchMap = action { network.append((.node(node), .record(record))) }
      case .truncate(let offset):
        counts.truncations += 1
        processes[node].log.removeAll { $0.record.header.endOffset > offset }
        processes[node].writes.append(.truncate(offset))
      case .store(let range): for index in range { store(node, received[index]) }
      case .committed(let end): commit(node, end)
      case .send(let append, let to, let range):
        let records = processes[node].log.map(\.record).filter { range.contains($0.header.baseOffset) }
        network.append((.node(Int(to.rawValue)), .append(append, records)))
      case .answer(let appended, let to): network.append((.node(Int(to.rawValue)), .appended(appended)))
      case .propose(let add, let member, let epoch, let version):
        network.append((.coordinator, .proposal(add: add, member, epoch: epoch, version: version, by: processes[node].replica.me)))
      }
    }
  }

  mutating func commit(_ node: Int, _ end: Offset) {
    let mine = processes[node].log.map(\.record).prefix { $0.header.endOffset <= end }
    if mine.last?.header.endOffset != end { violations.append("n\(node) commits to \(end), where no record ends") }
    let both = min(mine.count, committed.count)
    if mine.prefix(both) != committed.prefix(both) { violations.append("two histories committed: n\(node) at \(end)") }
    if mine.count > committed.count {
      if processes[node].replica.primaryEpoch == nil { violations.append("follower n\(node) commits to \(end), no primary has") }
      counts.commits += 1
      committed.append(contentsOf: mine.dropFirst(committed.count))
    }
  }

  // MARK: Coordinator

  mutating func pushRecord() {
    for node in 0..<3 { network.append((.node(node), .record(record))) }
  }

  mutating func change(isr: [Member], removed: [Member] = []) {
    record.isr = isr.sorted { $0.node < $1.node }
    if isr.count >= Self.minInSync {
      record.eligible = []
    } else {
      let stay = record.eligible.filter { old in !removed.contains { $0.node == old.node } }
      record.eligible = (stay + removed).filter { record.isr($0.node) == nil }.sorted { $0.node < $1.node }
    }
    record.version = record.version.next
    pushRecord()
  }

  /// A process joins: a new disk strips the node of everything that the old one stood for (R1).
  mutating func register(_ node: Int) {
    let member = processes[node].replica.me
    guard processes[node].isUp, known[node] != member else { return }
    let isNewDisk = known[node].storage != member.storage
    known[node] = member
    guard isNewDisk else { return }
    record.isr.removeAll { $0.node == member.node }
    record.eligible.removeAll { $0.node == member.node }
    if record.primary?.node == member.node { record.primary = nil }
    record.version = record.version.next
    pushRecord()
  }

  @discardableResult mutating func failover(to wanted: Int? = nil) -> Bool {
    let node = wanted ?? random.below(3)
    guard record.electable(NodeID(UInt32(node)))?.storage == known[node].storage else { return false }
    counts.failovers += 1
    var isr = record.isr.filter { $0.node != known[node].node } + [known[node]]
    var removed: [Member] = []
    if let old = record.primary, old.node != known[node].node, random.below(2) == 0 {
      removed = isr.filter { $0.node == old.node }
      isr.removeAll { $0.node == old.node }
    }
    record.epoch = record.epoch.next
    record.primary = known[node]
    change(isr: isr, removed: removed)
    return true
  }

  mutating func shrink(_ node: Int) {
    guard let member = record.isr(NodeID(UInt32(node))), record.primary?.node != member.node, record.primary != nil else { return }
    change(isr: record.isr.filter { $0.node != member.node }, removed: [member])
  }

  mutating func propose(_ message: Message) {
    guard case .proposal(let add, let member, let epoch, let version, let by) = message else { return }
    // Compare and set: an earlier version changes nothing, and whoever proposed it has a later one coming.
    guard version == record.version, epoch == record.epoch, record.primary == by else { return pushRecord() }
    if add {
      guard known[Int(member.node.rawValue)] == member else {
        record.version = record.version.next  // a refusal raises the version too (R4)
        return pushRecord()
      }
      counts.expansions += 1
      change(isr: record.isr.filter { $0.node != member.node } + [member])
    } else {
      shrink(Int(member.node.rawValue))
    }
  }

  // MARK: What must hold

  func holdsCommitted(_ node: Int, durably: Bool) -> Bool {
    guard let last = committed.last else { return true }
    let log = processes[node].log
    guard log.count >= committed.count, log[committed.count - 1].record == last else { return false }
    return !durably || log[committed.count - 1].write < processes[node].synced
  }

  mutating func check() {
    for member in record.isr + record.eligible {
      let node = Int(member.node.rawValue)
      guard processes[node].replica.me.storage == member.storage else { continue }
      if !holdsCommitted(node, durably: true) {
        violations.append("commit set outside electable set: n\(node) may be elected without a committed record")
      }
    }
    for node in 0..<3 where processes[node].replica.log.end != processes[node].end {
      violations.append("n\(node): the table ends at \(processes[node].replica.log.end), the log at \(processes[node].end)")
    }
  }

  /// Ends all faults. Whatever happened, a new value commits within a bounded time, unless no electable disk is left.
  mutating func heal() {
    for node in 0..<3 {
      if !processes[node].isUp { processes[node].isUp = true }
      register(node)
    }
    var written: (node: Int, epoch: Epoch, end: Offset)?
    for _ in 0..<200 {
      now += 100
      pushRecord()
      let leader = record.primary.flatMap { primary in processes.firstIndex { $0.replica.me == primary } }
      if leader == nil {
        let candidates = (0..<3).filter { record.electable(NodeID(UInt32($0)))?.storage == known[$0].storage }
        guard let candidate = candidates.first else {
          counts.lost += 1
          return
        }
        failover(to: candidate)
      }
      for node in 0..<3 { tick(node) }
      var left = 2_000
      while !network.isEmpty, left > 0 {
        deliver(losing: 0, doubling: 0)
        left -= 1
      }
      for node in 0..<3 { sync(node, all: true) }
      check()
      if let written, processes[written.node].replica.primaryEpoch == written.epoch, processes[written.node].replica.commit >= written.end {
        counts.healed += 1
        return agree()
      }
      if written == nil || processes[written!.node].replica.primaryEpoch != written!.epoch { written = write() }
      if !violations.isEmpty { return }
    }
    violations.append(
      "healed, and nothing commits: \(record.epoch) \(record.version), primary \(record.primary.map { "\($0)" } ?? "none"), isr \(record.isr)"
    )
  }

  /// Every replica's committed prefix is one history.
  private mutating func agree() {
    for node in 0..<3 {
      let commit = processes[node].replica.commit
      let mine = processes[node].log.map(\.record).prefix { $0.header.endOffset <= commit }
      if mine.count > committed.count || Array(mine) != Array(committed.prefix(mine.count)) {
        violations.append("n\(node) holds another committed history")
      }
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }
}
