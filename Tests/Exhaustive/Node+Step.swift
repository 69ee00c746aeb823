import Wire

@testable import Worker

/// What can happen to a replica.
enum Input {
  case message(Message)
  case record(PartitionRecord)
  /// The first `count` of its writes are on the disk now.
  case sync(Int)
  case tick(follower: Int, Node.Silence)
  /// A client's value, to a primary that serves.
  case write(UInt8)
  case linkChanged(to: Int)
  case undelivered
  case crash(keeping: Int)
  /// It comes back with an empty disk.
  case wipe
}

/// What one input made of a replica.
struct NodeStep {
  var node: Node
  var sends: [(to: Int, message: Message)] = []
  var proposals: [ISRProposal] = []
  /// It learned that everything below is committed. Of a primary, with those who must hold it (R4).
  var committed: (end: Offset, need: [Member]?)?
  var assumed: Epoch?
  var problem: String?
  private let commitBefore: Offset

  init(node: Node) {
    self.node = node
    commitBefore = node.replica.commit
  }
}

extension Node {
  func step(_ input: Input) -> NodeStep {
    var step = NodeStep(node: self)
    var actions: [ReplicaAction] = []
    var received: [Entry] = []
    switch input {
    case .message(.append(let append, let entries)):
      received = entries
      var base = append.base
      let headers = entries.map { entry in
        defer { base = base + entry.count }
        return entry.header(base: base)
      }
      step.node.replica.received(append, records: headers, now: Fixed.now, &actions)
    case .message(.appended(let appended)):
      // The shell passes over what no follower of this log can have said.
      if case .accepted(let matched) = appended.result, matched > replica.log.end { break }
      step.node.replica.received(appended, now: Fixed.now, &actions)
    case .record(let record): step.node.replica.learned(record, now: Fixed.now, &actions)
    case .sync(let count):
      step.problem = step.node.settle(count)
      let open = step.node.pending.reduce(0) { sum, write in if case .entry(let entry) = write { sum + entry.count } else { sum } }
      step.node.replica.durable(upTo: Offset(log.end.rawValue - UInt64(open)), &actions)
    case .tick(let follower, let silence): step.node.tick(follower, silence, &actions)
    case .write(let value): step.append(value)
    case .linkChanged(let other): step.node.replica.linkChanged(to: Fixed.id(other))
    case .undelivered: step.node.replica.proposalUndelivered(&actions)
    case .crash(let kept): step.problem = step.node.restart(keeping: kept)
    case .wipe:
      let me = replica.me
      let storage = StorageID(high: me.storage.high + 1, low: me.storage.low)
      step.node = Node(Member(node: me.node, storage: storage, incarnation: Incarnation(1)), durability: replica.durability)
    }
    step.carryOut(actions, received)
    step.node.forgetTimes()
    step.check()
    return step
  }
}

extension NodeStep {
  private mutating func fail(_ problem: String) { self.problem = self.problem ?? problem }

  /// The shell's part, in its order.
  mutating func carryOut(_ actions: [ReplicaAction], _ received: [Entry] = []) {
    for action in actions {
      switch action {
      // No snapshots here: logs are never cut.
      case .feed: break
      case .persist(let epoch, let record):
        if epoch < node.persistedEpoch { fail("R3: \(epoch) is persisted after \(node.persistedEpoch)") }
        node.persistedEpoch = epoch
        node.persistedRecord = record
      case .assumed(let epoch):
        if node.persistedEpoch != epoch { fail("R10: acts in \(epoch) before it has persisted it") }
        assumed = epoch
        append(0)
      case .truncate(let offset):
        if offset < commitBefore { fail("R8: the log is cut at \(offset), below the commit offset \(commitBefore)") }
        node.log = node.log.prefix(below: offset)
        node.pending.append(.truncate(offset))
      case .store(let range): for index in range { store(received[index]) }
      case .committed(let end): commit(end)
      case .send(var append, let to, let range):
        append.recordVersion = RecordVersion(0)
        guard let first = node.log.index(at: range.lowerBound), let last = node.log.index(at: range.upperBound) else {
          fail("\(range) is to be sent, which is not whole records")
          continue
        }
        sends.append((Fixed.index(to), .append(append, Array(node.log[first..<last]))))
      case .answer(let appended, let to):
        if node.persistedEpoch < node.replica.highestEpoch { fail("R3: answers in \(node.replica.highestEpoch) before it is persisted") }
        sends.append((Fixed.index(to), .appended(appended)))
      case .propose(let add, let member, let epoch, let version):
        proposals.append(
          ISRProposal(
            partition: Fixed.partition, epoch: epoch, version: version, proposer: node.replica.me.node,
            proposerIncarnation: node.replica.me.incarnation, change: add ? .add : .remove, member: member))
      case .steppedDown, .fetchMap: break
      }
    }
  }

  private mutating func store(_ entry: Entry) {
    node.log.append(entry)
    node.pending.append(.entry(entry))
    guard node.replica.durability == .replicated else { return }
    var actions: [ReplicaAction] = []
    node.replica.durable(upTo: node.log.end, &actions)
    carryOut(actions)
  }

  /// The primary's own record: the epoch start, or a value.
  mutating func append(_ value: UInt8) {
    let epoch = node.replica.primaryEpoch!
    let entry = Entry(epoch: UInt8(epoch.rawValue), value: value, mark: UInt8(node.replica.commit.rawValue))
    node.log.append(entry)
    node.pending.append(.entry(entry))
    var actions: [ReplicaAction] = []
    node.replica.appended(epoch: epoch, count: entry.count, now: Fixed.now, &actions)
    if node.replica.durability == .replicated { node.replica.durable(upTo: node.log.end, &actions) }
    carryOut(actions)
  }

  private mutating func commit(_ end: Offset) {
    if node.log.index(at: end) == nil { fail("it commits to \(end), where no record ends") }
    var need: [Member]?
    if case .primary(let primary) = node.replica.role {
      need = primary.view.isr + [primary.proposed].compactMap { $0 }
      if primary.view.isr.count < Fixed.minInSync { fail("R4: it commits with \(primary.view.isr.count) in sync") }
    }
    committed = (end, need)
  }

  /// What holds of every replica after every step.
  func checked() -> String? {
    let replica = node.replica
    if replica.log != node.log.table { return "the table and the log differ: \(replica.log.spans), \(node.log.text)" }
    if replica.commit > replica.log.end { return "commit \(replica.commit) beyond the log's end \(replica.log.end)" }
    if replica.durableEnd > replica.log.end { return "durable to \(replica.durableEnd), beyond the log's end \(replica.log.end)" }
    if node.persistedEpoch != replica.highestEpoch { return "R3: \(replica.highestEpoch) is seen, \(node.persistedEpoch) persisted" }
    return nil
  }

  mutating func check() { problem = problem ?? checked() }
}
