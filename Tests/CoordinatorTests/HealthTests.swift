import Testing
import Wire

@testable import Coordinator

/// Workers that are there and hold the others up: found by their reports, and worked around within the rules.
@Suite struct HealthTests {
  @Test func `a primary whose disk gives no answer is replaced once it has owed one for a lease, though it is heard`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(1_000, stalled: ["w1": 1_500])
    #expect(cluster.primaryName == "w1")
    cluster.live(20, stalled: ["w1": 3_000])
    #expect(cluster.primaryName == "w2")
    #expect(cluster.isr == ["w2", "w3"])
    #expect(cluster.core.state.node(named: "w1")?.state == .alive)
    #expect(cluster.core.status(cluster.now).waitingFor.contains { $0.contains("w1's disk has given no answer for 3000 ms") })
  }

  @Test func `a follower whose disk gives no answer leaves the in-sync set, and comes back only when its disk has answered for a while`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(20, stalled: ["w3": 3_000])
    #expect(cluster.primaryName == "w1" && cluster.isr == ["w1", "w2"])
    cluster.propose(.add, cluster.member("w3"), from: "w1")
    cluster.live(300, stalled: ["w3": 3_300])
    #expect(cluster.takeOutcome()?.outcome == .notFit)
    cluster.live(2_000)
    cluster.propose(.add, cluster.member("w3"), from: "w1")
    #expect(cluster.isr == ["w1", "w2", "w3"])
  }

  @Test func `R6: members whose disks stall stay electable where too few are left, and nothing changes where nobody is better off`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(20, stalled: ["w1": 3_000, "w2": 3_000])
    // They told one after the other: two were in sync still when the first one went.
    #expect(cluster.primaryName == "w3" && cluster.isr == ["w3"] && cluster.eligible == ["w2"])
    let before = cluster.record
    cluster.live(2_000, stalled: ["w1": 3_500, "w2": 3_500, "w3": 3_000])
    #expect(cluster.record == before)
    cluster.live(2_000)
    cluster.propose(.add, cluster.member("w1"), from: "w3")
    cluster.propose(.add, cluster.member("w2"), from: "w3")
    #expect(cluster.isr == ["w1", "w2", "w3"])
  }

  @Test func `what is handed back goes only to a worker whose disk has been well for as long as one has to be there`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(20_000)
    cluster.live(20, stalled: ["w1": 3_000])
    cluster.live(2_000)
    cluster.propose(.add, cluster.member("w1"), from: "w2")
    #expect(cluster.isr == ["w1", "w2", "w3"])
    cluster.live(6_000)
    #expect(cluster.primaryName == "w2")
    cluster.live(8_000)
    #expect(cluster.primaryName == "w1")
  }

  @Test func `a disk many times slower than the others' limps: it leads nothing and no commit waits for it`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(4_500, syncs: ["w1": 90_000])
    #expect(cluster.primaryName == "w1", "it may pass")
    cluster.live(2_000, syncs: ["w1": 90_000])
    #expect(cluster.primaryName == "w2" && cluster.isr == ["w2", "w3"])
    #expect(cluster.takeActions().contains(.send(cluster.sessions["w2"]!, correlation: 4, .health(HealthNotice(limping: [NodeID(1)])))))
    let version = cluster.record.version
    cluster.propose(.add, cluster.member("w1"), from: "w2")
    #expect(cluster.takeOutcome()?.outcome == .notFit)
    #expect(cluster.record.version > version, "R4: a refusal raises the version")
    // Better, but not well: half the measure keeps it where it is.
    cluster.live(15_000, syncs: ["w1": 11_000])
    #expect(cluster.core.limping == [NodeID(1)])
    cluster.live(11_000, syncs: ["w1": 2_000])
    #expect(cluster.core.limping.isEmpty)
    cluster.propose(.add, cluster.member("w1"), from: "w2")
    #expect(cluster.isr == ["w1", "w2", "w3"])
  }

  @Test func `a limping member stays where without it too few were in sync`() {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w3")
    cluster.live(8_000, syncs: ["w2": 90_000], but: ["w3"])
    #expect(cluster.core.limping == [NodeID(2)])
    #expect(cluster.isr == ["w1", "w2"])
  }

  @Test func `a limping member is taken where the in-sync set is too small to commit`() {
    let cluster = TestCluster(workers: 3)
    cluster.kill("w2")
    cluster.kill("w3")
    cluster.join("w2", incarnation: 2)
    cluster.live(8_000, syncs: ["w2": 90_000], but: ["w3"])
    #expect(cluster.core.limping == [NodeID(2)] && cluster.isr == ["w1"])
    cluster.propose(.add, cluster.member("w2"), from: "w1")
    #expect(cluster.isr == ["w1", "w2"])
  }

  @Test func `disks that are all slow, or hardly used, and a slowness that passes, are nobody's limping`() {
    for (syncs, count) in [(["w1": 90_000, "w2": 90_000, "w3": 80_000], 30), (["w1": 90_000], 4)] as [([String: UInt32], UInt32)] {
      let cluster = TestCluster(workers: 3)
      cluster.live(9_000, syncs: syncs, count: count)
      #expect(cluster.core.limping.isEmpty)
    }
    let cluster = TestCluster(workers: 3)
    for _ in 0..<4 {
      cluster.live(3_000, syncs: ["w1": 90_000])
      cluster.live(1_000)
    }
    #expect(cluster.core.limping.isEmpty && cluster.primaryName == "w1")
  }

  @Test func `a network is slow on most of a worker's links, and its peers are not blamed for theirs with it`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(7_000, slowLinksOf: "w1")
    #expect(cluster.core.limping == [NodeID(1)])
    #expect(cluster.primaryName == "w2" && cluster.isr == ["w2", "w3"])
  }

  @Test func `a primary that reaches the coordinator and no follower makes way for one that reaches enough`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(7_000)
    let epoch = cluster.record.epoch
    cluster.live(520, silent: [("w1", "w2"), ("w1", "w3")])
    #expect(cluster.primaryName == "w2")
    #expect(cluster.record.epoch == epoch.next, "R2")
    #expect(cluster.isr == ["w2", "w3"])
  }

  @Test func `R6: it does so too when it has asked its followers out before, and only one of them may lead then`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(7_000)
    cluster.propose(.remove, cluster.member("w2"), from: "w1")
    cluster.propose(.remove, cluster.member("w3"), from: "w1")
    #expect(cluster.isr == ["w1"] && cluster.eligible == ["w3"])
    cluster.live(520, silent: [("w1", "w2"), ("w1", "w3")])
    #expect(cluster.primaryName == "w3")
    #expect(cluster.isr == ["w3"] && cluster.eligible == ["w1"])
    cluster.propose(.add, cluster.member("w2"), from: "w3")
    #expect(cluster.isr == ["w2", "w3"] && cluster.eligible.isEmpty)
  }

  @Test func `a cut that leaves the primary enough, or the others too few, moves nobody`() {
    for silent in [[("w1", "w2")], [("w1", "w2"), ("w1", "w3"), ("w2", "w3")]] {
      let cluster = TestCluster(workers: 3)
      cluster.live(7_000)
      let before = cluster.record
      cluster.live(3_000, silent: silent)
      #expect(cluster.record == before)
    }
  }

  @Test func `workers that have just come back are still being connected to, and are not cut off`() {
    let cluster = TestCluster(workers: 3)
    cluster.live(7_000)
    cluster.join("w2", incarnation: 2)
    cluster.join("w3", incarnation: 2)
    cluster.live(2_000, silent: [("w1", "w2"), ("w1", "w3")])
    #expect(cluster.primaryName == "w1")
  }

  @Test func `an operator sees conditions, measures and cuts`() throws {
    let cluster = TestCluster(workers: 3)
    cluster.live(7_000)
    cluster.live(520, stalled: ["w3": 3_000], silent: [("w1", "w2")])
    let nodes = cluster.core.healthStatus(cluster.now).nodes
    #expect(nodes.map(\.condition) == [.well, .well, .stalled])
    #expect(nodes.map(\.cutFrom) == [[NodeID(2)], [NodeID(1)], []])
    #expect(nodes[0].sinceMilliseconds == .max && nodes[2].sinceMilliseconds < 1_000)
    #expect(nodes[0].disk.medianMicroseconds == 800 && nodes[0].roundTripMicroseconds == 500)
  }
}

