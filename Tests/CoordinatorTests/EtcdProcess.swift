import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import Testing
import Wire

@testable import Coordinator

/// A real etcd on loopback, of one member or three, in a directory of its own. Ends with its owner, and with the test process
/// however that ends: a shell reads from a pipe that only the test process holds open.
final class EtcdProcess: @unchecked Sendable {
  struct Member {
    let name: String
    let port: Int
    let peerPort: Int
    var leash: Int32 = -1
    var pid: pid_t = 0
  }

  let directory: String
  /// The cluster authority's files where TLS is on.
  let tls: TLSFiles?
  private(set) var members: [Member]

  var endpoints: [String] { members.map { "127.0.0.1:\($0.port)" } }

  /// One member without TLS, shared by tests that each take a prefix.
  static let shared = try! EtcdProcess()

  static func prefix() -> String { "test/\(UUID().uuidString)" }

  init(members count: Int = 1, tls isTLS: Bool = false) throws {
    directory = NSTemporaryDirectory() + "assay-etcd-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    tls = isTLS ? try Self.certificates(directory) : nil
    members = []
    for number in 1...count {
      members.append(Member(name: "m\(number)", port: try Peer.closedPort(), peerPort: try Peer.closedPort()))
    }
    for index in members.indices { try start(index) }
    try #require(waitUntilHealthy(), "etcd does not come up: see \(directory)")
  }

  deinit {
    for index in members.indices { stop(index) }
    try? FileManager.default.removeItem(atPath: directory)
  }

  private static func certificates(_ directory: String) throws -> TLSFiles {
    let authority = try CertificateAuthority.create(realm: "test")
    let files = TLSFiles(certificate: "\(directory)/own.pem", key: "\(directory)/own.key", authority: "\(directory)/ca.pem")
    let issued = try authority.issue(SubjectName(realm: "test", role: .coordinator, name: "own")!, hosts: ["127.0.0.1"])
    try CertificateFile.write(authority.certificate, to: files.authority, isSecret: false)
    try CertificateFile.write(issued.certificate, to: files.certificate, isSecret: false)
    try CertificateFile.write(issued.key, to: files.key, isSecret: true)
    return files
  }

  func start(_ index: Int) throws {
    let scheme = tls == nil ? "http" : "https"
    let member = members[index]
    var words = [
      "etcd", "--name", member.name, "--data-dir", "\(directory)/\(member.name)", "--listen-client-urls",
      "\(scheme)://127.0.0.1:\(member.port)",
      "--advertise-client-urls", "\(scheme)://127.0.0.1:\(member.port)", "--listen-peer-urls", "http://127.0.0.1:\(member.peerPort)",
      "--initial-advertise-peer-urls", "http://127.0.0.1:\(member.peerPort)", "--initial-cluster",
      members.map { "\($0.name)=http://127.0.0.1:\($0.peerPort)" }.joined(separator: ","), "--logger", "zap",
    ]
    if let tls {
      words += ["--cert-file", tls.certificate, "--key-file", tls.key, "--trusted-ca-file", tls.authority, "--client-cert-auth"]
    }
    var pipe: [Int32] = [0, 0]
    try #require(Glibc.pipe(&pipe) == 0)
    // Only the test process holds the writing end: a child that had it would keep etcd alive.
    for descriptor in pipe { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipe[0], 0)
    let script = "\"$@\" </dev/null >>\(directory)/\(member.name).log 2>&1 & echo $! >\(directory)/\(member.name).pid; read _; kill -9 $!"
    var arguments: [UnsafeMutablePointer<CChar>?] = (["/bin/sh", "-c", script, "sh"] + words).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var shell = pid_t()
    try #require(posix_spawn(&shell, "/bin/sh", &actions, nil, &arguments, environ) == 0)
    Glibc.close(pipe[0])
    members[index].leash = pipe[1]
    let path = "\(directory)/\(member.name).pid"
    try #require(wait { (try? String(contentsOfFile: path, encoding: .utf8))?.hasSuffix("\n") == true })
    members[index].pid = pid_t(try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines))!
    // A pid file of the next start must not be this one's.
    try FileManager.default.removeItem(atPath: path)
  }

  /// SIGKILL; the data stays.
  func stop(_ index: Int) {
    guard members[index].leash >= 0 else { return }
    kill(members[index].pid, SIGKILL)
    Glibc.close(members[index].leash)
    members[index].leash = -1
    let pid = members[index].pid
    _ = wait { kill(pid, 0) != 0 }
  }

  /// Whether a majority serves within a minute.
  func waitUntilHealthy() -> Bool {
    members.filter { $0.leash >= 0 }.allSatisfy { member in
      wait {
        var words = ["etcdctl", "--endpoints", "127.0.0.1:\(member.port)", "endpoint", "health"]
        if let tls { words += ["--cacert", tls.authority, "--cert", tls.certificate, "--key", tls.key] }
        return Self.succeeds(["/usr/bin/env", "ETCDCTL_API=3"] + words)
      }
    }
  }

  /// Not by Foundation's Process, which now and then misses a child's end.
  private static func succeeds(_ words: [String]) -> Bool {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [1, 2] as [Int32] { posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0) }
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid = pid_t()
    guard posix_spawn(&pid, words[0], &actions, nil, &arguments, environ) == 0 else { return false }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status == 0
  }

  private func wait(_ condition: () -> Bool) -> Bool {
    let end = Date().addingTimeInterval(60)
    while Date() < end {
      if condition() { return true }
      _ = poll(nil, 0, 10)
    }
    return condition()
  }

  // MARK: Parties

  func client() throws -> EtcdClient {
    EtcdClient(endpoints: endpoints, tls: try tls?.clientContext(), on: MultiThreadedEventLoopGroup.singleton.next())
  }

  /// A store whose owner leads, or nil where another does.
  func lead(
    _ prefix: String, name: String = "c1", leaseSeconds: Int = 60, through gateway: (any EtcdGateway)? = nil
  ) async throws -> EtcdStore? {
    let client = try gateway ?? client()
    let election = EtcdElection(client, prefix: prefix, leaseSeconds: leaseSeconds)
    guard let (term, _) = try await election.campaign(as: .init(address: "127.0.0.1:1", name: name)) else { return nil }
    var logger = Logger(label: "test")
    logger.logLevel = .error
    return EtcdStore(client, prefix: prefix, term: term, logger: logger, patience: .milliseconds(20))
  }
}
