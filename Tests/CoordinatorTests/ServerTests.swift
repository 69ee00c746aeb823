import Foundation
import Logging
import Models
import NIOCore
import NIOPosix
import Testing
import Wire

@testable import Coordinator

/// The coordinator over real sockets and a real store.
@Suite struct ServerTests {
  static func config(_ directory: String, workers: Int = 1) -> CoordinatorConfig {
    var policy = CoordinatorPolicy(
      settings: ClusterSettings(replicas: workers, minInSync: 1, leaseMilliseconds: 600_000, heartbeatMilliseconds: 500), partitions: 4)
    policy.expectedWorkers = workers
    return CoordinatorConfig(data: directory, policy: policy)
  }

  static func start(
    _ directory: String, workers: Int = 1, name: String = "assay", trusted: [String] = []
  ) async throws -> Coordinator {
    var logger = Logger(label: "test")
    logger.logLevel = .error
    var config = config(directory, workers: workers)
    config.clusterName = name
    config.trustedBundleKeys = BundleKeyFiles(paths: trusted)
    return try await Coordinator.start(
      config, logger: logger, random: { .random(in: 1...UInt64.max) }, onStop: { Issue.record("stopped: \($0)") })
  }

  static func temporary() -> String { NSTemporaryDirectory() + "assay-coordinator-\(UUID().uuidString)" }

  @Test func `a worker joins, gets its partitions, and finds everything again after the coordinator's restart`() async throws {
    let directory = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let first = try await Self.start(directory)
    let worker = try await Peer.connect(to: first, role: .node, name: "w1")
    let accepted = try await worker.ask(TestMessages.join("w1"), for: JoinAccepted.self)
    #expect(accepted.node == NodeID(1))
    let map = try await worker.next(ClusterMap.self)
    #expect(map.partitions.count == 4)
    #expect(map.partitions.allSatisfy { $0.primary?.node == NodeID(1) })
    let beat = Heartbeat(node: accepted.node, incarnation: Incarnation(1), map: map.version)
    #expect(try await worker.ask(beat, for: HeartbeatAccepted.self).map == map.version)
    await first.shutdown()

    let second = try await Self.start(directory)
    #expect(second.cluster == first.cluster)
    let client = try await Peer.connect(to: second, role: .client, name: "c1")
    #expect(try await client.ask(MapRequest(), for: ClusterMap.self) == map, "the restart changed nothing")
    let back = try await Peer.connect(to: second, role: .node, name: "w1")
    #expect(try await back.ask(TestMessages.join("w1", incarnation: 2), for: JoinAccepted.self).node == NodeID(1))
    let newer = try await back.next(ClusterMap.self)
    #expect(newer.partitions.allSatisfy { $0.epoch == Epoch(2) }, "R2")
    await second.shutdown()
  }

  @Test func `a killed worker is replaced without waiting for its lease`() async throws {
    let directory = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let coordinator = try await Self.start(directory, workers: 2)
    let first = try await Peer.connect(to: coordinator, role: .node, name: "w1")
    // Its data port is one on which nobody listens.
    _ = try await first.ask(TestMessages.join("w1", port: try Peer.closedPort()), for: JoinAccepted.self)
    let second = try await Peer.connect(to: coordinator, role: .node, name: "w2")
    _ = try await second.ask(TestMessages.join("w2", port: 9), for: JoinAccepted.self)
    _ = try await second.next(ClusterMap.self) { $0.partitions.contains { $0.primary?.node == NodeID(1) } }
    first.close()
    let map = try await second.next(ClusterMap.self) { $0.partitions.allSatisfy { $0.primary?.node == NodeID(2) } }
    #expect(map.node(NodeID(1))?.state == .gone)
    await coordinator.shutdown()
  }

