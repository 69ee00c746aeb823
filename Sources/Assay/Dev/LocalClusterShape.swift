import ArgumentParser
import Coordinator
import Foundation
import Wire

enum LocalDurability: String, ExpressibleByArgument, CaseIterable {
  case fsync, replicated

  var value: Durability { self == .fsync ? .fsync : .replicated }
}

/// What a local cluster is founded with, and keeps. Nil: not asked for.
struct LocalClusterShape {
  var workers: Int?
  var partitions: Int?
  var replicas: Int?
  var durability: LocalDurability?
  var coordinators: Int?
  /// Whether the metadata lies in etcd.
  var isShared: Bool?
  var etcdMembers: Int?

  /// Why a cluster of the shape `existing` can't be brought up by these options, in one line; nil where they agree. Passing over
  /// them would leave somebody with three workers who has asked for five.
  func refusal(by existing: LocalClusterShape, in directory: String) -> String? {
    let pairs: [(option: String, asked: String?, has: String?)] = [
      ("--workers", workers.map(String.init), existing.workers.map(String.init)),
      ("--partitions", partitions.map(String.init), existing.partitions.map(String.init)),
      ("--replicas", replicas.map(String.init), existing.replicas.map(String.init)),
      ("--durability", durability?.rawValue, existing.durability?.rawValue),
      ("--coordinators", coordinators.map(String.init), existing.coordinators.map(String.init)),
      ("--metadata", isShared.map(Self.metadata), existing.isShared.map(Self.metadata)),
      ("--etcd-members", etcdMembers.map(String.init), existing.etcdMembers.map(String.init)),
    ]
    let differences = pairs.compactMap { pair -> String? in
      guard let asked = pair.asked, let has = pair.has, asked != has else { return nil }
      return "\(pair.option) \(asked) where it has \(has)"
    }
    guard !differences.isEmpty else { return nil }
    return "the cluster in \(directory) was made otherwise: \(differences.joined(separator: ", ")). These options are for new clusters: "
      + "leave them out, or make another with --data OTHER"
  }

  private static func metadata(_ isShared: Bool) -> String { isShared ? "etcd" : "embedded" }
}

extension LocalCluster {
  /// What its configuration files say.
  func shape() throws -> LocalClusterShape {
    let name = "\(coordinatorNames[0]).yaml"
    guard let text = try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8) else {
      throw OneLine("\(directory)/\(name) can't be read")
    }
    let config = try CoordinatorConfig(yaml: text, file: "\(directory)/\(name)")
    return LocalClusterShape(
      workers: workerNames.count, partitions: config.policy.partitions, replicas: config.policy.settings.replicas,
      durability: config.policy.settings.durability == .fsync ? .fsync : .replicated, coordinators: coordinatorNames.count,
      isShared: config.etcd != nil, etcdMembers: etcdNames.count)
  }
}
