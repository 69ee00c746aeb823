import Foundation
import Glibc
import Wire

/// The etcd of a local cluster: one member or three, TLS with an authority of its own, so that its certificates open no port of
/// the cluster's.
struct LocalEtcd {
  let directory: String
  /// Of each member, for clients and for the other members.
  let ports: [(client: Int, peer: Int)]

  private static let realm = "dev-etcd"

  /// Debian's package etcd-server has it.
  static func program() throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
    let places = path.split(separator: ":").map { "\($0)/etcd" }
    guard let found = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      throw OneLine("there is no etcd on the PATH: install Debian's package etcd-server, or leave --metadata etcd out")
    }
    return found
  }

  func write(_ put: (String, String) throws -> Void) throws {
    let authority = try CertificateAuthority.create(realm: Self.realm)
    let keeper = CertificateFiles(directory: "\(directory)/etcd-ca", name: CertificateFiles.authorityName)
    try keeper.write(certificate: authority.certificate, key: authority.key, replacing: false)
    for name in ports.indices.map({ "etcd-\($0 + 1)" }) + ["etcd-client"] {
      let subject = SubjectName(realm: Self.realm, role: .client, name: name)!
      let issued = try authority.issue(subject, hosts: ["localhost", "127.0.0.1"])
      try CertificateFiles(directory: "\(directory)/etcd-ca", name: name).write(
        certificate: issued.certificate, key: issued.key, replacing: false)
    }
    let members = ports.enumerated().map { "etcd-\($0 + 1)=https://127.0.0.1:\($1.peer)" }.joined(separator: ",")
    for (index, port) in ports.enumerated() {
      let name = "etcd-\(index + 1)"
      try put(
        "\(name).yaml",
        """
        name: \(name)
        data-dir: \(directory)/\(name)
        listen-client-urls: https://127.0.0.1:\(port.client)
        advertise-client-urls: https://127.0.0.1:\(port.client)
        listen-peer-urls: https://127.0.0.1:\(port.peer)
        initial-advertise-peer-urls: https://127.0.0.1:\(port.peer)
        initial-cluster: \(members)
        auto-compaction-mode: periodic
        auto-compaction-retention: 1h
        logger: zap
        # On by default, but not where there is a configuration file.
        enable-grpc-gateway: true
        client-transport-security:\(security(name))
        peer-transport-security:\(security(name))

        """)
    }
  }

  private func security(_ name: String) -> String {
    """

      cert-file: \(directory)/etcd-ca/\(name).pem
      key-file: \(directory)/etcd-ca/\(name).key
      trusted-ca-file: \(directory)/etcd-ca/ca.pem
      client-cert-auth: true
    """
  }

  /// For a coordinator's configuration.
  var metadata: String {
    let endpoints = ports.map { "\"127.0.0.1:\($0.client)\"" }.joined(separator: ", ")
    return """
      metadata:
        etcd:
          endpoints: [\(endpoints)]
          tls: {ca: \(directory)/etcd-ca/ca.pem, certificate: \(directory)/etcd-ca/etcd-client.pem, key: \(directory)/etcd-ca/etcd-client.key}
      """
  }
}
