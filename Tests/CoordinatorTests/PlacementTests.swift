import Testing
import Wire

@testable import Coordinator

@Suite struct PlacementTests {
  @Test func `partitions are founded when the expected workers are there, not before`() {
    let cluster = TestCluster(partitions: 8) { $0.expectedWorkers = 3 }
    cluster.join("w1")
    cluster.join("w2")
    cluster.pass(1_000, beating: ["w1", "w2"])
    #expect(cluster.core.state.partitions.isEmpty)
    #expect(cluster.core.status(cluster.now).waitingFor.first?.hasPrefix("2 of 3 workers have joined") == true)
    cluster.join("w3")
    #expect(cluster.core.state.partitions.count == 8)
    #expect(cluster.core.state.map.problem == nil)
  }

  @Test(arguments: [(3, 64, 1), (3, 64, 3), (5, 17, 3), (7, 100, 2), (1, 4, 1)])
  func `primaries and copies are balanced`(workers: Int, partitions: Int, replicas: Int) {
    let cluster = TestCluster(workers: workers, replicas: replicas, minInSync: 1, partitions: partitions)
    let all = cluster.core.state.partitions
    let leads = cluster.core.state.nodes.map { node in all.count { $0.primary?.node == node.id } }
    let holds = cluster.core.state.nodes.map { node in all.count { $0.replicas.contains(node.id) } }
    #expect(leads.max()! - leads.min()! <= 1)
    #expect(holds.max()! - holds.min()! <= replicas)
    #expect(all.allSatisfy { $0.replicas.count == replicas && $0.isr.count == replicas })
  }

  @Test func `the copies of a partition are spread over zones`() {
    let cluster = TestCluster(workers: 6, partitions: 60, zones: ["a", "b", "c"])
    for partition in cluster.core.state.partitions {
      #expect(Set(partition.replicas.map { cluster.core.state.node($0)!.zone }) == ["a", "b", "c"])
    }
  }

  @Test func `a worker that joins later gets the copies that are still missing`() {
    let cluster = TestCluster(workers: 2, partitions: 4)
    #expect(cluster.record.replicas.count == 2)
    cluster.join("w3")
    cluster.pass(3_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.core.state.partitions.allSatisfy { $0.replicas.count == 3 && $0.isr.count == 2 && $0.learners == [NodeID(3)] })
  }

  @Test func `a worker gone for long is replaced, and dropped once its substitute is in sync`() {
    let cluster = TestCluster(workers: 3) { $0.lostAfterMilliseconds = 60_000 }
    cluster.join("w4")
    cluster.kill("w2")
    cluster.pass(50_000, beating: ["w1", "w3", "w4"])
    #expect(cluster.record.replicas == [1, 2, 3].map { NodeID($0) }, "not yet: it may come back")
    cluster.pass(15_000, beating: ["w1", "w3", "w4"])
    #expect(cluster.record.replicas == [1, 2, 3, 4].map { NodeID($0) })
    cluster.propose(.add, cluster.member("w4"), from: "w1")
    cluster.pass(2_000, beating: ["w1", "w3", "w4"])
    #expect(cluster.record.replicas == [1, 3, 4].map { NodeID($0) })
    #expect(cluster.isr == ["w1", "w3", "w4"])
  }

  @Test func `copies are made a few at a time`() {
    let cluster = TestCluster(workers: 2, partitions: 40) { $0.learnersMax = 5 }
    cluster.join("w3")
    cluster.pass(5_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.core.state.partitions.count { !$0.learners.isEmpty } == 5)
  }

  @Test func `primaries go back to a worker that has settled and is in sync, a few at a time`() {
    let cluster = TestCluster(workers: 3, partitions: 30)
    cluster.kill("w1")
    #expect(cluster.core.state.partitions.allSatisfy { $0.primary?.node != NodeID(1) })
    cluster.join("w1", incarnation: 2)
    for partition in cluster.core.state.partitions {
      let primary = cluster.core.state.node(partition.primary!.node)!.name
      cluster.propose(.add, cluster.member("w1"), from: primary, partition: partition.id)
    }
    cluster.pass(9_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.core.state.partitions.allSatisfy { $0.primary?.node != NodeID(1) }, "it has not settled")
    cluster.pass(2_000, beating: ["w1", "w2", "w3"])
    let some = cluster.core.state.partitions.count { $0.primary?.node == NodeID(1) }
    #expect(some > 0 && some <= 8)
    cluster.pass(5_000, beating: ["w1", "w2", "w3"])
    let leads = [1, 2, 3].map { node in cluster.core.state.partitions.count { $0.primary?.node == NodeID(node) } }
    #expect(leads == [10, 10, 10])
    #expect(cluster.core.state.partitions.allSatisfy { $0.isr.count == 3 })
  }
}
