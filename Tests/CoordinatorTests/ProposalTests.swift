import Testing
import Wire

@testable import Coordinator

@Suite struct ProposalTests {
  /// w2 has been gone and is back, out of the in-sync set.
  static func withReturned() -> TestCluster {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w2")
    cluster.join("w2", incarnation: 2)
    cluster.actions = []
    return cluster
  }

  @Test func `R4: the primary's proposal is accepted by compare-and-set on the version it names`() throws {
    let cluster = Self.withReturned()
    let version = cluster.record.version
    cluster.propose(.add, cluster.member("w2"), from: "w1")
    let answer = try #require(cluster.takeOutcome())
    #expect(answer.outcome == .accepted)
    #expect(answer.record == cluster.record)
    #expect(cluster.record.version == version.next)
    #expect(cluster.isr == ["w1", "w2", "w3"])
  }

  @Test func `R4: a proposal on an older version is refused with the newer record, which is left as it is`() throws {
    let cluster = Self.withReturned()
    let before = cluster.record
    cluster.propose(.add, cluster.member("w2"), from: "w1", version: RecordVersion(before.version.rawValue - 1))
    let answer = try #require(cluster.takeOutcome())
    #expect(answer.outcome == .outdated)
    #expect(answer.record == before)
    #expect(cluster.record == before)
  }

  @Test func `R4: every other refusal raises the version, so that the proposal can't be accepted later`() throws {
    let cluster = Self.withReturned()
    let version = cluster.record.version
    var stale = cluster.member("w2")
    stale.storage = TestCluster.storage(222)
    cluster.propose(.add, stale, from: "w1")
    let answer = try #require(cluster.takeOutcome())
    #expect(answer.outcome == .otherStorage)
    #expect(answer.record.version == version.next)
    #expect(cluster.isr == ["w1", "w3"])
  }

  @Test func `R4: under replicated durability the acknowledgements of an earlier process admit nobody`() throws {
    let cluster = TestCluster(workers: 3, durability: .replicated)
    let earlier = cluster.member("w2")
    cluster.kill("w2")
    cluster.join("w2", incarnation: 2)
    cluster.actions = []
    cluster.propose(.add, earlier, from: "w1")
    #expect(try #require(cluster.takeOutcome()).outcome == .otherStorage)
    cluster.propose(.add, cluster.member("w2"), from: "w1")
    #expect(try #require(cluster.takeOutcome()).outcome == .accepted)
  }

  @Test func `R3: only the primary of the record's epoch is heard`() throws {
    let cluster = Self.withReturned()
    cluster.propose(.add, cluster.member("w2"), from: "w3")
    #expect(try #require(cluster.takeOutcome()).outcome == .fenced)
    #expect(cluster.isr == ["w1", "w3"])
  }

  @Test func `a lagging follower is removed at the primary's request, and the primary never removes itself`() throws {
    let cluster = TestCluster(workers: 3)
    cluster.propose(.remove, cluster.member("w3"), from: "w1")
    #expect(try #require(cluster.takeOutcome()).outcome == .accepted)
    #expect(cluster.isr == ["w1", "w2"])
    cluster.propose(.remove, cluster.member("w1"), from: "w1")
    #expect(try #require(cluster.takeOutcome()).outcome == .ownRemoval)
    cluster.propose(.remove, cluster.member("w2"), from: "w1")
    #expect(cluster.isr == ["w1"])
    #expect(cluster.eligible == ["w2"], "R6")
  }

  @Test func `R9: a follower without the active bundle is admitted once it has loaded it`() throws {
    let cluster = TestCluster(workers: 3)
    let bundle = BundleID(high: 1, low: 2)
    for name in ["w1", "w2", "w3"] { cluster.beat(name, bundles: [bundle]) }
    cluster.step(.request(SessionID(90), correlation: 1, .publish(PublishBundle(bundle: bundle, step: .storeAndActivate, contents: [1]))))
    #expect(cluster.core.state.rollout.active == bundle)
    cluster.kill("w2")
    cluster.join("w2", incarnation: 2)
    cluster.actions = []
    cluster.propose(.add, cluster.member("w2"), from: "w1")
    #expect(cluster.takeOutcome() == nil, "it waits a little, for the bundle may be loading")
    cluster.beat("w2", bundles: [bundle])
    #expect(try #require(cluster.takeOutcome()).outcome == .accepted)
  }

  @Test func `R4: a follower that does not become fit is refused after a while, once`() throws {
    let cluster = Self.withReturned()
    cluster.close("w2")
    let version = cluster.record.version
    cluster.propose(.add, cluster.member("w2"), from: "w1")
    cluster.pass(300)
    let answers = cluster.takeAnswers().filter { if case .proposal = $0 { true } else { false } }
    #expect(answers.count == 1)
    #expect(cluster.record.version == version.next)
    #expect(cluster.isr == ["w1", "w3"])
  }

  @Test func `R4: a follower that is gone is refused at once, for its primary can't commit meanwhile`() throws {
    let cluster = TestCluster(workers: 3)
    let gone = cluster.member("w2")
    cluster.kill("w2")
    cluster.actions = []
    let version = cluster.record.version
    cluster.propose(.add, gone, from: "w1")
    let answer = try #require(cluster.takeOutcome())
    #expect(answer.outcome == .notFit)
    #expect(answer.record.version == version.next)
  }

  @Test func `R9: acknowledgements of an earlier process admit nobody, although its disk is the same`() throws {
    let cluster = TestCluster(workers: 3)
    let earlier = cluster.member("w2")
    cluster.kill("w2")
    cluster.join("w2", incarnation: 2)
    cluster.actions = []
    cluster.propose(.add, earlier, from: "w1")
    #expect(try #require(cluster.takeOutcome()).outcome == .otherStorage)
    #expect(cluster.isr == ["w1", "w3"])
  }

  @Test func `proposals that arrive while a commit is under way go into the next one together`() {
    let cluster = TestCluster(workers: 3, partitions: 8)
    cluster.kill("w2")
    cluster.join("w2", incarnation: 2)
    cluster.commitsAtOnce = false
    for partition in cluster.core.state.partitions {
      let primary = cluster.core.state.node(partition.primary!.node)!.name
      cluster.propose(.add, cluster.member("w2"), from: primary, partition: partition.id)
    }
    cluster.flush()
    #expect(cluster.pending?.transaction.puts.count == 7)
    cluster.flush()
    #expect(cluster.core.state.partitions.allSatisfy { $0.isr.count == 3 })
  }

  @Test func `a proposal on a version that this store never had is an error, for the store was restored`() throws {
    let cluster = Self.withReturned()
    cluster.propose(.add, cluster.member("w2"), from: "w1", version: RecordVersion(99))
    #expect(try #require(cluster.takeFailure()).code == .conflict)
  }
}
