import Testing
import Wire

@testable import Coordinator

@Suite struct FailoverTests {
  @Test func `R2: a killed primary is replaced at once, in a new epoch, without waiting for the lease`() {
    let cluster = TestCluster(workers: 3)
    #expect(cluster.primaryName == "w1")
    cluster.kill("w1")
    #expect(cluster.primaryName == "w2")
    #expect(cluster.record.epoch == Epoch(2))
    #expect(cluster.isr == ["w2", "w3"])
    #expect(cluster.eligible.isEmpty)
  }

  @Test func `what a dead worker led is shared out among those that are left`() {
    let cluster = TestCluster(workers: 3, partitions: 12)
    cluster.kill("w2")
    let leads = cluster.core.state.nodes.map { node in cluster.core.state.partitions.count { $0.primary?.node == node.id } }
    #expect(leads == [6, 0, 6])
  }

  @Test func `the map with a new primary goes to all watchers in the turn in which it is durable`() throws {
    let cluster = TestCluster(workers: 3)
    let client = SessionID(100)
    cluster.step(.request(client, correlation: 77, .watch(known: MapVersion(cluster.core.state.revision))))
    cluster.close("w1")
    cluster.step(.tick)
    cluster.commitsAtOnce = false
    cluster.step(.probed(NodeID(1), .refused))
    #expect(cluster.takeMaps().isEmpty)
    cluster.flush()
    let sent = cluster.takeActions().compactMap { action -> ClusterMap? in
      if case .send(client, 77, .map(let map)) = action { map } else { nil }
    }
    #expect(sent.map { $0.partitions[0].primary?.node } == [NodeID(2)])
  }

  @Test func `R6: whoever is removed while too few stay in sync stays electable until there are enough again`() {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w1")
    cluster.kill("w2")
    #expect(cluster.isr == ["w3"])
    #expect(cluster.eligible == ["w2"])
    // All that w3 alone wrote is uncommitted, so w2 has every acknowledged entry.
    cluster.kill("w3")
    #expect(cluster.isr == ["w3"], "the last one stays on record, for nobody else may lead")
    cluster.join("w2", incarnation: 2)
    #expect(cluster.primaryName == "w2")
    #expect(cluster.isr == ["w2"])
    #expect(cluster.eligible == ["w3"])
    cluster.join("w3", incarnation: 2)
    cluster.propose(.add, cluster.member("w3"), from: "w2")
    #expect(cluster.isr == ["w2", "w3"])
    #expect(cluster.eligible.isEmpty)
  }

  @Test func `R6: nobody leaves the in-sync set on the strength of members that this coordinator has not heard`() {
    let cluster = TestCluster(workers: 3)
    cluster.restartCoordinator()
    cluster.join("w2", incarnation: 2)
    cluster.kill("w2")
    #expect(cluster.isr == ["w1", "w2", "w3"])
    // Both have lost their disks meanwhile.
    cluster.join("w1", storage: 11)
    cluster.join("w3", storage: 33)
    #expect(cluster.isr == ["w2"])
    cluster.join("w2", incarnation: 3)
    #expect(cluster.primaryName == "w2")
  }

  @Test func `R4, R6: a primary's removal waits until the others have been heard`() {
    let cluster = TestCluster(workers: 3)
    let primary = cluster.primaryName!
    let (odd, other) = primary == "w1" ? ("w2", "w3") : primary == "w2" ? ("w1", "w3") : ("w1", "w2")
    cluster.restartCoordinator()
    cluster.join(primary)
    cluster.propose(.remove, cluster.member(odd), from: primary)
    #expect(cluster.isr == ["w1", "w2", "w3"] && cluster.takeOutcome() == nil)
    cluster.join(other)
    cluster.pass(1_000, beating: [primary, other])
    #expect(cluster.isr == [primary, other].sorted())
  }

  @Test func `R6: nor does a dead primary, until the others have been heard`() {
    let cluster = TestCluster(workers: 3)
    cluster.restartCoordinator()
    cluster.join("w1", incarnation: 2)
    cluster.join("w2", incarnation: 2)
    let primary = cluster.primaryName!
    cluster.kill(primary)
    #expect(cluster.primaryName == (primary == "w1" ? "w2" : "w1"))
    #expect(cluster.isr == ["w1", "w2", "w3"])
    cluster.join("w3", incarnation: 2)
    cluster.pass(1_000, beating: ["w2", "w3", "w1"].filter { $0 != primary })
    #expect(cluster.isr == ["w1", "w2", "w3"].filter { $0 != primary })
  }

  @Test func `a former member that is not electable any more is never elected, and the partition waits`() {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w1")
    cluster.kill("w2")
    cluster.kill("w3")
    cluster.join("w1", incarnation: 2)
    cluster.pass(1_000, beating: ["w1"])
    #expect(cluster.primaryName == "w3")
    #expect(cluster.core.status(cluster.now).waitingFor.contains { $0.contains("waits for one of: w3, w2") })
    cluster.join("w3", incarnation: 2)
    #expect(cluster.primaryName == "w3")
    #expect(cluster.record.primary == cluster.member("w3"))
  }