extension TestCluster {
  /// Time passes; workers send heartbeats and reports every 500 ms, those named with what is wrong with them.
  func live(
    _ milliseconds: Int64, stalled: [String: UInt32] = [:], syncs: [String: UInt32] = [:], count: UInt32 = 30,
    slowLinksOf slow: String? = nil, silent: [(String, String)] = [], but absent: [String] = []
  ) {
    for elapsed in stride(from: Int64(0), to: milliseconds, by: 20) {
      now += 20
      if elapsed % 500 == 0 {
        for name in ["w1", "w2", "w3"] where !absent.contains(name) {
          beat(name)
          report(name, stalled[name] ?? 0, syncs[name] ?? 800, count, slow, silent, absent)
        }
      }
      step(.tick)
    }
  }

  private func report(
    _ name: String, _ stalled: UInt32, _ sync: UInt32, _ count: UInt32, _ slow: String?, _ silent: [(String, String)], _ absent: [String]
  ) {
    let record = core.state.node(named: name)!
    let peers = ["w1", "w2", "w3"].filter { $0 != name }.map { other in
      let isSilent = absent.contains(other) || silent.contains { $0 == (name, other) || $0 == (other, name) }
      return HealthReport.Peer(
        node: node(other), silenceMilliseconds: isSilent ? 3_500 : 200,
        roundTripMicroseconds: slow == name || slow == other ? 120_000 : 500)
    }
    let report = HealthReport(
      node: record.id, incarnation: record.incarnation,
      disk: .init(stalledMilliseconds: stalled, syncs: count, medianMicroseconds: sync, p99Microseconds: sync), peers: peers)
    step(.request(sessions[name]!, correlation: 4, .health(report)))
  }
}
