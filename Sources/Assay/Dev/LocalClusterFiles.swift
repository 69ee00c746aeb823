import Foundation
import Glibc
import Wire

/// Certificates and configuration files of a local cluster.
struct LocalClusterFiles {
  let directory: String
  let options: LocalClusterOptions

  func write() throws {
    for folder in ["", "/ca", "/certificates", "/logs", "/pids"] {
      try FileManager.default.createDirectory(
        atPath: directory + folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    try writeCertificates()
    let ports = try Self.freePorts(options.coordinators + 2 * options.workers + 2 * options.etcdMembers)
    let coordinators = ports[..<options.coordinators].map { "127.0.0.1:\($0)" }
    let workers = ports[options.coordinators...].prefix(2 * options.workers)
    let members = Array(ports.suffix(2 * options.etcdMembers))
    let etcd = LocalEtcd(
      directory: directory, ports: stride(from: 0, to: members.count, by: 2).map { (members[$0], members[$0 + 1]) })
    if options.etcdMembers > 0 { try etcd.write(put) }
    for (name, address) in zip(coordinatorNames, coordinators) {
      try put(
        "\(name).yaml",
        """
        \(options.etcdMembers > 0 ? etcd.metadata : "data: \(directory)/\(name)")
        listen: \(address)
        tls: \(tls(name))
        partitions: \(options.partitions)
        replicas: \(options.replicas)
        min_in_sync: \(options.replicas >= 3 ? 2 : 1)
        durability: \(options.durability == .fsync ? "fsync" : "replicated")
        expected_workers: \(options.workers)

        """)
    }
    let list = coordinators.map { "\"\($0)\"" }.joined(separator: ", ")
    for number in 1...options.workers {
      let first = workers.startIndex + 2 * (number - 1)
      try put(
        "worker-\(number).yaml",
        """
        name: worker-\(number)
        data: \(directory)/worker-\(number)
        listen: 127.0.0.1:\(workers[first])
        http: 127.0.0.1:\(workers[first + 1])
        coordinators: [\(list)]
        tls: \(tls("worker-\(number)"))

        """)
    }
    try put("admin.yaml", client("admin", list))
    // Last: the file by which a directory is known to hold a whole cluster.
    try put("client.yaml", client("client", list))
  }

  private var coordinatorNames: [String] {
    options.coordinators == 1 && options.etcdMembers == 0
      ? ["coordinator"] : (1...options.coordinators).map { "coordinator-\($0)" }
  }

  private func writeCertificates() throws {
    let realm = "dev"
    let authority = try CertificateAuthority.create(realm: realm)
    try CertificateFile.write(authority.certificate, to: "\(directory)/ca/ca.pem", isSecret: false)
    try CertificateFile.write(authority.key, to: "\(directory)/ca/ca.key", isSecret: true)
    var parties: [(LinkIdentity.Role, String)] = [(.client, "client"), (.admin, "admin")]
    parties += coordinatorNames.map { (.coordinator, $0) }
    for number in 1...options.workers { parties.append((.node, "worker-\(number)")) }
    for (role, name) in parties {
      let subject = SubjectName(realm: realm, role: role, name: name)!
      let issued = try authority.issue(subject, hosts: ["localhost", "127.0.0.1"])
      try CertificateFile.write(issued.certificate, to: "\(directory)/certificates/\(name).pem", isSecret: false)
      try CertificateFile.write(issued.key, to: "\(directory)/certificates/\(name).key", isSecret: true)
    }
  }

  private func tls(_ name: String) -> String {
    "{ca: \(directory)/ca/ca.pem, certificate: \(directory)/certificates/\(name).pem, key: \(directory)/certificates/\(name).key}"
  }

  private func client(_ name: String, _ coordinators: String) -> String {
    """
    coordinators: [\(coordinators)]
    ca: ca/ca.pem
    certificate: certificates/\(name).pem
    key: certificates/\(name).key

    """
  }

  private func put(_ name: String, _ text: String) throws {
    let path = "\(directory)/\(name)"
    do { try text.write(toFile: path, atomically: true, encoding: .utf8) } catch {
      throw OneLine("can't write \(path): \(error.localizedDescription)")
    }
  }

  /// Ports that are free now. They are written into the configuration, so that a restart finds everybody again.
  private static func freePorts(_ count: Int) throws -> [Int] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      guard descriptor >= 0 else { throw OneLine("can't open a socket: \(String(cString: strerror(errno)))") }
      sockets.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let bound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      guard bound else { throw OneLine("no free port on 127.0.0.1: \(String(cString: strerror(errno)))") }
      return Int(UInt16(bigEndian: address.sin_port))
    }
  }
}
