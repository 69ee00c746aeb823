import Foundation
import Logging
import NIOCore
import NIOPosix
import Testing
import Wire

@testable import Coordinator

/// Several coordinators on one etcd.
@Suite(.serialized) struct EtcdLeadershipTests {
  private static func config(_ etcd: EtcdProcess, _ prefix: String, name: String = "assay") -> CoordinatorConfig {
    var config = ServerTests.config("")
    config.etcd = EtcdConfig(endpoints: etcd.endpoints, prefix: prefix, tls: etcd.tls)
    config.clusterName = name
    return config
  }

  private static func start(_ config: CoordinatorConfig) async throws -> Coordinator {
    var logger = Logger(label: "test")
    logger.logLevel = .error
    return try await Coordinator.start(
      config, logger: logger, random: { .random(in: 1...UInt64.max) }, onStop: { Issue.record("stopped: \($0)") })
  }

  /// The map as a party hears it from whichever of the coordinators leads, within a minute.
  private static func map(of coordinators: [Coordinator]) async throws -> (ClusterMap, leader: Int) {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      for (index, coordinator) in coordinators.enumerated() {
        guard let peer = try? await Peer.connect(to: coordinator, role: .client, name: "c") else { continue }
        defer { peer.close() }
        if let map = try? await peer.ask(MapRequest(), for: ClusterMap.self) { return (map, index) }
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw LinkError.io("no coordinator leads")
  }

  @Test(arguments: [false, true])
  func `one of two leads; when it stops, the other goes on with the same cluster`(tls: Bool) async throws {
    let etcd = try tls ? EtcdProcess(tls: true) : EtcdProcess.shared
    let prefix = EtcdProcess.prefix()
    let both = [try await Self.start(Self.config(etcd, prefix)), try await Self.start(Self.config(etcd, prefix))]
    let (before, leader) = try await Self.map(of: both)
    let worker = try await Peer.connect(to: both[leader], role: .node, name: "w1")
    _ = try await worker.ask(TestMessages.join("w1"), for: JoinAccepted.self)
    let placed = try await worker.next(ClusterMap.self) { $0.version > before.version }
    await both[leader].shutdown()
    let (after, _) = try await Self.map(of: [both[1 - leader]])
    #expect(after == placed, "the other coordinator reads the same truth")
    await both[1 - leader].shutdown()
  }

  @Test func `who asks a coordinator that does not lead is told who does`() async throws {
    let prefix = EtcdProcess.prefix()
    let both = [
      try await Self.start(Self.config(EtcdProcess.shared, prefix)), try await Self.start(Self.config(EtcdProcess.shared, prefix)),
    ]
    let (_, leader) = try await Self.map(of: both)
    let deadline = ContinuousClock.now + .seconds(60)
    var hint: LeaderHint?
    while hint == nil, ContinuousClock.now < deadline {
      guard let peer = try? await Peer.connect(to: both[1 - leader], role: .client, name: "c") else { continue }
      hint = try? await peer.next(LeaderHint.self)
    }
    #expect(hint?.address == both[leader].address)
    for coordinator in both { await coordinator.shutdown() }
  }

  @Test func `a leader whose lease is taken away stops leading and closes its sessions`() async throws {
    let prefix = EtcdProcess.prefix()
    let both = [
      try await Self.start(Self.config(EtcdProcess.shared, prefix)), try await Self.start(Self.config(EtcdProcess.shared, prefix)),
    ]
    let (_, first) = try await Self.map(of: both)
    let worker = try await Peer.connect(to: both[first], role: .node, name: "w1")
    _ = try await worker.ask(TestMessages.join("w1"), for: JoinAccepted.self)
    let election = EtcdElection(try EtcdProcess.shared.client(), prefix: prefix, leaseSeconds: 2)
    let before = try #require(try await election.leader())
    await election.revoke(before.lease)
    // Its worker's session ends, whoever leads afterwards.
    await #expect(throws: LinkError.self) { while true { _ = try await worker.next(Status.self) } }
    _ = try await Self.map(of: both)
    let after = try #require(try await election.leader())
    #expect(after.fence > before.fence)
    for coordinator in both { await coordinator.shutdown() }
  }

  @Test func `the loss of one member of three is survived`() async throws {
    let etcd = try EtcdProcess(members: 3)
    let coordinator = try await Self.start(Self.config(etcd, EtcdProcess.prefix()))
    let (before, _) = try await Self.map(of: [coordinator])
    etcd.stop(0)
    let worker = try await eventuallyJoined(coordinator)
    let after = try await worker.next(ClusterMap.self) { $0.partitions.count == 4 }
    #expect(after.cluster == before.cluster)
    await coordinator.shutdown()
  }

  @Test func `R11: without etcd nothing is elected, and when it is back the cluster is led again`() async throws {
    let etcd = try EtcdProcess()
    let prefix = EtcdProcess.prefix()
    let both = [try await Self.start(Self.config(etcd, prefix)), try await Self.start(Self.config(etcd, prefix))]
    let (before, leader) = try await Self.map(of: both)
    let watcher = try await Peer.connect(to: both[leader], role: .admin, name: "a")
    etcd.stop(0)
    // Who can't tell any more whether he leads does not lead.
    await #expect(throws: LinkError.self) { while true { _ = try await watcher.next(Status.self) } }
    // A client that starts now still gets the map to submit by, and nobody changes anything.
    let client = try await Peer.connect(to: both[leader], role: .client, name: "c")
    #expect(try await client.ask(MapRequest(), for: ClusterMap.self) == before)
    let worker = try? await Peer.connect(to: both[leader], role: .node, name: "w1")
    await #expect(throws: (any Error).self) { _ = try await worker?.ask(TestMessages.join("w1"), for: JoinAccepted.self) }
    try etcd.start(0)
    let (after, _) = try await Self.map(of: both)
    #expect(after == before)
    for coordinator in both { await coordinator.shutdown() }
  }

  private func eventuallyJoined(_ coordinator: Coordinator) async throws -> Peer {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      if let peer = try? await Peer.connect(to: coordinator, role: .node, name: "w1"),
        (try? await peer.ask(TestMessages.join("w1"), for: JoinAccepted.self)) != nil
      {
        return peer
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw LinkError.io("the worker could not join")
  }

  // MARK: What can't be is one clear line

  private static func refusal(_ config: CoordinatorConfig) async -> String {
    do {
      let coordinator = try await start(config)
      await coordinator.shutdown()
      return "started"
    } catch {
      return "\(error)"
    }
  }

  @Test func `another cluster's prefix, another program's key, another authority's certificate, nobody there`() async throws {
    let prefix = EtcdProcess.prefix()
    let coordinator = try await Self.start(Self.config(EtcdProcess.shared, prefix))
    _ = try await Self.map(of: [coordinator])
    let other = await Self.refusal(Self.config(EtcdProcess.shared, prefix, name: "other"))
    #expect(other.contains("of the cluster 'assay', the configuration of 'other'"), "\(other)")
    await coordinator.shutdown()

    let foreign = EtcdProcess.prefix()
    let put = EtcdTransaction(
      compare: [], success: [.put(EtcdPutRequest(EtcdKeys(prefix: foreign).page("cluster"), [1, 2, 3]))], failure: [])
    let _: EtcdTransactionResponse = try await EtcdProcess.shared.client().call("/v3/kv/txn", put)
    let taken = await Self.refusal(Self.config(EtcdProcess.shared, foreign))
    #expect(taken.contains("is not of this program"), "\(taken)")

    let secure = try EtcdProcess(tls: true)
    let stranger = try EtcdProcess(tls: true)
    var config = Self.config(secure, prefix)
    config.etcd?.tls = stranger.tls
    let untrusted = await Self.refusal(config)
    #expect(untrusted.contains("can't be trusted"), "\(untrusted)")
    config.etcd?.tls = nil
    let plain = await Self.refusal(config)
    #expect(plain.contains("etcd"), "\(plain)")
    #expect(!plain.contains("\n") && plain != "started")
  }

  @Test func `etcd that is not there is one clear line`() async throws {
    var config = Self.config(EtcdProcess.shared, EtcdProcess.prefix())
    config.etcd?.endpoints = ["127.0.0.1:\(try Peer.closedPort())"]
    let line = await Self.refusal(config)
    #expect(line.contains("does not answer: nothing listens there"), "\(line)")
  }
}
