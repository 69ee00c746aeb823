import Wire

/// One step of the whole.
enum Action: Equatable {
  case deliver(from: Int, to: Int, index: Int)
  case learn(node: Int, record: UInt32)
  case sync(node: Int, count: Int)
  case tick(node: Int, follower: Int, Node.Silence)
  case write(node: Int)
  case crash(node: Int, keeping: Int, keepsSent: Bool)
  case wipe(node: Int, keepsSent: Bool)
  case breakLink(from: Int, to: Int, keeping: Int)
  case undelivered(node: Int)
  case coordinator(CoordinatorState.Step)
}

extension Model {
  /// Calls `emit` with each step that is possible in `world`, its outcome, and what is wrong with that.
  func successors(of world: World, _ emit: (Action, World, String?) -> Void) {
    func attempt(_ action: Action) {
      if let (next, problem) = apply(action, to: world) { emit(action, next, problem) }
    }
    for from in 0..<Fixed.nodes {
      for to in 0..<Fixed.nodes where to != from {
        let count = queues[world[from: from, to: to]].count
        for index in 0..<(scope.overtaking ? count : min(1, count)) { attempt(.deliver(from: from, to: to, index: index)) }
        guard world[used: .breaks] < scope[.breaks] else { continue }
        for kept in 0..<count { attempt(.breakLink(from: from, to: to, keeping: kept)) }
      }
    }
    for node in 0..<Fixed.nodes {
      let facts = facts[Int(world[node: node])]
      for record in queues[world[records: node]] + [record(of: world.coordinator)] { attempt(.learn(node: node, record: record)) }
      if facts.pending > 0 {
        if scope.partialSyncs, facts.canSyncPartly { for count in 1..<facts.pending { attempt(.sync(node: node, count: count)) } }
        attempt(.sync(node: node, count: facts.pending))
      }
      if facts.isServing, world[used: .values] < scope[.values] { attempt(.write(node: node)) }
      if facts.primaryEpoch != nil {
        for other in 0..<Fixed.nodes where other != node {
          attempt(.tick(node: node, follower: other, .none))
          guard world[used: .silences] < scope[.silences] else { continue }
          attempt(.tick(node: node, follower: other, .some))
          attempt(.tick(node: node, follower: other, .long))
        }
        if world[used: .undelivered] < scope[.undelivered] { attempt(.undelivered(node: node)) }
      }
      for keepsSent in hasSent(node, world) ? [true, false] : [true] {
        if world[used: .crashes] < scope[.crashes] {
          for kept in 0...facts.pending { attempt(.crash(node: node, keeping: kept, keepsSent: keepsSent)) }
        }
        if world[used: .wipes] < scope[.wipes] { attempt(.wipe(node: node, keepsSent: keepsSent)) }
      }
    }
    coordinatorSteps(in: world) { attempt(.coordinator($0)) }
  }

  private func hasSent(_ node: Int, _ world: World) -> Bool {
    (0..<Fixed.nodes).contains { $0 != node && world[from: node, to: $0] != 0 }
  }

  private func coordinatorSteps(in world: World, _ attempt: (CoordinatorState.Step) -> Void) {
    let state = coordinators[world.coordinator]
    for proposal in state.proposals {
      attempt(.decide(proposal, isFit: true))
      if proposal.change == .add { attempt(.decide(proposal, isFit: false)) }
    }
    for node in 0..<Fixed.nodes {
      let me = facts[Int(world[node: node])].me
      if me != state.known[node] || state.gone[node] { attempt(.join(me)) }
      if !state.gone[node] {
        attempt(.giveUp(node, heir: nil))
        for heir in 0..<Fixed.nodes where heir != node { attempt(.giveUp(node, heir: heir)) }
      }
      if !state.isServed {
        attempt(.elect(node))
      } else if state.record.primary?.node != Fixed.id(node), !state.gone[node],
        let member = state.record.isr(Fixed.id(node)), member.holdsSameData(as: state.known[node], scope.durability)
      {
        attempt(.handOver(node))
      }
    }
  }

  // MARK: What a step does

