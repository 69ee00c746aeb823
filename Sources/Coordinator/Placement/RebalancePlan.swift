import Wire

/// What has to change so that copies and leads are spread evenly: a pure function of who is there and who has what, so
/// that the same cluster always gets the same plan, and a plan that has been carried out is followed by an empty one.
///
/// The load of a partition is its share of the keys: cards are spread evenly over them. First the zones: a partition with
/// two copies in one zone gets one of them into a zone without. Then copies go from loaded workers to idle ones as long as
/// the two come closer to each other by it, never at the price of a zone. Then the preferred leads, in the same way.
struct RebalancePlan: Equatable {
  struct Move: Equatable {
    var partition: PartitionID
    var from: NodeID
    var to: NodeID
  }

  struct Lead: Equatable {
    var partition: PartitionID
    var to: NodeID
  }

  var moves: [Move] = []
  /// Who is to lead by preference once the moves are done.
  var leads: [Lead] = []
  /// There is more to move than was asked for.
  var isCut = false

  var isEmpty: Bool { moves.isEmpty && leads.isEmpty }

  private struct Host {
    var id: NodeID
    var zone: String
    var held = 0
    var led = 0
  }

  private var hosts: [Host]
  private var index: [NodeID: Int] = [:]
  private var partitions: [PartitionRecord]
  private let movesMax: Int

  /// - Parameters:
  ///   - nodes: those that may have roles. Copies elsewhere stay where they are.
  ///   - busy: partitions that something else works on; they count, and stay as they are.
  init(nodes: [NodeRecord], partitions: [PartitionRecord], busy: Set<PartitionID> = [], movesMax: Int = .max) {
    self.movesMax = movesMax
    self.partitions = partitions.sorted { $0.id < $1.id }
    hosts = nodes.sorted { $0.id < $1.id }.map { Host(id: $0.id, zone: $0.zone) }
    for (place, host) in hosts.enumerated() { index[host.id] = place }
    for partition in self.partitions {
      for node in partition.replicas { if let host = index[node] { hosts[host].held += Self.load(partition) } }
    }
    let before = self.partitions
    repairZones(busy)
    balanceCopies(busy)
    settleMoves(before)
    balanceLeads(busy)
  }

  /// A copy that was moved on and on moves once.
  private mutating func settleMoves(_ before: [PartitionRecord]) {
    moves = []
    for place in before.indices {
      let (old, new) = (before[place].replicas, partitions[place].replicas)
      partitions[place].replicas = old
      for (from, to) in zip(old.filter { !new.contains($0) }, new.filter { !old.contains($0) }) {
        moves.append(Move(partition: before[place].id, from: from, to: to))
        partitions[place].replicas[old.firstIndex(of: from)!] = to
      }
    }
    for host in hosts.indices { hosts[host].led = 0 }
    for partition in partitions { if let host = leader(partition) { hosts[host].led += Self.load(partition) } }
  }

  /// Of 65,536 for all keys; at least 1.
  static func load(_ partition: PartitionRecord) -> Int {
    Int((partition.range.last.rawValue - partition.range.first.rawValue) >> 48) + 1
  }

  private func leader(_ partition: PartitionRecord) -> Int? { partition.replicas.lazy.compactMap { index[$0] }.first }

  private func zones(_ partition: PartitionRecord, besides node: NodeID) -> [String] {
    partition.replicas.filter { $0 != node }.compactMap { index[$0].map { hosts[$0].zone } }
  }

  private mutating func move(_ place: Int, from source: Int, to target: Int) {
    let load = Self.load(partitions[place])
    moves.append(Move(partition: partitions[place].id, from: hosts[source].id, to: hosts[target].id))
    let position = partitions[place].replicas.firstIndex(of: hosts[source].id)!
    partitions[place].replicas[position] = hosts[target].id
    hosts[source].held -= load
    hosts[target].held += load
  }

  private mutating func repairZones(_ busy: Set<PartitionID>) {
    let known = Set(hosts.map(\.zone))
    guard known.count > 1 else { return }
    for place in partitions.indices where !busy.contains(partitions[place].id) {
      while true {
        let partition = partitions[place]
        let holders = partition.replicas.compactMap { index[$0] }
        let used = Set(holders.map { hosts[$0].zone })
        let crowded = holders.filter { host in holders.count { hosts[$0].zone == hosts[host].zone } > 1 }
        guard let source = crowded.max(by: { (hosts[$0].held, hosts[$1].id) < (hosts[$1].held, hosts[$0].id) }),
          let target = hosts.indices.filter({ !used.contains(hosts[$0].zone) }).min(by: { hosts[$0].held < hosts[$1].held })
        else { break }
        guard moves.count < movesMax else { return isCut = true }
        move(place, from: source, to: target)
      }
    }
  }

  private mutating func balanceCopies(_ busy: Set<PartitionID>) {
    while let (place, source, target) = bestMove(busy) {
      guard moves.count < movesMax else { return isCut = true }
      move(place, from: source, to: target)
    }
  }

  /// From the most loaded worker that has something to give to the least loaded one that can take it.
  private func bestMove(_ busy: Set<PartitionID>) -> (Int, Int, Int)? {
    let order = hosts.indices.sorted { (hosts[$0].held, hosts[$1].id) > (hosts[$1].held, hosts[$0].id) }
    for source in order {
      for target in order.reversed() {
        let gap = hosts[source].held - hosts[target].held
        if gap <= 0 { break }
        var best: (place: Int, cost: Int)?
        for place in partitions.indices {
          let partition = partitions[place]
          let load = Self.load(partition)
          guard load < gap, partition.replicas.contains(hosts[source].id), !partition.replicas.contains(hosts[target].id),
            !busy.contains(partition.id)
          else { continue }
          let others = zones(partition, besides: hosts[source].id)
          if others.contains(hosts[target].zone), !others.contains(hosts[source].zone) { continue }
          // The closer to half the gap the better; of equals, one that need not be handed over.
          let cost = abs(2 * load - gap) * 2 + (leader(partition) == source ? 1 : 0)
          if cost < best?.cost ?? .max { best = (place, cost) }
        }
        if let best { return (best.place, source, target) }
      }
    }
    return nil
  }

  private mutating func balanceLeads(_ busy: Set<PartitionID>) {
    guard !isCut else { return }
    while let (place, source, target) = bestLead(busy) {
      let load = Self.load(partitions[place])
      let id = partitions[place].id
      leads.removeAll { $0.partition == id }
      leads.append(Lead(partition: id, to: hosts[target].id))
      let position = partitions[place].replicas.firstIndex(of: hosts[target].id)!
      partitions[place].replicas.insert(partitions[place].replicas.remove(at: position), at: 0)
      hosts[source].led -= load
      hosts[target].led += load
    }
    leads.sort { $0.partition < $1.partition }
  }

  private func bestLead(_ busy: Set<PartitionID>) -> (Int, Int, Int)? {
    var best: (place: Int, source: Int, target: Int, gain: Int)?
    for place in partitions.indices where !busy.contains(partitions[place].id) {
      guard let source = leader(partitions[place]) else { continue }
      let load = Self.load(partitions[place])
      for node in partitions[place].replicas {
        guard let target = index[node], target != source else { continue }
        let gain = hosts[source].led - hosts[target].led - load
        if gain > 0, gain > best?.gain ?? 0 { best = (place, source, target, gain) }
      }
    }
    return best.map { ($0.place, $0.source, $0.target) }
  }

  static func == (a: Self, b: Self) -> Bool { a.moves == b.moves && a.leads == b.leads && a.isCut == b.isCut }
}
