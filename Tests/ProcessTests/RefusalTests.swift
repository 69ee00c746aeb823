import Foundation
import Testing

/// What can't start says why in one line, and exits with a number that isn't 0.
@Suite(.serialized)
struct RefusalTests {
  private func refusal(_ arguments: [String]) throws -> String {
    let result = try AssayBinary.run(arguments)
    #expect(result.status != 0)
    let last = result.errors.split(separator: "\n").last.map(String.init) ?? ""
    #expect(last.hasPrefix("assay: "), "\(result.errors)")
    return last
  }

  /// A copy of worker 1's configuration with lines replaced.
  private func variant(_ cluster: TestCluster, _ name: String, _ changes: [String: String]) throws -> String {
    let text = try lines(of: "\(cluster.directory)/worker-1.yaml").map { line in
      let key = String(line.prefix { $0 != ":" })
      return changes[key].map { "\(key): \($0)" } ?? line
    }.joined(separator: "\n")
    let path = "\(cluster.directory)/variant-\(name).yaml"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test("a port in use, a directory in use, another cluster's directory, a certificate that doesn't fit")
  func starts() throws {
    let one = try TestCluster(workers: 1, partitions: 2, replicas: 1)
    let other = try TestCluster(workers: 1, partitions: 2, replicas: 1)
    #expect(try refusal(["worker", "--config", "\(one.directory)/worker-1.yaml"]).contains("is in use by process"))

    let port = try variant(one, "port", ["data": "\(one.directory)/elsewhere", "http": "off"])
    #expect(try refusal(["worker", "--config", port]).contains("the port is in use"))

    try other.kill("worker-1")
    let foreign = try variant(one, "foreign", ["data": "\(other.directory)/worker-1", "listen": "127.0.0.1:0", "http": "off"])
    #expect(try refusal(["worker", "--config", foreign]).contains("belongs to cluster"))

    let directory = one.directory
    let key = "{ca: \(directory)/ca/ca.pem, certificate: \(directory)/certificates/client.pem, key: \(directory)/certificates/worker-1.key}"
    #expect(try refusal(["worker", "--config", try variant(one, "key", ["tls": key])]).contains("the key is not that of the certificate"))

    let stranger =
      "{ca: \(other.directory)/ca/ca.pem, certificate: \(other.directory)/certificates/worker-1.pem, key: \(other.directory)/certificates/worker-1.key}"
    let line = try refusal(["worker", "--config", try variant(one, "ca", ["tls": stranger, "listen": "127.0.0.1:0"])])
    #expect(line.contains("certificate"), "\(line)")
  }

  @Test(
    "what founds a cluster is refused where it has another shape; a coordinator's number of partitions that isn't the cluster's is reported"
  )
  func shapes() throws {
    let cluster = try TestCluster(workers: 1, partitions: 2, replicas: 1)
    let again = ["dev", "up", "--data", cluster.directory]
    let line = try refusal(again + ["--workers", "2", "--partitions", "2", "--durability", "replicated"])
    #expect(line.contains("--workers 2 where it has 1, --durability replicated where it has fsync"), "\(line)")
    #expect(try refusal(again + ["--metadata", "etcd"]).contains("--metadata etcd where it has embedded"))
    #expect(try AssayBinary.run(again).status == 0)

    try cluster.kill("coordinator")
    let path = "\(cluster.directory)/coordinator.yaml"
    let changed = try lines(of: path).map { $0.hasPrefix("partitions:") ? "partitions: 8" : $0 }.joined(separator: "\n")
    try changed.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try AssayBinary.run(again).status == 0)
    let log = try String(contentsOfFile: "\(cluster.directory)/logs/coordinator.log", encoding: .utf8)
    let told = log.split(separator: "\n").filter { $0.contains("another number of partitions than the cluster") }
    #expect(told.count == 1 && told[0].contains("configured=8") && told[0].contains("partitions=2"), "\(told)")
  }

  @Test("an unknown key is refused with its line and the key that was meant; --check-config only looks")
  func configuration() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml").path
    let good = "name: w\ndata: /nonexistent/w\nlisten: 127.0.0.1:0\ncoordinators: [\"127.0.0.1:1\"]\ntls: off\n"
    try good.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try AssayBinary.run(["worker", "--config", path, "--check-config"]).status == 0)
    try (good + "loop: 2\n").write(toFile: path, atomically: true, encoding: .utf8)
    let line = try refusal(["worker", "--config", path, "--check-config"])
    #expect(line.contains(":6:1:") && line.contains("'loops'"), "\(line)")
    #expect(try refusal(["coordinator", "--config", "\(path).missing"]).contains("can't read"))
  }
}
