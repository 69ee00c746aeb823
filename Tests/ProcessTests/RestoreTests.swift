import Foundation
import Glibc
import Testing

/// The coordinator's store is lost, and comes back from a backup that knows less than the workers (R2).
@Suite(.serialized)
struct RestoreTests {
  private func run(_ arguments: [String]) throws -> String {
    let result = try AssayBinary.run(arguments)
    try #require(result.status == 0, "\(result.output)\(result.errors)")
    return result.output
  }

  private func decide(_ cluster: TestCluster, _ input: String, _ name: String) throws -> [String: String] {
    let output = "\(cluster.directory)/\(name).ndjson"
    _ = try run(["submit", input, "--cluster", cluster.directory, "--decisions", output, "--again"])
    var found: [String: String] = [:]
    for line in try lines(of: output) {
      found[try transactionID(line)] = "\(try number("partition", of: line)) \(try number("offset", of: line))"
    }
    return found
  }

  @Test("a lost store is restored from a backup of before a split: the split stays, and every transaction has its old decision")
  func lostStore() throws {
    let cluster = try TestCluster(replicas: 3)
    let config = "\(cluster.directory)/coordinator.yaml"
    let backup = "\(cluster.directory)/backup"
    let input = "\(cluster.directory)/input.ndjson"
    let admin = ["--cluster", cluster.directory]
    _ = try run(["generate", "--transactions", "2000", "--seed", "3", "--out", input])
    #expect(try run(["coordinator", "backup", "--config", config, "--out", backup]).contains("revision"))
    _ = try run(["partition", "split", "p1", "--wait"] + admin)
    let before = try decide(cluster, input, "before")

    let running = try AssayBinary.run(["coordinator", "restore", backup, "--config", config, "--reason", "test"])
    #expect(running.status != 0 && running.errors.contains("another coordinator runs"), "a running one is left alone")
    try cluster.kill("coordinator")
    try FileManager.default.removeItem(atPath: "\(cluster.directory)/coordinator")
    _ = try run(["coordinator", "restore", backup, "--config", config, "--reason", "its disk is gone"])
    try cluster.start()
    #expect(try run(["audit"] + admin).contains("its disk is gone"))
    let partitions = try run(["partition", "list"] + admin)
    #expect(!partitions.contains("p1 ") && partitions.contains("p7 ") && partitions.contains("p8 "), "\(partitions)")
    #expect(try decide(cluster, input, "after") == before)
  }
}
