import Wire

@testable import Worker

/// From a state in which anything may have gone wrong, without further faults: everybody joins, all messages arrive, time
/// passes. A value that is written then must commit, unless no disk is left that may be elected.
extension Model {
  enum Healing {
    case commits
    case nothingElectable
    case stuck(String)
  }

  /// - Parameter killing: the primary on record dies first, with all that it had not synced.
  /// - Parameter note: is told of each step.
  func heal(_ start: World, killing: Bool, note: (Action, World, World) -> Void = { _, _, _ in }) -> Healing {
    isHealing = true
    defer { isHealing = false }
    var world = start
    var problem: String?
    var written: (node: Int, end: Offset, epoch: Epoch)?
    func take(_ action: Action) {
      guard problem == nil, let (next, found) = apply(action, to: world) else { return }
      note(action, world, next)
      (world, problem) = (next, found)
    }
    if killing, let primary = coordinators[world.coordinator].record.primary {
      take(.crash(node: Fixed.index(primary.node), keeping: 0, keepsSent: false))
    }
    for _ in 0..<24 {
      let before = world
      let state = coordinators[world.coordinator]
      for node in 0..<Fixed.nodes {
        let me = facts[Int(world[node: node])].me
        if me != state.known[node] || state.gone[node] { take(.coordinator(.join(me))) }
      }
      for proposal in coordinators[world.coordinator].proposals { take(.coordinator(.decide(proposal, isFit: true))) }
      if !coordinators[world.coordinator].isServed {
        for heir in 0..<Fixed.nodes where !coordinators[world.coordinator].isServed { take(.coordinator(.elect(heir))) }
        if !coordinators[world.coordinator].isServed { return problem.map { .stuck($0) } ?? .nothingElectable }
      }
      for node in 0..<Fixed.nodes { take(.learn(node: node, record: record(of: world.coordinator))) }
      for _ in 0..<4 {
        for node in 0..<Fixed.nodes {
          let pending = facts[Int(world[node: node])].pending
          if pending > 0 { take(.sync(node: node, count: pending)) }
          for other in 0..<Fixed.nodes where other != node {
            while problem == nil, world[from: other, to: node] != 0 { take(.deliver(from: other, to: node, index: 0)) }
          }
        }
      }
      for node in 0..<Fixed.nodes where facts[Int(world[node: node])].primaryEpoch != nil {
        if let epoch = facts[Int(world[node: node])].primaryEpoch, facts[Int(world[node: node])].isServing,
          coordinators[world.coordinator].record.epoch == epoch
        {
          if let written, written.node == node, written.epoch == epoch {
            if nodes[world[node: node]].replica.commit >= written.end { return problem.map { .stuck($0) } ?? .commits }
          } else {
            take(.write(node: node))
            written = (node, nodes[world[node: node]].replica.log.end, epoch)
          }
        }
        for other in 0..<Fixed.nodes where other != node { take(.tick(node: node, follower: other, .none)) }
      }
      if let problem { return .stuck(problem) }
      if world == before, written != nil || !isAnyServing(world) { break }
    }
    return .stuck("all faults are over, and no value commits: \(coordinators[world.coordinator].record.text)")
  }

  private func isAnyServing(_ world: World) -> Bool {
    (0..<Fixed.nodes).contains { facts[Int(world[node: $0])].isServing }
  }
}
