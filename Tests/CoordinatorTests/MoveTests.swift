import Testing
import Wire

@testable import Coordinator

/// Moves, rebalancing and removal: what is in the store at each moment.
@Suite struct MoveTests {
  private func cluster(workers: Int = 4, partitions: Int = 1, zones: [String] = []) -> TestCluster {
    let cluster = TestCluster(workers: 3, partitions: partitions, zones: zones)
    for number in 4...max(4, workers) where workers > 3 {
      cluster.join("w\(number)", zone: zones.isEmpty ? "" : zones[(number - 1) % zones.count])
    }
    cluster.actions = []
    return cluster
  }

  private func names(_ cluster: TestCluster) -> [String] { (1...cluster.core.state.nodes.count).map { "w\($0)" } }

  /// Every learner has caught up and is proposed by its primary.
  private func catchUp(_ cluster: TestCluster) {
    for record in cluster.core.state.partitions {
      guard let primary = record.primary, let learner = record.learners.first(where: { cluster.core.state.node($0)?.state == .alive })
      else { continue }
      cluster.propose(
        .add, cluster.core.state.node(learner)!.member, from: cluster.core.state.node(primary.node)!.name, partition: record.id)
    }
  }

  private func run(_ cluster: TestCluster, until id: OperationID, rounds: Int = 400) {
    for _ in 0..<rounds where cluster.core.state.operation(id)?.state.isOver == false {
      catchUp(cluster)
      cluster.pass(100, beating: names(cluster))
    }
  }

  @Test func `a follower's copy moves in steps, each of which leaves enough in sync`() throws {
    let cluster = cluster()
    let before = cluster.record
    let id = try #require(cluster.start(.move(PartitionID(1), from: cluster.node("w3"), to: cluster.node("w4"))))
    #expect(cluster.record.replicas == [1, 2, 4, 3].map { NodeID($0) } && cluster.isr == ["w1", "w2", "w3"])
    cluster.pass(500, beating: names(cluster))
    #expect(cluster.isr == ["w1", "w2", "w3"], "it has not caught up")
    cluster.propose(.add, cluster.member("w4"), from: "w1")
    #expect(cluster.isr == ["w1", "w2", "w4"] && cluster.record.replicas == [1, 2, 4].map { NodeID($0) })
    #expect(cluster.record.epoch > before.epoch, "what w3 acknowledged counts in no epoch in which it may come back")
    #expect(cluster.primaryName == "w1" && cluster.core.state.operation(id)?.state == .finished)
  }

  @Test func `the leader's copy moves by a hand-over to the new one`() throws {
    let cluster = cluster()
    let id = try #require(cluster.start(.move(PartitionID(1), from: cluster.node("w1"), to: cluster.node("w4"))))
    cluster.answersHandOvers = false
    cluster.propose(.add, cluster.member("w4"), from: "w1")
    #expect(cluster.isr == ["w1", "w2", "w3", "w4"] && cluster.primaryName == "w1")
    cluster.answersHandOvers = true
    cluster.pass(200, beating: names(cluster))
    #expect(cluster.isr == ["w2", "w3", "w4"] && cluster.primaryName == "w4" && cluster.record.replicas.first == cluster.node("w4"))
    #expect(cluster.core.state.operation(id)?.state == .finished)
  }

  @Test func `the old copy stays while too few others are in sync`() throws {
    let cluster = cluster()
    let id = try #require(cluster.start(.move(PartitionID(1), from: cluster.node("w3"), to: cluster.node("w4"))))
    cluster.kill("w2")
    cluster.answersHandOvers = false
    cluster.propose(.add, cluster.member("w4"), from: "w1")
    cluster.kill("w4")
    cluster.answersHandOvers = true
    cluster.pass(2_000, beating: ["w1", "w3"])
    #expect(cluster.isr == ["w1", "w3"] && cluster.core.state.operation(id)?.state == .running)
  }