  @Test func `R2: a restarted primary gets a new epoch, also where it is the only replica`() {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    cluster.kill("w1")
    #expect(cluster.primaryName == "w1", "a partition stays with its only copy")
    #expect(cluster.record.epoch == Epoch(1))
    cluster.join("w1", incarnation: 2)
    #expect(cluster.record.epoch == Epoch(2))
    #expect(cluster.record.primary == cluster.member("w1"))
  }

  @Test func `a dead worker's only copies are never placed on others`() {
    let cluster = TestCluster(workers: 2, replicas: 1, minInSync: 1, partitions: 4)
    cluster.kill("w1")
    cluster.pass(400_000, beating: ["w2"])
    let orphans = cluster.core.state.partitions.filter { $0.primary?.node == NodeID(1) }
    #expect(orphans.count == 2)
    #expect(orphans.allSatisfy { $0.replicas == [NodeID(1)] })
  }

  @Test func `R2: a primary that restarts faster than anybody notices is fenced by a new epoch all the same`() {
    let cluster = TestCluster(workers: 3)
    cluster.join("w1", incarnation: 2)
    #expect(cluster.record.epoch == Epoch(2))
    #expect(cluster.record.primary == cluster.member(cluster.primaryName!))
  }

  @Test func `R1: a wiped disk loses role, in-sync place and eligibility in the transaction that records it`() {
    let cluster = TestCluster(workers: 3)
    cluster.close("w1")
    cluster.commitsAtOnce = false
    cluster.join("w1", storage: 11)
    let keys = Set(cluster.pending!.transaction.puts.map(\.key.text))
    #expect(keys == ["node/0000000001", "partition/0000000001"])
    cluster.flush()
    #expect(cluster.record.isr(NodeID(1)) == nil)
    #expect(cluster.record.electable(NodeID(1)) == nil)
    #expect(cluster.primaryName == "w2")
    #expect(cluster.record.learners == [NodeID(1)], "it catches up from its peers")
  }

  @Test func `R1: a wiped former member is not electable any more`() {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w1")
    cluster.kill("w2")
    #expect(cluster.eligible == ["w2"])
    cluster.join("w2", storage: 22)
    #expect(cluster.eligible.isEmpty)
    cluster.kill("w3")
    #expect(cluster.primaryName == "w3")
  }

  @Test func `a partition whose every electable disk was wiped has no primary, and nobody is elected`() {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    cluster.kill("w1")
    cluster.join("w1", storage: 11)
    cluster.pass(2_000, beating: ["w1"])
    #expect(cluster.record.primary == nil)
    #expect(cluster.record.isr.isEmpty)
    #expect(cluster.core.status(cluster.now).waitingFor.contains { $0.contains("lost every electable replica") })
  }

  @Test func `R6: under replicated durability a restart counts as a wiped disk`() {
    let cluster = TestCluster(workers: 3, durability: .replicated)
    cluster.kill("w2")
    cluster.join("w2", incarnation: 2)
    #expect(!cluster.isr.contains("w2"))
    cluster.join("w1", incarnation: 2)
    #expect(cluster.primaryName == "w3")
    #expect(cluster.isr == ["w3"])
    #expect(cluster.eligible.isEmpty)
    cluster.join("w3", incarnation: 2)
    #expect(cluster.record.primary == nil, "a power loss of all needs a forced election")
  }

  @Test func `R6: under replicated durability a clean stop keeps everything`() {
    let cluster = TestCluster(workers: 3, durability: .replicated)
    for name in ["w1", "w2", "w3"] { cluster.join(name, incarnation: 2, intactSince: 1) }
    #expect(cluster.isr == ["w1", "w2", "w3"])
    #expect(cluster.record.isr == ["w1", "w2", "w3"].map(cluster.member))
    #expect(cluster.record.primary == cluster.member(cluster.primaryName!))
  }

  @Test func `R11: while the store does not answer nothing is elected, and one commit then settles all`() {
    let cluster = TestCluster(workers: 3, partitions: 6)
    cluster.commitsAtOnce = false
    cluster.join("w4")
    cluster.kill("w1")
    cluster.kill("w2")
    cluster.pass(1_000, beating: ["w3"])
    #expect(cluster.core.state.partitions.allSatisfy { $0.epoch == Epoch(1) })
    cluster.flush()
    cluster.flush()
    #expect(cluster.core.state.partitions.allSatisfy { $0.primary?.node == NodeID(3) })
  }

  @Test func `settings: a lower minISR takes eligibility away in the same transaction`() {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w1")
    cluster.kill("w2")
    #expect(cluster.eligible == ["w2"])
    var settings = cluster.policy.settings
    settings.minInSync = 1
    let policy = CoordinatorPolicy(settings: settings)
    cluster.core = CoordinatorCore(cluster.core.state, policy, now: cluster.now)
    cluster.step(.tick)
    #expect(cluster.core.state.settings.minInSync == 1)
    #expect(cluster.eligible.isEmpty)
  }
}
