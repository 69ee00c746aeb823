import Testing
import Wire

@testable import Coordinator

@Suite struct OperationTests {
  @Test func `an operation is on record, outlives the coordinator's process, and can be given up`() {
    let cluster = TestCluster(workers: 3)
    cluster.answersHandOvers = false
    cluster.step(.clock(wallMilliseconds: 5_000))
    let id = cluster.start(.drain(cluster.node("w1")), by: "admin ada")!
    let record = cluster.core.state.operation(id)!
    #expect(record.requester == "admin ada" && record.startedAt == 5_000 && record.state == .running)
    #expect(cluster.core.state.node(named: "w1")!.draining)
    cluster.restartCoordinator(after: 1_000)
    #expect(cluster.core.state.operation(id)?.state == .running)
    cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id)))
    #expect(cluster.takeOperations().last?.state == .aborted)
    #expect(!cluster.core.state.node(named: "w1")!.draining)
    #expect(cluster.core.state.operation(id)!.endedAt > 0)
    cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id)))
    #expect(cluster.takeFailure()?.code == .conflict, "it is over")
  }

  @Test func `the same request sent twice begins one operation`() {
    let cluster = TestCluster(workers: 3)
    let first = cluster.start(.undrain(cluster.node("w3")), token: 77)
    let second = cluster.start(.undrain(cluster.node("w3")), token: 77)
    #expect(first == second && cluster.core.state.operations.count == 1)
    #expect(cluster.start(.undrain(cluster.node("w3")), token: 78) != first)
  }

  @Test func `a dry run shows the plan and what may fail meanwhile, and begins nothing`() {
    let cluster = TestCluster(workers: 3)
    let before = cluster.store
    let start = StartOperation(.drain(cluster.node("w1")), isDryRun: true, token: 0)
    cluster.step(.request(SessionID(900), correlation: 5, .startOperation(start, by: "ada")))
    let plan = cluster.takeAnswers().compactMap { if case .operationStarted(let started) = $0 { started.plan } else { nil } }.last!
    #expect(plan.toleratedNow == 1 && plan.toleratedAfter == 0)
    #expect(plan.steps.contains("p1: w2 leads it") && plan.steps.last == "w1 can be stopped")
    #expect(cluster.store == before)
  }

  @Test func `what is not there can't be drained, listed or given up`() {
    let cluster = TestCluster(workers: 3)
    #expect(cluster.start(.drain(NodeID(9))) == nil)
    #expect(cluster.takeFailure()?.code == .notFound)
    for request in [CoordinatorRequest.operations(OperationID(4)), .abortOperation(OperationID(4))] {
      cluster.step(.request(SessionID(900), correlation: 6, request))
      #expect(cluster.takeFailure()?.code == .notFound)
    }
  }

  @Test func `records of ended operations are bounded, and ids are not used again`() {
    let cluster = TestCluster(workers: 3)
    let count = ClusterState.endedOperationsMax + 20
    for token in 1...UInt64(count) { _ = cluster.start(.undrain(cluster.node("w3")), token: token) }
    cluster.pass(40)
    #expect(cluster.core.state.operations.count == ClusterState.endedOperationsMax)
    #expect(cluster.core.state.operations.last?.id == OperationID(UInt32(count)))
    #expect(cluster.store.entries.keys.count { $0.text.hasPrefix("operation/") } == ClusterState.endedOperationsMax)
    cluster.restartCoordinator()
    #expect(cluster.start(.undrain(cluster.node("w3")), token: 9_999) == OperationID(UInt32(count + 1)))
  }
}
