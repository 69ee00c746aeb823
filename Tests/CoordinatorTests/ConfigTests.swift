import Models
import Testing
import Wire

@testable import Coordinator

@Suite struct ConfigTests {
  static func parse(_ lines: String...) throws(DefinitionError) -> CoordinatorConfig {
    try CoordinatorConfig(yaml: lines.joined(separator: "\n"), file: "coordinator.yaml")
  }

  static func error(_ lines: String...) -> String {
    do throws(DefinitionError) {
      _ = try CoordinatorConfig(yaml: lines.joined(separator: "\n"), file: "coordinator.yaml")
      return "accepted"
    } catch {
      return error.description
    }
  }

  @Test func `three lines are a configuration`() throws {
    let config = try Self.parse("data: /d", "listen: 10.0.0.1:7100", "tls: off")
    #expect(config.policy.settings == ClusterSettings(replicas: 3, minInSync: 2))
    #expect(config.policy.expectedWorkers == 3)
    #expect(config.policy.partitions == 16)
    #expect(config.tls == nil)
    #expect(config.listenPort == 7100)
  }

  @Test func `every key is read`() throws {
    let config = try Self.parse(
      "data: /d", "listen: '[::1]:7100'", "tls: {ca: a, certificate: b, key: c}", "cluster_name: payments", "partitions: 64", "replicas: 5",
      "min_in_sync: 3", "durability: replicated", "expected_workers: 7", "lease_ms: 1000", "heartbeat_ms: 100", "log_level: debug")
    #expect(config.listenHost == "::1")
    #expect(config.tls == TLSFiles(certificate: "b", key: "c", authority: "a"))
    #expect(config.clusterName == "payments")
    #expect(
      config.policy.settings
        == ClusterSettings(replicas: 5, minInSync: 3, durability: .replicated, leaseMilliseconds: 1000, heartbeatMilliseconds: 100))
    #expect(config.policy.partitions == 64)
    #expect(config.policy.expectedWorkers == 7)
    #expect(config.logLevel == "debug")
  }

  @Test func `an unknown key is refused with its line and the nearest one`() {
    let text = Self.error("data: /d", "listen: a:1", "tls: off", "replica: 3")
    #expect(text.hasPrefix("coordinator.yaml:4:"))
    #expect(text.contains("unknown key 'replica'") && text.contains("replicas"))
  }

  @Test func `TLS is never off by an oversight`() {
    #expect(Self.error("data: /d", "listen: a:1").contains("the key 'tls' is missing"))
  }

  @Test(arguments: [
    ("listen: nowhere", "no host:port"), ("min_in_sync: 4", "min_in_sync is 4"), ("heartbeat_ms: 2000", "half of lease_ms"),
    ("durability: some", "'some' is not a known durability"), ("expected_workers: 1", "1 workers can't hold 2"),
    ("cluster_name: 'a b'", "a name has letters"),
  ])
  func `values that can't work are refused`(line: String, reason: String) {
    let listen = line.hasPrefix("listen") ? line : "listen: a:1\n\(line)"
    #expect(Self.error("data: /d", "tls: off", listen).contains(reason))
  }

  @Test func `metadata in etcd needs endpoints and TLS or off, and takes the place of the data directory`() throws {
    let config = try Self.parse(
      "listen: 10.0.0.1:7100", "tls: off", "cluster_name: payments", "metadata:", "  etcd:",
      "    endpoints: [10.0.0.1:2379, '[::1]:2379']", "    tls: {ca: a, certificate: b, key: c}", "    lease: 3s")
    #expect(config.etcd?.endpoints == ["10.0.0.1:2379", "[::1]:2379"])
    #expect(config.etcd?.prefix == "assay/payments")
    #expect(config.etcd?.tls == TLSFiles(certificate: "b", key: "c", authority: "a"))
    #expect(config.etcd?.leaseSeconds == 3)
    #expect(try Self.parse("data: /d", "listen: 10.0.0.1:7100", "tls: off", "metadata: embedded").etcd == nil)
  }

  @Test(
    arguments: [
      ("    endpoint: [10.0.0.1:2379]", ":5:5:"), ("    endpoints: ['https://10.0.0.1:2379']", "is no host:port"),
      ("    endpoints: []\n    tls: off", "names no endpoint"), ("    endpoints: [10.0.0.1:2379]", "tls"),
      ("    endpoints: [10.0.0.1:2379]\n    tls: off\n    prefix: a//b", "is no prefix"),
      ("    endpoints: [10.0.0.1:2379]\n    tls: off\n    lease: 1s", "lease"),
      ("    endpoints: [10.0.0.1:2379]\n    tls: off\npartitions: 4000", "at most 3072 partitions"),
      ("    endpoints: [10.0.0.1:2379]\n    tls: off\ndata: /d", "no data directory"),
    ])
  func `metadata that can't be is refused`(lines: String, complaint: String) {
    let error = Self.error("listen: 10.0.0.1:7100", "tls: off", "metadata:", "  etcd:", lines)
    #expect(error.contains(complaint), "\(error)")
  }

  @Test func `a listener on all addresses needs one that the others can reach`() {
    let error = Self.error("listen: 0.0.0.0:7100", "tls: off", "metadata:", "  etcd:", "    endpoints: [10.0.0.1:2379]", "    tls: off")
    #expect(error.contains("advertise"))
  }
}
