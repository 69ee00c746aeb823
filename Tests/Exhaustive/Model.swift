import Wire

@testable import Coordinator

/// Everything that the states of one search are made of, and what the cores answered, each question asked once.
final class Model {
  let scope: Scope
  let mutant: Mutant?
  private let base: ClusterState

  private(set) var nodes = Interner<Node>()
  private(set) var messages = Interner<Message>()
  private(set) var queues = Interner<[UInt32]>()
  private(set) var records = Interner<PartitionRecord>()
  private(set) var coordinators = Interner<CoordinatorState>()
  private(set) var histories = Interner<History>()

  /// What one input made of a replica, in numbers.
  struct Step {
    var node: UInt32
    var sends: [(to: Int, message: UInt32)] = []
    var proposals: [ISRProposal] = []
    var committed: (end: Offset, need: [Member]?)?
    var assumed: Epoch?
    var problem: String?
  }

  /// What is asked of nodes and messages all the time.
  struct NodeFacts {
    var primaryEpoch: Epoch?
    var highestEpoch: Epoch
    var isServing: Bool
    var pending: Int
    var canSyncPartly: Bool
    /// Of the newest record seen.
    var recordEpoch: Epoch
    var me: Member
  }

  private(set) var steps: [Step] = []
  private var stepMemo = PairMap()
  private(set) var facts: [NodeFacts] = []
  private var pushMemo = PairMap()
  private var removeMemo = PairMap()
  private var coordinatorMemo = PairMap()
  private var coordinatorInputs: [CoordinatorState.Step: UInt32] = [:]
  private var coordinatorSteps: [(state: UInt32, outcome: CoordinatorState.Outcome)] = []
  private var recordOf: [UInt32] = []
  private(set) var recordProblems: [String?] = []
  private var holdMemo = PairMap()
  private var matchMemo = PairMap()

  /// No budget counts: `heal` is at work.
  var isHealing = false
  /// The question that a core is answering now, should it trap.
  private var question: () -> String = { "nothing" }

  init(_ scope: Scope, mutant: Mutant?) {
    self.scope = scope
    self.mutant = mutant
    base = CoordinatorState.base(scope.durability)
    _ = number([])
    _ = histories.number(History(), key: History().key)
  }

  /// The start: empty logs, the first record committed, nobody told.
  func initial() -> World {
    var world = World()
    let state = CoordinatorState.first(scope.inSync)
    for (index, member) in state.known.enumerated() { world[node: index] = number(Node(member, durability: scope.durability)) }
    world.coordinator = number(state)
    return world
  }

  /// What was asked of a core last.
  var asked: String { question() }

  var sizes: String {
    "\(nodes.count) replicas, \(steps.count) answers of theirs, \(coordinators.count) coordinators, \(messages.count) messages"
  }

  // MARK: Numbers

  func number(_ node: Node) -> UInt32 {
    let number = nodes.number(node, key: node.key)
    if Int(number) == facts.count {
      facts.append(
        NodeFacts(
          primaryEpoch: node.replica.primaryEpoch, highestEpoch: node.replica.highestEpoch, isServing: node.replica.isServing,
          pending: node.pending.count, canSyncPartly: node.pending.allSatisfy { if case .entry = $0 { true } else { false } },
          recordEpoch: node.replica.record?.epoch ?? .none, me: node.replica.me))
    }
    return number
  }

