import Testing
import Wire

@testable import Coordinator

/// Planned hand-overs (R12), the coordinator's part.
@Suite struct HandOverTests {
  private func cluster(partitions: Int = 1) -> TestCluster {
    let cluster = TestCluster(workers: 3, partitions: partitions)
    cluster.answersHandOvers = false
    return cluster
  }

  private func commands(_ cluster: TestCluster) -> [HandOverCommand] {
    cluster.takeActions().compactMap { if case .send(_, _, .handOver(let command)) = $0 { command } else { nil } }
  }

  private func answer(_ cluster: TestCluster, _ state: HandOverReport.State, _ command: HandOverCommand, by name: String) {
    let report = TestCluster.report(state, command, by: cluster.member(name))
    cluster.step(.request(cluster.sessions[name]!, correlation: 0, .handOver(report)))
  }

  @Test func `nobody is elected before the primary says that the successor holds everything`() throws {
    let cluster = cluster()
    let before = cluster.record
    let id = try #require(cluster.start(.handOver(PartitionID(1), to: cluster.node("w2"))))
    let command = try #require(commands(cluster).last)
    #expect(command.version == before.version && command.successor == cluster.member("w2") && command.action == .pause)
    cluster.pass(300, beating: ["w1", "w2", "w3"])
    #expect(commands(cluster).count >= 2, "a command that is lost is sent again")
    #expect(cluster.record == before)
    answer(cluster, .drained, command, by: "w1")
    #expect(cluster.record.primary == cluster.member("w2") && cluster.record.epoch == before.epoch.next)
    #expect(cluster.record.isr == before.isr && cluster.record.replicas.first == cluster.node("w2"))
    #expect(cluster.core.state.operation(id)?.state == .finished)
    cluster.pass(15_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.primaryName == "w2", "it is not handed back")
  }

  @Test func `a successor that lags leaves everything as it is, and an operation gives up after a few tries`() throws {
    let cluster = cluster()
    let before = cluster.record
    let id = try #require(cluster.start(.handOver(PartitionID(1), to: cluster.node("w2"))))
    var versions: Set<RecordVersion> = []
    for _ in 0..<200 where cluster.core.state.operation(id)?.state == .running {
      for command in commands(cluster) where command.action == .pause {
        versions.insert(command.version)
        answer(cluster, .resumed, command, by: "w1")
      }
      cluster.pass(100, beating: ["w1", "w2", "w3"])
    }
    #expect(cluster.core.state.operation(id)?.state == .failed)
    #expect(versions.count == cluster.policy.handOverTries, "a primary pauses once by each version of the record: each try needs one")
    var record = cluster.record
    record.version = before.version
    #expect(record == before)
  }

  @Test func `what a worker with a full disk leads is handed over to one with room, and not handed back before it has room again`() throws {
    let cluster = TestCluster(workers: 3)
    let before = cluster.record
    #expect(cluster.primaryName == "w1")
    cluster.full = ["w2"]
    cluster.pass(1_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.record == before)
    cluster.full = ["w1", "w2"]
    cluster.pass(2_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.primaryName == "w3" && cluster.isr == ["w1", "w2", "w3"] && cluster.record.epoch == before.epoch.next)
    #expect(cluster.core.status(cluster.now).waitingFor.contains { $0.contains("w1's disk is full") })
    cluster.pass(15_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.primaryName == "w3")
    cluster.full = []
    cluster.pass(15_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.primaryName == "w1")
  }

  @Test func `where all disks are full everything stays as it is`() {
    let cluster = TestCluster(workers: 3)
    let before = cluster.record
    cluster.full = ["w2", "w3"]
    cluster.pass(1_000, beating: ["w1", "w2", "w3"])
    cluster.full = ["w1", "w2", "w3"]
    cluster.pass(5_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.record == before)
  }

  @Test func `a primary that does not answer is told to go on`() throws {
    let cluster = cluster()
    cluster.start(.handOver(PartitionID(1), to: cluster.node("w2")))
    cluster.pass(1_200, beating: ["w1", "w2", "w3"])
    #expect(commands(cluster).contains { $0.action == .resume })
    #expect(cluster.primaryName == "w1")
  }

  @Test func `a word that comes after the record has changed elects nobody`() throws {
    let cluster = cluster()
    cluster.start(.handOver(PartitionID(1), to: cluster.node("w2")))
    let command = try #require(commands(cluster).last)
    cluster.propose(.remove, cluster.member("w3"), from: "w1")
    let changed = cluster.record
    answer(cluster, .drained, command, by: "w1")
    #expect(cluster.record == changed, "w1 may have taken rows since")
    let next = try #require(commands(cluster).last)
    #expect(next.version == changed.version)
    answer(cluster, .drained, next, by: "w1")
    #expect(cluster.primaryName == "w2")
  }

  @Test func `a successor that is lost meanwhile is not elected`() throws {
    let cluster = cluster()
    let id = try #require(cluster.start(.handOver(PartitionID(1), to: cluster.node("w2"))))
    let command = try #require(commands(cluster).last)
    cluster.kill("w2")
    answer(cluster, .drained, command, by: "w1")
    #expect(cluster.primaryName == "w1" && cluster.core.state.operation(id)?.state == .failed)
  }

  @Test func `a drain hands over a few at a time, to all the others alike, and is over when nothing is led any more`() throws {
    let cluster = cluster(partitions: 60)
    let id = try #require(cluster.start(.drain(cluster.node("w1"))))
    #expect(Set(commands(cluster).map(\.partition)).count == cluster.policy.handOversMax)
    cluster.answersHandOvers = true
    cluster.pass(3_000, beating: ["w1", "w2", "w3"])
    let leads = [1, 2, 3].map { node in cluster.core.state.partitions.count { $0.primary?.node == NodeID(node) } }
    #expect(leads == [0, 30, 30])
    #expect(cluster.core.state.operation(id)?.state == .finished)
  }

  @Test func `a coordinator that starts anew asks again`() throws {
    let cluster = cluster()
    let id = try #require(cluster.start(.handOver(PartitionID(1), to: cluster.node("w2"))))
    cluster.restartCoordinator(after: 100)
    cluster.answersHandOvers = true
    for name in ["w1", "w2", "w3"] { cluster.join(name, cluster: TestCluster.id) }
    cluster.pass(500, beating: ["w1", "w2", "w3"])
    #expect(cluster.primaryName == "w2" && cluster.core.state.operation(id)?.state == .finished)
  }

  @Test func `an operation that is given up lets the primary go on`() throws {
    let cluster = cluster()
    let id = try #require(cluster.start(.handOver(PartitionID(1), to: cluster.node("w2"))))
    let command = try #require(commands(cluster).last)
    cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id)))
    #expect(commands(cluster).contains { $0.action == .resume })
    answer(cluster, .drained, command, by: "w1")
    #expect(cluster.primaryName == "w1")
  }
}
