import Foundation
import Wire

/// Certificates and configuration files of the cluster under test.
struct ClusterFiles {
  static let port = 7400
  static let httpPort = 7500
  static let etcdPort = 2379
  static let etcdPeerPort = 2380
  /// Longer than any run: an answer asked for again at its end is still remembered.
  static let dedupHorizon = "1d"

  let directory: String
  let network: Network
  let coordinators: [Host]
  /// ms
  let lease: Int
  let workers: [Host]
  let clients: [Host]
  let partitions: Int

  func write() throws {
    for folder in ["", "/certificates", "/logs", "/data", "/faults", "/collected"] {
      try FileManager.default.createDirectory(
        atPath: directory + folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    try writeCertificates()
    for host in coordinators { try put(host.name, coordinator(host)) }
    for host in workers { try put(host.name, worker(host)) }
  }

  /// The last worker has a small disk of its own.
  func dataPath(_ host: Host) -> String {
    host == workers.last ? "\(directory)/\(SmallDisk.folder)/\(host.name)" : "\(directory)/data/\(host.name)"
  }

  var coordinatorAddresses: [String] { coordinators.map { "\($0.address):\(Self.port)" } }

  func tls(_ name: String) -> TLSFiles {
    TLSFiles(
      certificate: "\(directory)/certificates/\(name).pem", key: "\(directory)/certificates/\(name).key",
      authority: "\(directory)/certificates/ca.pem")
  }

  /// With several coordinators their truth is in etcd, a member on the host of each.
  var hasEtcd: Bool { coordinators.count > 1 }

  private var metadata: String {
    guard hasEtcd else { return "embedded" }
    let endpoints = coordinators.map { "\"\($0.address):\(Self.etcdPort)\"" }.joined(separator: ", ")
    return "{etcd: {endpoints: [\(endpoints)], tls: off}}"
  }

  func etcd(_ host: Host) -> [String] {
    let client = "http://\(host.address):\(Self.etcdPort)"
    let members = coordinators.map { "\($0.name)=http://\($0.address):\(Self.etcdPeerPort)" }.joined(separator: ",")
    return [
      "etcd", "--name", host.name, "--data-dir", "\(directory)/data/etcd-\(host.name)", "--listen-client-urls", client,
      "--advertise-client-urls", client, "--listen-peer-urls", "http://\(host.address):\(Self.etcdPeerPort)",
      "--initial-advertise-peer-urls", "http://\(host.address):\(Self.etcdPeerPort)", "--initial-cluster", members, "--logger", "zap",
    ]
  }

  private func coordinator(_ host: Host) -> String {
    """
    \(hasEtcd ? "" : "data: \(directory)/data/\(host.name)")
    metadata: \(metadata)
    lease_ms: \(lease)
    listen: \(host.address):\(Self.port)
    tls: \(tlsText(host.name))
    cluster_name: chaos
    partitions: \(partitions)
    replicas: 3
    min_in_sync: 2
    expected_workers: \(workers.count)

    """
  }

  private func worker(_ host: Host) -> String {
    """
    name: \(host.name)
    data: \(dataPath(host))
    listen: \(host.address):\(Self.port)
    http: \(host.address):\(Self.httpPort)
    coordinators: [\(coordinatorAddresses.map { "\"\($0)\"" }.joined(separator: ", "))]
    tls: \(tlsText(host.name))
    dedup_horizon: \(Self.dedupHorizon)
    decisions_with_features: true
    segment_mb: 16
    reserve_mb: 64
    checkpoint_every: 10s

    """
  }

  private func writeCertificates() throws {
    let authority = try CertificateAuthority.create(realm: "chaos")
    try CertificateFile.write(authority.certificate, to: "\(directory)/certificates/ca.pem", isSecret: false)
    var parties = coordinators.map { (LinkIdentity.Role.coordinator, $0) }
    parties += workers.map { (.node, $0) } + clients.map { (.client, $0) } + [(.admin, network.control)]
    for (role, host) in parties {
      let subject = SubjectName(realm: "chaos", role: role, name: host.name)!
      let issued = try authority.issue(subject, hosts: [host.address])
      try CertificateFile.write(issued.certificate, to: "\(directory)/certificates/\(host.name).pem", isSecret: false)
      try CertificateFile.write(issued.key, to: "\(directory)/certificates/\(host.name).key", isSecret: true)
    }
  }

  private func tlsText(_ name: String) -> String {
    let files = tls(name)
    return "{ca: \(files.authority), certificate: \(files.certificate), key: \(files.key)}"
  }

  private func put(_ name: String, _ text: String) throws {
    try text.write(toFile: "\(directory)/\(name).yaml", atomically: true, encoding: .utf8)
  }
}
