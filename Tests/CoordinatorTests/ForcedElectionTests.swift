import Testing
import Wire

@testable import Coordinator

/// The forced election (R6) and the audit log.
@Suite struct ForcedElectionTests {
  private let reason = "rack 4 burnt down"

  /// w1 and w2, which held everything, are gone; w3 fell out of the in-sync set before.
  private func stranded() -> TestCluster {
    let cluster = TestCluster(workers: 3)
    cluster.propose(.remove, cluster.member("w3"), from: "w1")
    cluster.kill("w2")
    cluster.kill("w1")
    cluster.actions = []
    return cluster
  }

  private func answer(_ cluster: TestCluster, _ name: String, isDelivered: Bool = true) -> [SuccessionCommand] {
    var told: [SuccessionCommand] = []
    for case .send(let session, _, .succession(let command)) in cluster.takeActions() {
      told.append(command)
      guard command.action == .force, session == cluster.sessions[name] else { continue }
      let report = SuccessionReport(
        member: cluster.member(name), succession: command.succession,
        parents: [.init(partition: command.succession.parents[0], isPrimary: false, isSealed: false, isDelivered: isDelivered)],
        children: [.init(partition: command.succession.children[0].id, digest: 5)])
      cluster.step(.request(session, correlation: 0, .succession(report)))
    }
    return told
  }

  @Test func `a copy goes on under a new id, alone, and everything is in the audit log`() throws {
    let cluster = stranded()
    let range = cluster.record.range
    let id = try #require(cluster.start(.forceElection(PartitionID(1), cluster.node("w3"), reason: reason), by: "admin ada"))
    #expect(cluster.record.id == PartitionID(1), "not before the copy is there")
    let told = answer(cluster, "w3")
    #expect(told.map(\.action) == [.force])
    let record = cluster.record
    #expect(record.id == PartitionID(2) && record.range == range && cluster.primaryName == "w3" && cluster.isr == ["w3"])
    #expect(record.learners == [cluster.node("w1"), cluster.node("w2")])
    #expect(cluster.core.state.operation(id)?.state == .finished)
    cluster.pass(40)
    let audit = cluster.core.state.audit
    #expect(audit.map(\.who) == ["admin ada", "admin ada"] && audit[0].what.contains(reason) && audit[1].outcome.hasPrefix("finished"))
    #expect(AuditRecord.firstBroken(audit) == nil)
    cluster.restartCoordinator()
    #expect(cluster.core.state.audit == audit, "it outlives the process")
  }

  @Test func `where somebody can lead there is no forced election, and the attempt is on record`() {
    let cluster = TestCluster(workers: 3)
    #expect(cluster.start(.forceElection(PartitionID(1), cluster.node("w3"), reason: reason)) == nil)
    #expect(cluster.takeFailure()?.code == .conflict)
    #expect(cluster.core.state.audit.last?.outcome.hasPrefix("refused") == true)
  }

  @Test func `without a reason, or on a worker without a copy, it is refused`() {
    let cluster = stranded()
    for (node, reason) in [("w3", " "), ("w2", reason)] {
      #expect(cluster.start(.forceElection(PartitionID(1), cluster.node(node), reason: reason)) == nil)
      #expect(cluster.takeFailure() != nil)
    }
  }

  @Test func `the plan says who may still come back, and what is lost otherwise`() throws {
    let cluster = stranded()
    let start = StartOperation(.forceElection(PartitionID(1), cluster.node("w3"), reason: reason), isDryRun: true, token: 0)
    cluster.step(.request(SessionID(900), correlation: 5, .startOperation(start, by: "ada")))
    let plan = cluster.takeAnswers().compactMap { if case .operationStarted(let started) = $0 { started.plan } else { nil } }.last
    let steps = try #require(plan).steps
    #expect(steps.contains { $0.contains("if it can come back, wait for it") } && steps.contains { $0.contains("is lost") })
  }

  @Test func `an electable copy that comes back meanwhile leads, and nothing is lost`() throws {
    let cluster = stranded()
    let id = try #require(cluster.start(.forceElection(PartitionID(1), cluster.node("w3"), reason: reason)))
    cluster.join("w1", incarnation: 2, cluster: TestCluster.id)
    #expect(cluster.primaryName == "w1" && cluster.record.id == PartitionID(1))
    _ = answer(cluster, "w3")
    #expect(cluster.record.id == PartitionID(1) && cluster.core.state.operation(id)?.state == .aborted)
    cluster.pass(200, beating: ["w1", "w3"])
    let succession = Succession(
      operation: id, epoch: Epoch(1), parents: [PartitionID(1)], children: [.init(id: PartitionID(2), range: cluster.record.range)])
    let report = SuccessionReport(member: cluster.member("w3"), succession: succession, parents: [], children: [])
    _ = cluster.takeActions()
    cluster.step(.request(cluster.sessions["w3"]!, correlation: 0, .succession(report)))
    let told = cluster.takeAnswers().compactMap { if case .succession(let command) = $0 { command.action } else { nil } }
    #expect(told == [.abort], "its copy is forgotten")
  }

  @Test func `under replicated durability it releases a partition after a power loss`() throws {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1, durability: .replicated)
    cluster.kill("w1")
    cluster.join("w1", incarnation: 2, cluster: TestCluster.id)
    #expect(cluster.record.primary == nil && cluster.record.isr.isEmpty)
    let id = try #require(cluster.start(.forceElection(PartitionID(1), cluster.node("w1"), reason: "power loss")))
    _ = answer(cluster, "w1", isDelivered: false)
    #expect(cluster.core.state.operation(id)?.state == .running, "its decisions are delivered first")
    cluster.pass(100, beating: ["w1"])
    _ = answer(cluster, "w1")
    #expect(cluster.primaryName == "w1" && cluster.record.id == PartitionID(2))
  }
}
