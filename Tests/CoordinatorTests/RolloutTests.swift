import Testing
import Wire

@testable import Coordinator

@Suite struct RolloutTests {
  static let bundle = BundleID(high: 0xB, low: 1)
  static let admin = SessionID(500)

  static func publish(_ cluster: TestCluster, _ step: PublishBundle.Step, _ bundle: BundleID = bundle) {
    let contents: [UInt8] = step == .activate ? [] : [1, 2, 3]
    cluster.step(.request(admin, correlation: 5, .publish(PublishBundle(bundle: bundle, step: step, contents: contents))))
  }

  static func published(_ cluster: TestCluster) -> BundlePublished? {
    cluster.takeAnswers().compactMap { if case .published(let answer) = $0 { answer } else { nil } }.last
  }

  @Test func `S1: a bundle decides only after every in-sync worker has loaded it`() {
    let cluster = TestCluster(workers: 3)
    Self.publish(cluster, .storeAndActivate)
    #expect(Self.published(cluster)?.state == .candidate)
    #expect(cluster.core.state.map.candidateBundle == Self.bundle)
    cluster.beat("w1", bundles: [Self.bundle])
    cluster.beat("w2", bundles: [Self.bundle])
    #expect(cluster.core.state.rollout.active == nil)
    cluster.beat("w3", problem: "no such feature")
    let status = cluster.core.status(cluster.now)
    #expect(status.nodes[2].bundleProblem == "no such feature")
    #expect(status.waitingFor.contains { $0.hasSuffix("loaded by: w3") })
    cluster.beat("w3", bundles: [Self.bundle])
    #expect(cluster.core.state.rollout == RolloutRecord(active: Self.bundle))
  }

  @Test func `a dead worker does not hold up a roll-out`() {
    let cluster = TestCluster(workers: 3)
    Self.publish(cluster, .storeAndActivate)
    cluster.beat("w1", bundles: [Self.bundle])
    cluster.beat("w2", bundles: [Self.bundle])
    cluster.kill("w3")
    #expect(cluster.core.state.rollout.active == Self.bundle)
  }

  @Test func `the bundle before stays named, and going back to it is one step`() {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    let second = BundleID(high: 0xB, low: 2)
    cluster.beat("w1", bundles: [Self.bundle, second])
    Self.publish(cluster, .storeAndActivate)
    Self.publish(cluster, .storeAndActivate, second)
    #expect(cluster.core.state.rollout == RolloutRecord(active: second, previous: Self.bundle))
    Self.publish(cluster, .activate)
    #expect(cluster.core.state.rollout == RolloutRecord(active: Self.bundle, previous: second))
  }

  @Test func `a bundle that is stored only decides nothing`() {
    let cluster = TestCluster(workers: 3)
    Self.publish(cluster, .store)
    #expect(Self.published(cluster)?.state == .stored)
    #expect(cluster.core.state.rollout == RolloutRecord())
    #expect(cluster.store.entries[.bundle(Self.bundle)]?.value == [1, 2, 3])
    cluster.step(.request(Self.admin, correlation: 6, .bundle(Self.bundle)))
    #expect(cluster.takeActions().last == .sendBundle(Self.admin, correlation: 6, Self.bundle))
  }

  @Test func `an unknown bundle can neither be activated nor fetched`() {
    let cluster = TestCluster(workers: 3)
    Self.publish(cluster, .activate)
    #expect(cluster.takeFailure()?.code == .notFound)
    cluster.step(.request(Self.admin, correlation: 6, .bundle(Self.bundle)))
    #expect(cluster.takeFailure()?.code == .notFound)
  }

  @Test func `publishing the same bundle again does no harm`() {
    let cluster = TestCluster(workers: 3)
    Self.publish(cluster, .store)
    let before = cluster.core.state
    Self.publish(cluster, .store)
    #expect(cluster.core.state == before)
  }

  @Test func `naming the active bundle again gives up the candidate`() {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    cluster.beat("w1", bundles: [Self.bundle])
    Self.publish(cluster, .storeAndActivate)
    Self.publish(cluster, .storeAndActivate, BundleID(high: 0xB, low: 2))
    #expect(cluster.core.state.rollout.candidate != nil)
    Self.publish(cluster, .activate)
    #expect(cluster.core.state.rollout == RolloutRecord(active: Self.bundle))
  }

  @Test func `a restarted worker has to report the bundle again`() {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    cluster.beat("w1", bundles: [Self.bundle])
    cluster.kill("w1")
    cluster.join("w1", incarnation: 2)
    Self.publish(cluster, .storeAndActivate)
    #expect(cluster.core.state.rollout.active == nil)
  }
}
