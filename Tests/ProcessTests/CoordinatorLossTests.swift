import Foundation
import Glibc
import Testing

/// Two coordinators on a real etcd, real workers, and a stream that must not notice what happens to the coordinators (R11).
@Suite(.serialized)
struct CoordinatorLossTests {
  /// Streams `count` transactions at 1,000/s and calls `disturb` when a third is decided. Every transaction is answered once;
  /// how long the slowest took is printed.
  private func stream(_ cluster: TestCluster, count: Int, disturb: () throws -> Void) throws {
    let input = "\(cluster.directory)/input.ndjson"
    let output = "\(cluster.directory)/decided.ndjson"
    let made = try AssayBinary.run(["generate", "--transactions", "\(count)", "--seed", "\(count)", "--out", input])
    try #require(made.status == 0, "\(made.errors)")
    let submission = try AssayBinary.start(["submit", input, "--cluster", cluster.directory, "--rate", "1000", "--decisions", output])
    try comes { (FileManager.default.contents(atPath: output + ".partial") ?? Data()).count { $0 == UInt8(ascii: "\n") } >= count / 3 }
    try disturb()
    let result = try submission.wait()
    #expect(result.status == 0, "\(result.output)\(result.errors)")
    for line in result.output.split(separator: "\n") where line.contains("latency") { print("stream:\(line)") }
    let wanted = Set(try lines(of: input).map(transactionID))
    let answers = try lines(of: output).map(transactionID)
    #expect(Set(answers) == wanted && answers.count == wanted.count, "every transaction is answered once")
  }

  /// The coordinator that leads, as the others' and its own log tell it last.
  private func leader(_ cluster: TestCluster) throws -> String {
    var found: (name: String, time: String)?
    for name in ["coordinator-1", "coordinator-2"] {
      for line in try lines(of: "\(cluster.directory)/logs/\(name).log") where line.contains("[Coordinator] coordinator leads") {
        let time = String(line.prefix(19))
        if found == nil || time >= found!.time { found = (name, time) }
      }
    }
    return try #require(found?.name)
  }

  private func comes(_ condition: () throws -> Bool) throws {
    let held = try eventually(within: 30, condition)
    try #require(held)
  }

  private func log(_ cluster: TestCluster, _ name: String) throws -> String {
    try String(contentsOfFile: "\(cluster.directory)/logs/\(name).log", encoding: .utf8)
  }

  private func leads(_ cluster: TestCluster, _ name: String) throws -> Int {
    try lines(of: "\(cluster.directory)/logs/\(name).log").count { $0.contains("[Coordinator] coordinator leads") }
  }

  private func joins(_ cluster: TestCluster) throws -> Int {
    try (1...3).reduce(0) { sum, number in
      try sum + lines(of: "\(cluster.directory)/logs/worker-\(number).log").count { $0.contains("joined the cluster") }
    }
  }

  @Test("kill -9 of the leading coordinator under load: the other leads, all workers come over, and no decision waits")
  func killedLeader() throws {
    let cluster = try TestCluster(replicas: 3, coordinators: 2)
    let first = try leader(cluster)
    let second = first == "coordinator-1" ? "coordinator-2" : "coordinator-1"
    let joined = try joins(cluster)
    try stream(cluster, count: 6_000) {
      try cluster.kill(first)
      let killed = Date()
      try comes { try leads(cluster, second) > 0 }
      print("take-over after SIGKILL: \(Int(Date().timeIntervalSince(killed) * 1000)) ms")
      try comes { try joins(cluster) >= joined + 3 }
      print("all workers with the new leader after: \(Int(Date().timeIntervalSince(killed) * 1000)) ms")
    }
    let status = try AssayBinary.run(["dev", "status", "--data", cluster.directory])
    #expect(status.output.contains("all partitions serve, all replicas are in sync"), "\(status.output)\(status.errors)")
    // And the killed one comes back as a standby that can take over in its turn.
    try cluster.start()
    try cluster.kill(second)
    try comes { try leads(cluster, first) > 1 }
  }

  @Test("a stopped leading coordinator (SIGSTOP) is replaced when its lease has passed, and no worker is taken for dead")
  func stoppedLeader() throws {
    let cluster = try TestCluster(replicas: 3, coordinators: 2)
    let first = try leader(cluster)
    let second = first == "coordinator-1" ? "coordinator-2" : "coordinator-1"
    let joined = try joins(cluster)
    let pid = try cluster.pid(of: first)
    defer { kill(pid, SIGCONT) }
    try stream(cluster, count: 9_000) {
      kill(pid, SIGSTOP)
      let stopped = Date()
      try comes { try leads(cluster, second) > 0 }
      print("take-over after SIGSTOP: \(Int(Date().timeIntervalSince(stopped) * 1000)) ms")
      try comes { try joins(cluster) >= joined + 3 }
    }
    let notes = try log(cluster, second)
    #expect(!notes.contains("worker is gone"), "\(notes)")
    // The old leader wakes up, finds another in its place, and stands by.
    kill(pid, SIGCONT)
    let woken = try eventually(within: 30) { try log(cluster, first).contains("coordinator does not lead any more") }
    #expect(woken)
  }

  @Test("R11: without etcd the data path goes on; when it is back a coordinator leads again and nobody was taken for dead")
  func lostStore() throws {
    let cluster = try TestCluster(replicas: 3, coordinators: 2)
    let leadsBefore = try leads(cluster, "coordinator-1") + leads(cluster, "coordinator-2")
    try stream(cluster, count: 9_000) {
      try cluster.kill("etcd-1")
      // Long enough that the leader knows that it can't know.
      let noticed = try eventually(within: 30) {
        for name in ["coordinator-1", "coordinator-2"] where try log(cluster, name).contains("coordinator does not lead any more") {
          return true
        }
        return false
      }
      #expect(noticed)
    }
    try cluster.start()
    #expect(try leads(cluster, "coordinator-1") + leads(cluster, "coordinator-2") > leadsBefore)
    for name in ["coordinator-1", "coordinator-2"] {
      let notes = try log(cluster, name)
      #expect(!notes.contains("worker is gone"), "\(notes)")
    }
  }
}