  @Test func `a move goes on after the coordinator's death, in every phase`() throws {
    for phase in 0...2 {
      let cluster = cluster()
      cluster.answersHandOvers = phase < 2
      let id = try #require(cluster.start(.move(PartitionID(1), from: cluster.node("w1"), to: cluster.node("w4"))))
      if phase > 0 { cluster.answersHandOvers = false }
      if phase > 1 { cluster.propose(.add, cluster.member("w4"), from: "w1") }
      cluster.restartCoordinator(after: 200)
      cluster.answersHandOvers = true
      for name in names(cluster) { cluster.join(name, cluster: TestCluster.id) }
      run(cluster, until: id)
      #expect(cluster.core.state.operation(id)?.state == .finished && cluster.isr == ["w2", "w3", "w4"], "phase \(phase)")
    }
  }

  @Test func `a move that is given up takes the new copy away again`() throws {
    for isInSync in [false, true] {
      let cluster = cluster()
      let id = try #require(cluster.start(.move(PartitionID(1), from: cluster.node("w3"), to: cluster.node("w4"))))
      if isInSync {
        cluster.answersHandOvers = false
        cluster.propose(.add, cluster.member("w4"), from: "w1")
      }
      cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id)))
      cluster.answersHandOvers = true
      cluster.pass(2_000, beating: names(cluster))
      #expect(cluster.core.state.operation(id)?.state == .aborted)
      #expect(cluster.record.replicas == [1, 2, 3].map { NodeID($0) } && cluster.isr == ["w1", "w2", "w3"])
    }
  }

  @Test func `copies are made a few at a time`() {
    let cluster = cluster(partitions: 12)
    for partition in cluster.core.state.partitions {
      _ = cluster.start(.move(partition.id, from: partition.replicas.last!, to: cluster.node("w4")))
    }
    #expect(cluster.core.state.partitions.count { !$0.learners.isEmpty } == cluster.policy.movesMax)
  }

  @Test(arguments: [
    (OperationRequest.move(PartitionID(9), from: NodeID(1), to: NodeID(4)), FailureCode.notFound),
    (.move(PartitionID(1), from: NodeID(1), to: NodeID(9)), .notFound), (.move(PartitionID(1), from: NodeID(4), to: NodeID(1)), .malformed),
    (.move(PartitionID(1), from: NodeID(1), to: NodeID(2)), .malformed),
  ])
  func `what can't be moved is refused`(request: OperationRequest, code: FailureCode) {
    let cluster = cluster()
    #expect(cluster.start(request) == nil)
    #expect(cluster.takeFailure()?.code == code)
  }

  // MARK: Rebalancing

  @Test(arguments: [(4, 12, 3), (6, 64, 3), (5, 7, 3)])
  func `workers that join get their share, and a second plan is empty`(workers: Int, partitions: Int, old: Int) throws {
    let cluster = cluster(workers: workers, partitions: partitions)
    let id = try #require(cluster.start(.rebalance))
    run(cluster, until: id, rounds: 2_000)
    #expect(cluster.core.state.operation(id)?.state == .finished, "\(String(describing: cluster.core.state.operation(id)))")
    let all = cluster.core.state.partitions
    let holds = cluster.core.state.nodes.map { node in all.count { $0.replicas.contains(node.id) } }
    let leads = cluster.core.state.nodes.map { node in all.count { $0.primary?.node == node.id } }
    #expect(holds.max()! - holds.min()! <= 1 && leads.max()! - leads.min()! <= 1, "\(holds) \(leads)")
    #expect(all.allSatisfy { $0.replicas.count == 3 && $0.isr.count == 3 })
    #expect(RebalancePlan(nodes: cluster.core.state.nodes, partitions: all).isEmpty)
  }

  @Test func `copies that share a zone are taken apart, and none are brought together`() {
    let zones = ["a", "b", "c"]
    let nodes = (1...6).map { number in
      NodeRecord(
        id: NodeID(UInt32(number)), name: "w\(number)", address: "w:1", zone: zones[(number - 1) / 2],
        storage: TestCluster.storage(UInt64(number)), incarnation: Incarnation(1))
    }
    let partitions = KeyRange.tiles(24).enumerated().map { index, range in
      let members = nodes.prefix(3).map(\.member)
      return PartitionRecord(
        id: PartitionID(UInt32(index + 1)), range: range, epoch: Epoch(1), version: RecordVersion(1), primary: members[0], isr: members,
        replicas: members.map(\.node))
    }
    var after = partitions
    let plan = RebalancePlan(nodes: nodes, partitions: partitions)
    for move in plan.moves {
      let index = after.firstIndex { $0.id == move.partition }!
      after[index].replicas[after[index].replicas.firstIndex(of: move.from)!] = move.to
    }
    for partition in after {
      #expect(Set(partition.replicas.map { node in nodes.first { $0.id == node }!.zone }).count == 3)
    }
    let holds = nodes.map { node in after.count { $0.replicas.contains(node.id) } }
    #expect(holds.max()! - holds.min()! <= 1, "\(holds)")
    #expect(RebalancePlan(nodes: nodes, partitions: partitions) == plan, "the same cluster gets the same plan")
  }

  @Test func `random clusters come to rest, balanced, within a plan`() {
    for seed in 1...200 as ClosedRange<UInt64> {
      var random = SplitMix(state: seed)
      let workers = 3 + Int(random.next() % 6)
      let zoneCount = 1 + random.next() % 3
      let nodes = (1...workers).map { number in
        NodeRecord(
          id: NodeID(UInt32(number)), name: "w\(number)", address: "w:1", zone: "z\(random.next() % zoneCount)",
          storage: TestCluster.storage(UInt64(number)), incarnation: Incarnation(1))
      }
      let partitions = KeyRange.tiles(1 + Int(random.next() % 40)).enumerated().map { index, range in
        let replicas = Array(nodes.shuffled(using: &random).prefix(1 + Int(random.next() % 3)))
        return PartitionRecord(
          id: PartitionID(UInt32(index + 1)), range: range, epoch: Epoch(1), version: RecordVersion(1), primary: replicas[0].member,
          isr: replicas.map(\.member).sorted { $0.node < $1.node }, replicas: replicas.map(\.id))
      }
      let plan = RebalancePlan(nodes: nodes, partitions: partitions)
      var after = partitions
      for move in plan.moves {
        let index = after.firstIndex { $0.id == move.partition }!
        #expect(!after[index].replicas.contains(move.to), "seed \(seed)")
        after[index].replicas[after[index].replicas.firstIndex(of: move.from)!] = move.to
      }
      for lead in plan.leads {
        let index = after.firstIndex { $0.id == lead.partition }!
        after[index].replicas.insert(after[index].replicas.remove(at: after[index].replicas.firstIndex(of: lead.to)!), at: 0)
      }
      #expect(RebalancePlan(nodes: nodes, partitions: after).isEmpty, "seed \(seed)")
      func zones(_ record: PartitionRecord) -> Int { Set(record.replicas.map { id in nodes.first { $0.id == id }!.zone }).count }
      for (old, new) in zip(partitions, after) { #expect(zones(new) >= zones(old), "seed \(seed)") }
    }
  }

  @Test func `a worker is emptied, and only then may be stopped for good`() throws {
    let cluster = cluster(partitions: 9)
    let id = try #require(cluster.start(.remove(cluster.node("w1"))))
    run(cluster, until: id, rounds: 1_000)
    #expect(cluster.core.state.operation(id)?.state == .finished)
    #expect(cluster.core.state.partitions.allSatisfy { !$0.replicas.contains(cluster.node("w1")) && $0.isr.count == 3 })
  }

  @Test func `a removal says when nobody can take the copies, and ends its moves when it is given up`() throws {
    let cluster = TestCluster(workers: 3, partitions: 3)
    let id = try #require(cluster.start(.remove(cluster.node("w1"))))
    cluster.pass(2_000, beating: names(cluster))
    #expect(cluster.core.state.operation(id)?.note.contains("start another one") == true)
    cluster.join("w4")
    cluster.pass(200, beating: names(cluster))
    #expect(cluster.core.state.openOperations.count > 1)
    cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id)))
    cluster.pass(4_000, beating: names(cluster))
    #expect(cluster.core.state.openOperations.isEmpty && !cluster.core.state.node(named: "w1")!.draining)
    #expect(cluster.core.state.partitions.allSatisfy { $0.replicas.count == 3 })
  }
}