  @Test func `a bundle is kept, handed out, and refused if its hash is wrong`() async throws {
    let directory = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let coordinator = try await Self.start(directory)
    let admin = try await Peer.connect(to: coordinator, role: .admin, name: "a1")
    let contents = [UInt8]((0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    let id = BundleID(contents: contents)
    let publish = PublishBundle(bundle: id, step: .storeAndActivate, contents: contents)
    #expect(try await admin.ask(publish, for: BundlePublished.self).bundle == id)
    #expect(try await admin.ask(BundleRequest(bundle: id), for: BundleContent.self).contents == contents)
    let forged = PublishBundle(bundle: BundleID(high: 1, low: 1), step: .store, contents: contents)
    #expect(try await admin.ask(forged, for: Failure.self).code == .malformed)
    let client = try await Peer.connect(to: coordinator, role: .client, name: "c1")
    #expect(try await client.ask(publish, for: Failure.self).code == .notAuthorized)
    #expect(try await client.ask(TestMessages.join("c1"), for: Failure.self).code == .notAuthorized)
    let status = try await client.ask(StatusRequest(), for: Status.self)
    #expect(status.map.activeBundle == id, "without workers there is nobody to wait for")
    await coordinator.shutdown()
  }

  @Test func `with trusted keys, only a bundle that one of them has signed is taken`() async throws {
    let directory = Self.temporary()
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (own, other) = (try SigningKey.create(), try SigningKey.create())
    try CertificateFile.write(own.publicPEM, to: "\(directory)/own.pub", isSecret: false)
    let coordinator = try await Self.start("\(directory)/data", trusted: ["\(directory)/own.pub"])
    let admin = try await Peer.connect(to: coordinator, role: .admin, name: "a1")
    func publish(_ archive: BundleArchive) -> PublishBundle {
      let contents = archive.encode()
      return PublishBundle(bundle: BundleID(contents: contents), step: .storeAndActivate, contents: contents)
    }
    var archive = BundleArchive(files: ["bundle.yaml": Array("version: 1\nname: b\n".utf8)])
    let unsigned = try await admin.ask(publish(archive), for: Failure.self)
    #expect(unsigned.code == .notAuthorized && unsigned.message.contains("is not signed"))
    let foreign = try BundleSignature(signing: archive, with: other)
    archive.files[foreign.path] = foreign.file
    #expect(try await admin.ask(publish(archive), for: Failure.self).message.contains("not trusted"))
    #expect(try await admin.ask(StatusRequest(), for: Status.self).map.activeBundle == nil)
    let signature = try BundleSignature(signing: archive, with: own)
    archive.files[signature.path] = signature.file
    #expect(try await admin.ask(publish(archive), for: BundlePublished.self).bundle == BundleID(contents: archive.encode()))
    await coordinator.shutdown()
  }

  @Test func `a watcher hears of every new map, and a name belongs to its certificate`() async throws {
    let directory = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let coordinator = try await Self.start(directory)
    let client = try await Peer.connect(to: coordinator, role: .client, name: "c1")
    let empty = try await client.ask(WatchMap(), for: ClusterMap.self)
    #expect(empty.partitions.isEmpty)
    let worker = try await Peer.connect(to: coordinator, role: .node, name: "w1")
    #expect(try await worker.ask(TestMessages.join("w2"), for: Failure.self).code == .identityMismatch)
    _ = try await worker.ask(TestMessages.join("w1"), for: JoinAccepted.self)
    #expect(try await client.next(ClusterMap.self) { $0.version > empty.version }.partitions.count == 4)
    await coordinator.shutdown()
  }

  @Test func `a second coordinator on the directory, and one for another cluster, do not start`() async throws {
    let directory = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let coordinator = try await Self.start(directory)
    let error = await #expect(throws: MetadataStoreError.self) { _ = try await Self.start(directory) }
    #expect(error?.code == .locked)
    await coordinator.shutdown()
    let renamed = await #expect(throws: MetadataStoreError.self) { _ = try await Self.start(directory, name: "other") }
    #expect(renamed?.description.contains("of the cluster 'assay'") == true)
  }
}

enum TestMessages {
  static func join(_ name: String, incarnation: UInt64 = 1, port: Int = 1) -> Join {
    Join(
      cluster: .none, name: name, address: "127.0.0.1:\(port)", storage: TestCluster.storage(UInt64(name.dropFirst())!),
      incarnation: Incarnation(incarnation), intactSince: Incarnation(incarnation))
  }
}
