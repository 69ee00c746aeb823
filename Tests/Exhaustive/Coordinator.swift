import Wire

@testable import Coordinator

/// The coordinator's record of the partition and of the nodes, changed by the real transitions (`ClusterDraft`); each
/// change is one committed transaction.
struct CoordinatorState {
  var record: PartitionRecord
  /// Each node's disk and process, as on record.
  var known: [Member]
  var gone: [Bool]
  /// Proposals that have reached it or may still do so. The network forgets none that could be accepted.
  var proposals: [ISRProposal] = []

  /// What the coordinator may do next. Who it takes for dead, and whom it has heard lately, is chosen by the search.
  enum Step: Hashable {
    case arrived(ISRProposal)
    /// Decides on a proposal; `isFit`: its member has been heard lately.
    case decide(ISRProposal, isFit: Bool)
    /// Takes a node for dead. Where it leads, `heir` is the one node that may be elected.
    case giveUp(Int, heir: Int?)
    /// Elects where nobody is served as primary.
    case elect(Int)
    /// A planned change of primary: the old one stays in sync.
    case handOver(Int)
    case join(Member)
  }

  struct Outcome {
    var state: CoordinatorState
    var hasChanged: Bool
    var added = false
    var removed = false
    var refused = false
    var elected = false
  }

  func step(_ step: Step, _ base: ClusterState) -> Outcome {
    var draft = ClusterDraft(cluster(base), liveness(Set(known.indices.filter { !gone[$0] })))
    var next = self
    var refused = false
    switch step {
    case .arrived(let proposal):
      if !next.proposals.contains(proposal) { next.proposals.append(proposal) }
    case .decide(let proposal, let isFit):
      if !isFit { draft.liveness.fit.remove(proposal.member.node) }
      next.proposals.removeAll { $0 == proposal }
      refused = draft.decide(proposal, mayWait: false) != .accepted
    case .giveUp(let node, let heir):
      // The others have all been heard, and whoever is not to lead is made out to be full, unless nobody is.
      draft.updateNode(Fixed.id(node)) { $0.state = .gone }
      let others = known.indices.filter { $0 != node && !gone[$0] }
      if let heir {
        draft.liveness = liveness(Set(others))
        draft.liveness.full = Set(others.filter { $0 != heir }.map(Fixed.id))
      } else if record.primary?.node != Fixed.id(node) {
        draft.liveness = liveness(Set(others))
      } else {
        draft.liveness = liveness([])
      }
      draft.failOver()
      let leader = draft.state.partitions[0].primary?.node
      if let heir, draft.state.partitions[0].epoch > record.epoch, leader != Fixed.id(heir) { return Outcome(state: self, hasChanged: false) }
    case .elect(let heir):
      // By a coordinator that has heard nobody else.
      draft.liveness = liveness([heir])
      draft.failOver()
    case .handOver(let heir): draft.elect(known[heir], at: 0, dropping: [], reason: "planned")
    case .join(let member):
      let node = draft.state.node(member.node)!
      let join = Join(
        cluster: draft.state.cluster.id, name: node.name, address: node.address, storage: member.storage,
        incarnation: member.incarnation, intactSince: member.incarnation)
      guard case .success = draft.join(join, isHeldElsewhere: false) else { return Outcome(state: self, hasChanged: false) }
    }
    next.record = draft.state.partitions[0]
    next.known = draft.state.nodes.map(\.member)
    next.gone = draft.state.nodes.map { $0.state == .gone }
    let hasChanged = next.record != record
    // One made on an older version changes nothing any more, and its answer is the record, which is learnt anyway.
    if hasChanged, !planted(.noCompareAndSet) { next.proposals.removeAll { $0.version != next.record.version } }
    return Outcome(
      state: next, hasChanged: hasChanged, added: next.record.isr.count > record.isr.count,
      removed: next.record.isr.count < record.isr.count, refused: refused && hasChanged, elected: next.record.epoch > record.epoch)
  }

  private func cluster(_ base: ClusterState) -> ClusterState {
    var state = base
    state.partitions = [record]
    for index in known.indices {
      state.nodes[index].storage = known[index].storage
      state.nodes[index].incarnation = known[index].incarnation
      state.nodes[index].state = gone[index] ? .gone : .alive
    }
    return state
  }

  private func liveness(_ fit: Set<Int>) -> ClusterDraft.Liveness {
    var liveness = ClusterDraft.Liveness()
    liveness.fit = Set(fit.map(Fixed.id))
    return liveness
  }

  /// Whether the primary on record is still that node, disk and process, and not given up.
  var isServed: Bool {
    guard let primary = record.primary else { return false }
    let node = Fixed.index(primary.node)
    return known[node] == primary && !gone[node]
  }

  var key: [UInt8] {
    var out = WireWriter()
    record.write(to: &out)
    for (member, isGone) in zip(known, gone) {
      member.write(to: &out)
      out.write(UInt8(isGone ? 1 : 0))
    }
    for bytes in proposals.map(\.encoded).sorted(by: { $0.lexicographicallyPrecedes($1) }) { out.write(block: bytes) }
    return out.bytes
  }

  /// A partition that has just been founded.
  static func first(_ inSync: [Int]) -> CoordinatorState {
    let members = (0..<Fixed.nodes).map { Fixed.member($0) }
    let record = PartitionRecord(
      id: Fixed.partition, range: KeyRange.tiles(1)[0], epoch: Epoch(1), version: RecordVersion(1), primary: members[inSync[0]],
      isr: inSync.map { members[$0] }, replicas: members.map(\.node))
    return CoordinatorState(record: record, known: members, gone: [false, false, false])
  }

  /// The rest of the cluster's state: settings and three nodes' names.
  static func base(_ durability: Durability) -> ClusterState {
    let settings = ClusterSettings(replicas: Fixed.nodes, minInSync: Fixed.minInSync, durability: durability)
    var store = MetadataSnapshot()
    store.apply(ClusterState.founding(ClusterRecord(id: ClusterID(high: 1, low: 1), name: "small"), settings))
    var state = try! ClusterState(store)
    state.nodes = (0..<Fixed.nodes).map { index in
      let member = Fixed.member(index)
      return NodeRecord(
        id: member.node, name: "w\(index + 1)", address: "w\(index + 1):1", storage: member.storage, incarnation: member.incarnation)
    }
    return state
  }
}

extension ISRProposal: @retroactive Hashable {
  public func hash(into hasher: inout Hasher) {
    hasher.combine(version.rawValue)
    hasher.combine(member)
  }
}

extension PartitionRecord {
  var text: String {
    "\(version) \(epoch): primary \(primary.map { "\($0)" } ?? "none"), ISR \(isr)" + (eligible.isEmpty ? "" : ", eligible \(eligible)")
  }
}
