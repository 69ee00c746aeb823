import Testing
import Wire

@testable import Coordinator

/// Sessions in which copies are fed (R13), and copies whose state differs (R14).
@Suite struct TransferTests {
  static let p1 = PartitionID(1)

  private func sent(_ cluster: TestCluster) -> [(SessionID, TransferSession)] {
    cluster.takeActions().compactMap { if case .send(let session, _, .transfer(let transfer)) = $0 { (session, transfer) } else { nil } }
  }

  private func ask(
    _ cluster: TestCluster, source: String = "w1", target: String = "w3", epoch: Epoch? = nil,
    change: (inout TransferRequest) -> Void = { _ in }
  ) {
    var request = TransferRequest(
      partition: Self.p1, epoch: epoch ?? cluster.record.epoch, source: cluster.member(source), target: cluster.member(target))
    change(&request)
    cluster.step(.request(cluster.sessions[source]!, correlation: 0, .transfer(request)))
  }

  /// w3 has come back with an empty disk.
  private func wiped() -> TestCluster {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w3")
    cluster.pass(200, beating: ["w1", "w2"])
    cluster.join("w3", storage: 33, incarnation: 2)
    cluster.pass(200, beating: ["w1", "w2", "w3"])
    _ = cluster.takeActions()
    return cluster
  }

  @Test func `a session is told to both sides, and its number is never given again`() throws {
    let cluster = wiped()
    ask(cluster)
    let first = sent(cluster)
    #expect(Set(first.map(\.0)) == [cluster.sessions["w1"]!, cluster.sessions["w3"]!])
    #expect(Set(first.map(\.1.id)).count == 1 && first[0].1.epoch == cluster.record.epoch && first[0].1.target == cluster.member("w3"))
    ask(cluster)
    let second = sent(cluster)
    #expect(second[0].1.id > first[0].1.id)
    cluster.restartCoordinator()
    for name in ["w1", "w2", "w3"] { cluster.join(name, storage: name == "w3" ? 33 : nil, incarnation: name == "w3" ? 2 : 1) }
    cluster.pass(100, beating: ["w1", "w2", "w3"])
    _ = cluster.takeActions()
    ask(cluster)
    #expect(try #require(sent(cluster).first).1.id > second[0].1.id)
  }

  @Test func `no session is issued to feed a copy that counts, by who does not lead, or for a disk that is gone`() {
    let cluster = wiped()
    ask(cluster, target: "w2")
    #expect(sent(cluster).isEmpty, "w2 is in sync")
    ask(cluster, source: "w2")
    #expect(sent(cluster).isEmpty, "w2 does not lead")
    ask(cluster, epoch: Epoch(cluster.record.epoch.rawValue - 1))
    #expect(sent(cluster).isEmpty, "an epoch that is over")
    ask(cluster) { $0.target.storage = StorageID(high: 1, low: 1) }
    #expect(sent(cluster).isEmpty, "another disk")
    cluster.kill("w3")
    ask(cluster)
    #expect(sent(cluster).isEmpty, "it is gone")
  }

  // MARK: Digests

  private func report(_ cluster: TestCluster, _ digests: [String: UInt64], at offset: UInt64 = 100) {
    for (name, digest) in digests.sorted(by: { $0.key < $1.key }) {
      let report = CheckpointReport(member: cluster.member(name), partition: Self.p1, offset: Offset(offset), digest: digest)
      cluster.step(.request(cluster.sessions[name]!, correlation: 0, .checkpoint(report)))
    }
  }

  private func divergences(_ cluster: TestCluster) -> [(NodeID, Bool)] {
    cluster.takeActions().compactMap {
      if case .note(.stateDiverged(_, let node, _, _, let isGivenUp)) = $0 { (node, isGivenUp) } else { nil }
    }
  }

  @Test func `R14: equal states are nothing to speak of, at whatever offsets`() {
    let cluster = TestCluster(workers: 3)
    let before = cluster.record
    report(cluster, ["w1": 5, "w2": 5, "w3": 5])
    report(cluster, ["w1": 6, "w2": 6, "w3": 6], at: 200)
    #expect(cluster.record == before && divergences(cluster).isEmpty)
  }

  @Test(arguments: ["w1", "w2", "w3"])
  func `R14: the copy that is not as most are leaves in a new epoch, and another is made`(odd: String) throws {
    let cluster = TestCluster(workers: 3)
    let before = cluster.record
    var digests: [String: UInt64] = ["w1": 5, "w2": 5, "w3": 5]
    digests[odd] = 6
    report(cluster, digests)
    #expect(divergences(cluster).contains { $0 == (cluster.node(odd), true) })
    #expect(cluster.record.epoch > before.epoch && cluster.record.isr(cluster.node(odd)) == nil)
    #expect(cluster.record.primary?.node != cluster.node(odd) && cluster.record.isr.count == 2)
    cluster.pass(3_000, beating: ["w1", "w2", "w3"])
    #expect(cluster.record.replicas.contains(cluster.node(odd)) && cluster.record.electable(cluster.node(odd)) == nil, "a learner")
  }

  @Test func `R14: where too few would be left, the copy stays, and the operator hears of it`() {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w3")
    cluster.propose(.remove, cluster.member("w3"), from: "w1")
    cluster.pass(200, beating: ["w1", "w2"])
    let before = cluster.record
    _ = cluster.takeActions()
    report(cluster, ["w1": 5, "w2": 6])
    #expect(divergences(cluster).contains { $0 == (cluster.node("w2"), false) })
    #expect(cluster.record == before)
  }

  @Test func `R14: words of other disks and processes say nothing`() {
    let cluster = TestCluster(workers: 3)
    let before = cluster.record
    var member = cluster.member("w2")
    member.incarnation = Incarnation(9)
    report(cluster, ["w1": 5, "w3": 5])
    let late = CheckpointReport(member: member, partition: Self.p1, offset: Offset(100), digest: 6)
    cluster.step(.request(cluster.sessions["w2"]!, correlation: 0, .checkpoint(late)))
    #expect(cluster.record == before && divergences(cluster).isEmpty)
  }
}
