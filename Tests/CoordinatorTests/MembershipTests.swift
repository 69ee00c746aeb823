import Testing
import Wire

@testable import Coordinator

@Suite struct MembershipTests {
  @Test func `a new worker gets a number and nothing is said before it is durable`() {
    let cluster = TestCluster(minInSync: 1)
    cluster.commitsAtOnce = false
    cluster.join("w1")
    #expect(cluster.takeActions().isEmpty)
    cluster.flush()
    #expect(
      cluster.takeAnswers().first
        == .joined(JoinAccepted(cluster: TestCluster.id, node: NodeID(1), settings: cluster.policy.settings)))
  }

  @Test func `the same disk is the same node, also after a restart of the coordinator`() {
    let cluster = TestCluster(workers: 3)
    let before = cluster.member("w2")
    cluster.restartCoordinator()
    cluster.join("w2", incarnation: 2)
    #expect(cluster.node("w2") == before.node)
    #expect(cluster.member("w2").incarnation == Incarnation(2))
    #expect(cluster.core.state.nodes.count == 3)
  }

  @Test func `R3: a disk of another cluster is refused and told what to do`() throws {
    let cluster = TestCluster(workers: 3)
    cluster.join("w4", cluster: ClusterID(high: 1, low: 1))
    let failure = try #require(cluster.takeFailure())
    #expect(failure.code == .wrongCluster)
    #expect(!failure.isRetriable)
    #expect(failure.message.contains("empty directory"))
  }

  @Test func `R6: an incarnation lower than known is an older copy of the disk and is refused`() throws {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w2")
    cluster.join("w2", incarnation: 5)
    cluster.kill("w2")
    cluster.takeActions()
    cluster.join("w2", incarnation: 4)
    let failure = try #require(cluster.takeFailure())
    #expect(!failure.isRetriable)
    #expect(failure.message.contains("Wipe it"))
    #expect(cluster.member("w2").incarnation == Incarnation(5))
  }

  @Test func `two workers can't share a name while both run`() throws {
    let cluster = TestCluster(workers: 3)
    let before = cluster.core.state
    cluster.join("w2", storage: 99)
    let failure = try #require(cluster.takeFailure())
    #expect(failure.code == .busy)
    #expect(failure.isRetriable)
    #expect(cluster.core.state == before)
  }

  @Test func `two names can't share a disk`() throws {
    let cluster = TestCluster(workers: 3)
    cluster.join("w4", storage: 2)
    #expect(try #require(cluster.takeFailure()).code == .conflict)
  }

  @Test func `R2: a worker that has seen a newer record than the store has is refused, for the store is an old copy`() throws {
    let cluster = TestCluster(workers: 3)
    let record = cluster.record
    cluster.kill("w2")
    cluster.takeActions()
    cluster.join("w2", incarnation: 2, seen: [.init(partition: record.id, epoch: record.epoch, version: RecordVersion(99))])
    let failure = try #require(cluster.takeFailure())
    #expect(failure.code == .conflict)
    #expect(failure.message.contains("restored"))
  }

  @Test func `a new connection of the same process takes over from the old one`() {
    let cluster = TestCluster(workers: 3)
    let epoch = cluster.record.epoch
    let old = cluster.sessions["w1"]!
    cluster.join("w1")
    #expect(cluster.takeActions().contains { if case .close(old, _) = $0 { true } else { false } })
    cluster.step(.closed(old))
    cluster.pass(400)
    #expect(cluster.record.epoch == epoch)
    #expect(cluster.core.state.node(named: "w1")?.state == .alive)
  }

  @Test func `silence makes a worker suspect, and only the whole lease makes it gone`() {
    let cluster = TestCluster(workers: 3)
    cluster.pass(2_900, beating: ["w1", "w2"])
    #expect(cluster.core.state.node(named: "w3")?.state == .alive)
    #expect(cluster.core.status(cluster.now).nodes[2].state == .suspect)
    #expect(cluster.takeActions().contains(.probe(NodeID(3), address: "w3:7101")))
    cluster.pass(200, beating: ["w1", "w2"])
    #expect(cluster.core.state.node(named: "w3")?.state == .gone)
  }

  @Test func `a closed connection is a hint: a worker whose port answers is not given up`() {
    let cluster = TestCluster(workers: 3)
    cluster.close("w1")
    cluster.step(.tick)
    cluster.step(.probed(NodeID(1), .answered(TestCluster.storage(1), Incarnation(1))))
    cluster.pass(500, beating: ["w2", "w3"])
    #expect(cluster.primaryName == "w1")
    #expect(cluster.record.epoch == Epoch(1))
  }

  @Test func `another process behind the address proves that the old one is dead`() {
    let cluster = TestCluster(workers: 3)
    cluster.close("w1")
    cluster.step(.tick)
    cluster.step(.probed(NodeID(1), .answered(TestCluster.storage(1), Incarnation(2))))
    #expect(cluster.core.state.node(named: "w1")?.state == .gone)
    #expect(cluster.primaryName != "w1")
  }

  @Test func `a worker that was given up and lives hears so at its next heartbeat, and comes back by joining`() throws {
    let cluster = TestCluster(workers: 3)
    cluster.pass(3_100, beating: ["w1", "w2"])
    cluster.takeActions()
    cluster.beat("w3")
    let failure = try #require(cluster.takeFailure())
    #expect(failure.code == .fenced && failure.isRetriable)
    cluster.join("w3")
    #expect(cluster.core.state.node(named: "w3")?.state == .alive)
  }

  @Test func `R11: a pause of the coordinator fences nobody`() {
    let cluster = TestCluster(workers: 3)
    let before = cluster.core.state
    cluster.now += 60_000
    cluster.step(.tick)
    cluster.pass(1_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.core.state == before)
  }

  @Test func `R11: after its restart the coordinator gives everybody a whole lease to come back`() {
    let cluster = TestCluster(workers: 3)
    let before = cluster.core.state
    cluster.restartCoordinator(after: 3_600_000)
    cluster.pass(2_900)
    #expect(cluster.core.state == before)
    for name in ["w1", "w2", "w3"] { cluster.join(name) }
    cluster.pass(5_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.core.state == before)
  }

  @Test func `R1: a worker whose connection closes while its join commits holds no role by it`() {
    let cluster = TestCluster(workers: 1, minInSync: 1)
    cluster.commitsAtOnce = false
    cluster.join("w2")
    cluster.close("w2")
    cluster.flush()
    #expect(cluster.core.liveness(cluster.now).fit == [NodeID(1)])
    cluster.commitsAtOnce = true
    cluster.pass(3_100, beating: ["w1"])
    #expect(cluster.core.state.node(named: "w2")?.state == .gone)
  }

  @Test func `a refused commit is told to nobody, and the store is read again`() throws {
    let cluster = TestCluster(workers: 3)
    cluster.commitsAtOnce = false
    cluster.join("w4")
    // Another coordinator writes first.
    cluster.store.apply(MetadataTransaction(puts: [.init(key: .node(NodeID(4)), value: cluster.foreign.encoded)]))
    cluster.flush()
    #expect(try #require(cluster.takeFailure()).code == .unavailable)
    #expect(cluster.core.state.node(NodeID(4))?.name == "foreign")
    cluster.commitsAtOnce = true
    cluster.join("w4")
    #expect(cluster.node("w4") == NodeID(5))
  }
}

extension TestCluster {
  var foreign: NodeRecord {
    NodeRecord(id: NodeID(4), name: "foreign", address: "f:1", storage: Self.storage(44), incarnation: Incarnation(1))
  }
}
