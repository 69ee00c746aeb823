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
  let coordinators: [Server]
  let workers: [Server]
  private let controlLoops: MultiThreadedEventLoopGroup
  let admin: AdminClient

  var servers: [Server] { coordinators + workers }
  func worker(_ name: String) -> Server { workers.first { $0.name == name }! }

  init(_ network: Network, _ files: ClusterFiles, program: String, preload: String) async throws {
    self.network = network
    self.files = files
    coordinators = try files.coordinators.map {
      try Server($0, .coordinator, program: program, preload: preload, directory: files.directory)
    }
    workers = try files.workers.map { try Server($0, .worker, program: program, preload: preload, directory: files.directory) }
    controlLoops = try await network.eventLoops(on: network.control)
    admin = AdminClient(
      coordinators: files.coordinators.map { Endpoint(host: $0.address, port: ClusterFiles.port) },
      tls: try files.tls(network.control.name).clientContext(), name: network.control.name, timeout: .seconds(5),
      on: controlLoops.next())
  }

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
    await admin.close()
    try? await controlLoops.shutdownGracefully()
  }
}
