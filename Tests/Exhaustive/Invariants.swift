import Wire

@testable import Worker

/// What must hold in every state and of every step.
extension Model {
  /// A replica leads: it has all that was acknowledged, and leads that epoch alone.
  func assumed(_ epoch: Epoch, _ node: Int, _ world: inout World) -> String? {
    var history = histories[world.history]
    // A late appointment to an older epoch is harmless: whoever led since has fenced those whom it would need.
    let isLater = UInt64(history.committed.last?.epoch ?? 0) < epoch.rawValue
    guard !isLater || nodes[world[node: node]].log.starts(with: history.committed) else {
      return "an acknowledged entry is missing from the log of the primary of \(epoch), \(Fixed.id(node))"
    }
    if let other = history.primaries[epoch.rawValue], other != Fixed.id(node) { return "R2: \(epoch) has two primaries" }
    history.primaries[epoch.rawValue] = Fixed.id(node)
    world.history = intern(history)
    return nil
  }

  /// A replica takes everything below `end` for committed.
  func committed(_ end: Offset, _ need: [Member]?, _ node: Int, _ world: inout World) -> String? {
    var history = histories[world.history]
    let mine = nodes[world[node: node]].log.prefix(below: end)
    let both = min(mine.count, history.committed.count)
    guard mine[..<both] == history.committed[..<both] else { return "two histories are committed: \(Fixed.id(node)) has \(mine.text)" }
    guard mine.count > both else { return nil }
    guard let need else { return "\(Fixed.id(node)), a follower, commits to \(end) what no primary has" }
    history.committed = mine
    world.history = intern(history)
    for member in need {
      let holder = Fixed.index(member.node)
      guard isSameData(member, world[node: holder]), !holds(world[node: holder], world.history) else { continue }
      return "R4: \(Fixed.id(node)) commits to \(end), and \(member) of its maximal ISR does not hold that"
    }
    return nil
  }

  /// Whether a replica is still the disk (or, in memory, the process) that a record names.
  private func isSameData(_ member: Member, _ node: UInt32) -> Bool {
    let me = facts[Int(node)].me
    return me.storage == member.storage && (scope.durability == .fsync || me.incarnation == member.incarnation)
  }

  func check(_ world: World) -> String? {
    let number = record(of: world.coordinator)
    if let problem = recordProblems[Int(number)] { return problem }
    let record = records[number]
    for member in record.isr + record.eligible {
      let node = world[node: Fixed.index(member.node)]
      guard isSameData(member, node), !holds(node, world.history) else { continue }
      return "commit set outside electable set: \(member) may be elected without an acknowledged entry"
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] where !matches(world[node: a], world[node: b]) {
      return "one (epoch, offset) names two entries, or one after two histories: \(Fixed.id(a)) and \(Fixed.id(b))"
    }
    return nil
  }
}