  /// Nil where the step is not possible, not within the bounds, or known to make no difference.
  func apply(_ action: Action, to world: World) -> (World, String?)? {
    var next = world
    func use(_ budget: Budget) -> Bool {
      if isHealing, budget != .values { return true }
      guard isHealing || next[used: budget] < scope[budget] else { return false }
      next[used: budget] += 1
      return true
    }
    func finish(_ step: Step, on node: Int) -> (World, String?) {
      let problem = carryOut(step, on: node, &next)
      return (next, problem)
    }
    switch action {
    case .deliver(let from, let to, let index):
      let (message, rest) = remove(world[from: from, to: to], at: index)
      next[from: from, to: to] = rest
      return finish(step(world[node: to], .message, message), on: to)
    case .learn(let node, let record):
      guard minds(world[node: node], record) else { return nil }
      return finish(step(world[node: node], .record, record), on: node)
    case .sync(let node, let count):
      return finish(step(world[node: node], .sync, UInt32(count)), on: node)
    case .write(let node):
      guard use(.values) else { return nil }
      return finish(step(world[node: node], .write, UInt32(next[used: .values])), on: node)
    case .tick(let node, let follower, let silence):
      let step = step(world[node: node], .tick, UInt32(follower) << 2 | silence.rawValue)
      switch silence {
      case .none: guard isWorthwhile(step, node, follower, world) else { return nil }
      case .some, .long:
        guard use(.silences), silence == .some ? step.node != world[node: node] : !step.proposals.isEmpty else { return nil }
      }
      return finish(step, on: node)
    case .undelivered(let node):
      let step = step(world[node: node], .undelivered)
      guard use(.undelivered), step.node != world[node: node] || !step.proposals.isEmpty else { return nil }
      return finish(step, on: node)
    case .crash(let node, let kept, let keepsSent):
      guard use(.crashes) else { return nil }
      let problem = restart(step(world[node: node], .crash, UInt32(kept)), node, keepsSent, &next)
      return (next, problem)
    case .wipe(let node, let keepsSent):
      guard use(.wipes) else { return nil }
      let problem = restart(step(world[node: node], .wipe), node, keepsSent, &next)
      return (next, problem)
    case .breakLink(let from, let to, let kept):
      guard use(.breaks) else { return nil }
      next[from: from, to: to] = number(Array(queues[world[from: from, to: to]].prefix(kept)))
      return finish(step(world[node: from], .linkChanged, UInt32(to)), on: from)
    case .coordinator(let step):
      let (state, outcome) = coordinatorStep(world.coordinator, step)
      guard state != world.coordinator else { return nil }
      switch step {
      case .decide(_, let isFit):
        // What would have been refused anyway is one case, not two.
        if !isFit, coordinatorStep(world.coordinator, other(step)).outcome.refused { return nil }
        if outcome.added, !use(.expansions) { return nil }
        if outcome.removed, !use(.shrinks) { return nil }
        if outcome.refused, !use(.refusals) { return nil }
      case .giveUp(_, let heir):
        if heir == nil { guard outcome.removed, use(.shrinks) else { return nil } } else if !outcome.elected { return nil }
      case .elect: guard outcome.elected else { return nil }
      case .handOver: guard use(.handOvers) else { return nil }
      case .join, .arrived: break
      }
      guard isHealing || outcome.state.record.epoch.rawValue <= UInt64(scope.epochs) else { return nil }
      change(to: state, &next)
      return (next, check(next))
    }
  }

  private func other(_ step: CoordinatorState.Step) -> CoordinatorState.Step {
    guard case .decide(let proposal, let isFit) = step else { return step }
    return .decide(proposal, isFit: !isFit)
  }

  /// Whether a heartbeat is under way to nobody else's knowledge: one that changes neither the follower nor, by its answer,
  /// the primary is not sent. It could be sent later with the same effect.
  private func isWorthwhile(_ tick: Step, _ node: Int, _ follower: Int, _ world: World) -> Bool {
    guard world[from: node, to: follower] == 0 else { return false }
    guard tick.node == world[node: node] else { return true }
    for send in tick.sends where send.to == follower {
      let taken = step(world[node: follower], .message, send.message)
      if taken.node != world[node: follower] { return true }
      for answer in taken.sends where answer.to == node {
        let heard = step(world[node: node], .message, answer.message)
        if heard.node != world[node: node] || !heard.proposals.isEmpty || !heard.sends.isEmpty { return true }
      }
    }
    return false
  }

  /// The rest of a step on a node: what it sends, what that proves, what is forgotten.
  private func carryOut(_ step: Step, on node: Int, _ world: inout World) -> String? {
    let before = world[node: node]
    world[node: node] = step.node
    for send in step.sends {
      world[from: node, to: send.to] = push(world[from: node, to: send.to], send.message, limit: scope.window)
    }
    for proposal in step.proposals { world.coordinator = coordinatorStep(world.coordinator, .arrived(proposal)).state }
    if let problem = step.problem { return problem }
    if let epoch = step.assumed, let problem = assumed(epoch, node, &world) { return problem }
    if let (end, need) = step.committed, let problem = committed(end, need, node, &world) { return problem }
    for other in 0..<Fixed.nodes where other != node {
      cleanLink(&world, from: node, to: other)
      cleanLink(&world, from: other, to: node)
    }
    cleanRecords(&world, node)
    return before == step.node ? nil : check(world)
  }

  /// A process is gone and there again: connections to it are new, and what it had sent may or may not arrive.
  private func restart(_ step: Step, _ node: Int, _ keepsSent: Bool, _ world: inout World) -> String? {
    for other in 0..<Fixed.nodes where other != node {
      world[from: other, to: node] = 0
      if !keepsSent { world[from: node, to: other] = 0 }
      world[node: other] = self.step(world[node: other], .linkChanged, UInt32(node)).node
    }
    world[records: node] = 0
    return carryOut(step, on: node, &world)
  }

  /// The record has changed: the old one may still be on its way to those who mind.
  private func change(to state: UInt32, _ world: inout World) {
    let old = record(of: world.coordinator)
    world.coordinator = state
    guard scope.lateRecords, old != record(of: state) else { return }
    for node in 0..<Fixed.nodes where minds(world[node: node], old) {
      world[records: node] = number(queues[world[records: node]] + [old])
    }
  }
}
