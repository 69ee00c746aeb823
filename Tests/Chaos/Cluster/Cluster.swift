import Client
import Foundation
import Models
import NIOCore
import NIOPosix
import Wire

/// The cluster under test: real processes on hosts of their own.
final class Cluster: Sendable {
  let network: Network
  let files: ClusterFiles
  /// Members of etcd, if there is one.
  let etcd: [Server]
  let coordinators: [Server]
  let workers: [Server]
  /// Those that may decide: the same features under unlike models.
  let bundles: [BundleID: Models.Bundle]
  private let controlLoops: MultiThreadedEventLoopGroup
  let admin: AdminClient
  let smallDisk: SmallDisk
  let proxy: PacketProxy

  var servers: [Server] { etcd + coordinators + workers }
  /// The coordinator that has said last that it leads.
  var leader: Server { coordinators.max { ($0.lastTime(of: "coordinator leads") ?? "") < ($1.lastTime(of: "coordinator leads") ?? "") }! }
  func worker(_ name: String) -> Server { workers.first { $0.name == name }! }

  init(_ network: Network, _ files: ClusterFiles, program: String, preload: String, entities: Bool) async throws {
    self.network = network
    self.files = files
    bundles = Dictionary(
      uniqueKeysWithValues: try ChaosBundle.archives(entities: entities).map { archive in
        let id = BundleID(contents: archive.encode())
        return (id, try Models.Bundle(archive: archive, id: id))
      })
    func server(_ host: Host, _ role: String) throws -> Server {
      try Server(
        host, host.name, [program, role, "--config", "\(files.directory)/\(host.name).yaml"], dataPath: files.dataPath(host),
        preload: preload, directory: files.directory)
    }
    etcd = try (files.hasEtcd ? files.coordinators : []).map { host in
      try Server(
        host, "etcd-\(host.name)", files.etcd(host), dataPath: "\(files.directory)/data/etcd-\(host.name)", preload: nil,
        directory: files.directory)
    }
    coordinators = try files.coordinators.map { try server($0, "coordinator") }
    workers = try files.workers.map { try server($0, "worker") }
    smallDisk = SmallDisk(directory: files.directory, worker: files.workers.last!.name)
    proxy = try await PacketProxy(network)
    controlLoops = try await network.eventLoops(on: network.control)
    admin = AdminClient(
      coordinators: files.coordinators.map { Endpoint(host: $0.address, port: ClusterFiles.port) },
      tls: try files.tls(network.control.name).clientContext(), name: network.control.name, timeout: .seconds(5),
      on: controlLoops.next())
  }

  func node(_ worker: Server) async throws -> NodeID {
    guard let node = try await admin.map().nodes.first(where: { $0.name == worker.name }) else {
      throw ChaosError("the cluster knows no \(worker.name)")
    }
    return node.id
  }

  /// Takes away everything on a worker's disk but what a collector of decisions would have had by then: closed files.
  func wipe(_ worker: Server) throws {
    let manager = FileManager.default
    let outbox = "\(worker.dataPath)/outbox"
    for name in try manager.contentsOfDirectory(atPath: outbox) where name.hasSuffix(".ndjson") {
      try manager.moveItem(atPath: "\(outbox)/\(name)", toPath: "\(files.directory)/collected/\(name)-\(manager.uniqueSuffix)")
    }
    try manager.removeItem(atPath: worker.dataPath)
  }

  /// Where all decisions are found.
  var decisionDirectories: [String] { workers.map { "\($0.dataPath)/outbox" } + ["\(files.directory)/collected"] }

  func start() throws { for server in servers { try server.start() } }

  func tend(now: Int64) { for server in servers { server.tend(now: now) } }

  /// What keeps the cluster from being whole, or nil: every worker alive, every partition served by its primary with all
  /// of its replicas in sync.
  func incompleteness() async -> String? {
    let status: Status
    do { status = try await admin.status() } catch { return "\(error)" }
    let map = status.map
    if map.partitions.isEmpty { return "the workers have not all joined" }
    for (record, node) in zip(map.nodes, status.nodes) where record.state == .gone || node.state != .alive {
      return "\(record.name) is \(node.state)"
    }
    if map.nodes.count < workers.count { return "\(map.nodes.count) of \(workers.count) workers have joined" }
    let serving = Set(status.replicas.filter { $0.report.role == .primary }.map(\.report.partition))
    for record in map.partitions {
      if !serving.contains(record.id) { return "\(record.id) is not served" }
      if record.isr.count < record.replicas.count {
        return "\(record.id) has \(record.isr.count) of \(record.replicas.count) replicas in sync"
      }
    }
    return nil
  }

  func close() async {
    proxy.close()
    await admin.close()
    try? await controlLoops.shutdownGracefully()
  }
}

extension FileManager {
  fileprivate var uniqueSuffix: String { "\(UInt64.random(in: 0 ... .max)).ndjson" }
}