  func number(_ queue: [UInt32]) -> UInt32 {
    queues.number(queue, key: queue.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } })
  }

  func number(_ state: CoordinatorState) -> UInt32 {
    let number = coordinators.number(state, key: state.key)
    if Int(number) == recordOf.count {
      recordOf.append(records.number(state.record, key: state.record.encoded))
      if records.count > recordProblems.count { recordProblems.append(state.record.problem) }
    }
    return number
  }

  /// Number of the record that a coordinator has.
  func record(of coordinator: UInt32) -> UInt32 { recordOf[Int(coordinator)] }

  // MARK: Replicas

  /// Inputs in numbers: a kind, and what it names.
  enum InputKind: UInt32 {
    case message, record, sync, tick, write, linkChanged, undelivered, crash, wipe
  }

  func step(_ node: UInt32, _ kind: InputKind, _ argument: UInt32 = 0) -> Step {
    let key = PairMap.key(node, kind.rawValue << 27 | argument)
    if let known = stepMemo[key] { return steps[Int(known)] }
    let input: Input =
      switch kind {
      case .message: .message(messages[argument])
      case .record: .record(records[argument])
      case .sync: .sync(Int(argument))
      case .tick: .tick(follower: Int(argument >> 2), Node.Silence(rawValue: argument & 3)!)
      case .write: .write(UInt8(argument))
      case .linkChanged: .linkChanged(to: Int(argument))
      case .undelivered: .undelivered
      case .crash: .crash(keeping: Int(argument))
      case .wipe: .wipe
      }
    let asked = nodes[node]
    question = { "\(asked.text) takes \(input.text)" }
    let result = asked.step(input)
    let step = Step(
      node: number(result.node), sends: result.sends.map { ($0.to, messages.number($0.message, key: $0.message.key)) },
      proposals: result.proposals, committed: result.committed, assumed: result.assumed, problem: result.problem)
    stepMemo.insert(key, UInt32(steps.count))
    steps.append(step)
    return step
  }

  /// Whether a record means anything to a node: it leads, or would by this, or follows nobody in the record's epoch before it (R3).
  func minds(_ node: UInt32, _ record: UInt32) -> Bool {
    if records[record].epoch > facts[Int(node)].recordEpoch { return true }
    let step = step(node, .record, record)
    return step.assumed != nil || facts[Int(node)].primaryEpoch != nil && step.node != node
  }

  // MARK: The coordinator

  func coordinatorStep(_ state: UInt32, _ step: CoordinatorState.Step) -> (state: UInt32, outcome: CoordinatorState.Outcome) {
    let input = coordinatorInputs[step] ?? UInt32(coordinatorInputs.count)
    coordinatorInputs[step] = input
    let key = PairMap.key(state, input)
    if let known = coordinatorMemo[key] { return coordinatorSteps[Int(known)] }
    let asked = coordinators[state]
    question = { "the coordinator at \(asked.record.text) takes \(step.text)" }
    let outcome = asked.step(step, base)
    let result = (number(outcome.state), outcome)
    coordinatorMemo.insert(key, UInt32(coordinatorSteps.count))
    coordinatorSteps.append(result)
    return result
  }

  // MARK: Links

  /// A queue with one more message; the same one when it is full, or ends with that message.
  func push(_ queue: UInt32, _ message: UInt32, limit: Int) -> UInt32 {
    let key = PairMap.key(queue, message)
    if let known = pushMemo[key] { return known }
    var longer = queues[queue]
    if longer.count < limit, longer.last != message { longer.append(message) }
    let result = number(longer)
    pushMemo.insert(key, result)
    return result
  }

  /// A queue without one of its messages, and that message.
  func remove(_ queue: UInt32, at index: Int) -> (message: UInt32, rest: UInt32) {
    let message = queues[queue][index]
    let key = PairMap.key(queue, UInt32(index))
    if let known = removeMemo[key] { return (message, known) }
    var rest = queues[queue]
    rest.remove(at: index)
    let result = number(rest)
    removeMemo.insert(key, result)
    return (message, result)
  }

  /// Whether a message on its way can still have an effect: without those that can't, fewer states are told apart.
  private func isUseful(_ message: UInt32, from sender: NodeFacts, to receiver: NodeFacts) -> Bool {
    switch messages[message] {
    case .append(let append, _):
      return append.epoch >= receiver.highestEpoch || sender.primaryEpoch == append.epoch
    case .appended(let appended):
      guard let epoch = receiver.primaryEpoch else { return false }
      if case .fenced(let highest) = appended.result { return highest > epoch }
      return appended.epoch == epoch
    }
  }

  func cleanLink(_ world: inout World, from: Int, to: Int) {
    let queue = world[from: from, to: to]
    guard queue != 0, mutant != .noFencing, mutant != .resumeRole else { return }
    let sender = facts[Int(world[node: from])]
    let receiver = facts[Int(world[node: to])]
    let all = queues[queue]
    guard !all.allSatisfy({ isUseful($0, from: sender, to: receiver) }) else { return }
    world[from: from, to: to] = number(all.filter { isUseful($0, from: sender, to: receiver) })
  }

  func cleanRecords(_ world: inout World, _ node: Int) {
    let queue = world[records: node]
    guard queue != 0 else { return }
    let all = queues[queue]
    let kept = all.filter { minds(world[node: node], $0) }
    if kept.count < all.count { world[records: node] = number(kept) }
  }

  // MARK: Questions about states

  func intern(_ history: History) -> UInt32 { histories.number(history, key: history.key) }

  /// Whether a replica has everything that was acknowledged, as the cluster's durability means it.
  func holds(_ node: UInt32, _ history: UInt32) -> Bool {
    let key = PairMap.key(node, history)
    if let known = holdMemo[key] { return known == 1 }
    let result = nodes[node].holds(histories[history].committed, durably: scope.durability == .fsync)
    holdMemo.insert(key, result ? 1 : 0)
    return result
  }

  /// Whether (epoch, offset) names one entry in two logs, with one history before it.
  func matches(_ a: UInt32, _ b: UInt32) -> Bool {
    let key = PairMap.key(a, b)
    if let known = matchMemo[key] { return known == 1 }
    let (mine, theirs) = (nodes[a].log, nodes[b].log)
    var result = true
    var isSame = true
    var base = (0, 0)
    for (x, y) in zip(mine, theirs) where base.0 == base.1 {
      if x != y { isSame = false }
      if x.epoch == y.epoch, !isSame { result = false }
      base = (base.0 + x.count, base.1 + y.count)
    }
    matchMemo.insert(key, result ? 1 : 0)
    return result
  }
}

/// What has happened and can't be undone.
struct History {
  /// Entries that some primary has committed: acknowledged.
  var committed: [Entry] = []
  /// Who has led each epoch.
  var primaries: [UInt64: NodeID] = [:]

  var key: [UInt8] {
    var out = WireWriter()
    out.write(UInt8(committed.count))
    for entry in committed { entry.write(to: &out) }
    for (epoch, node) in primaries.sorted(by: { $0.key < $1.key }) {
      out.write(epoch)
      out.write(node.rawValue)
    }
    return out.bytes
  }
}
