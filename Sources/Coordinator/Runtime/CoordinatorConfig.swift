import Models
import Wire

/// A coordinator's configuration file.
///
/// ```yaml
/// data: /var/lib/assay-coordinator   # the metadata store's directory
/// listen: 10.0.0.1:7100              # workers, clients and the admin CLI
/// tls: {ca: ca.pem, certificate: coordinator.pem, key: coordinator.key}   # or off
/// name: coordinator                  # by which the certificate knows it (default: coordinator)
/// cluster_name: cards-eu             # for people; settled when the store is made (default: assay)
/// partitions: 64                     # settled when the first workers have joined (default: 64)
/// expected_workers: 3                # the first partitions are placed when so many have joined (default: replicas)
/// replicas: 3                        # copies of each partition (default: 3 with 3 expected workers or more, else 1)
/// min_in_sync: 2                     # least in-sync copies that may commit (default: 2 with 3 replicas or more, else 1)
/// durability: fsync                  # or replicated: in memory on all of them
/// lease_ms: 3000                     # silence after which a worker is taken for dead
/// heartbeat_ms: 500
/// log_level: info
/// ```
public struct CoordinatorConfig: Sendable {
  public var data: String
  /// `host` and `port` of `listen`.
  public var host: String
  public var port: Int
  public var tls: TLSFiles?
  public var name = "coordinator"
  public var clusterName = "assay"
  public var policy: CoordinatorPolicy
  public var logLevel = "info"

  static let keys = [
    "data", "listen", "tls", "name", "cluster_name", "partitions", "expected_workers", "replicas", "min_in_sync", "durability", "lease_ms",
    "heartbeat_ms", "log_level",
  ]

  /// - Throws: `DefinitionError` with the line of an unknown key or a value that can't be.
  public init(yaml: String, file: String) throws(DefinitionError) {
    let root = try DefinitionNode.parse(yaml: yaml, file: file)
    let keys = try root.mapping(known: Self.keys)
    data = try keys.required("data").text(lengthMax: 4096)
    let listen = try keys.required("listen")
    guard let address = try Self.address(listen.text) else {
      throw listen.error("'\(try listen.text)' is no host:port", suggestion: "Write for example 10.0.0.1:7100 or [::1]:7100.")
    }
    (host, port) = address
    if let node = keys["name"] {
      name = try node.text(lengthMax: 63)
      guard LinkIdentity.isName(name) else { throw node.error("a name has letters, digits, '-', '_' or (not first) '.'") }
    }
    clusterName = try keys["cluster_name"]?.text(lengthMax: 63) ?? clusterName
    tls = try Self.tls(keys["tls"])
    let expected = try keys["expected_workers"]?.integer(in: 1...Int64(ClusterLimit.nodes))
    let replicas = try keys["replicas"]?.integer(in: 1...Int64(ClusterLimit.replicas)) ?? ((expected ?? 3) >= 3 ? 3 : 1)
    var settings = ClusterSettings(
      replicas: Int(replicas), minInSync: Int(try keys["min_in_sync"]?.integer(in: 1...replicas) ?? (replicas >= 3 ? 2 : 1)))
    settings.durability =
      try keys["durability"]?.word([("fsync", Durability.fsync), ("replicated", .replicated)], kind: "durability") ?? .fsync
    settings.leaseMilliseconds = Int(try keys["lease_ms"]?.integer(in: 100...600_000) ?? 3_000)
    settings.heartbeatMilliseconds = Int(try keys["heartbeat_ms"]?.integer(in: 10...300_000) ?? Int64(settings.leaseMilliseconds / 6))
    if let problem = settings.problem { throw root.error(problem) }
    let workers = expected ?? replicas
    guard workers >= replicas else {
      throw root.error("expected_workers (\(workers)) is less than replicas (\(replicas)): each copy needs a worker of its own")
    }
    policy = CoordinatorPolicy(
      settings: settings, partitions: Int(try keys["partitions"]?.integer(in: 1...Int64(ClusterLimit.partitions)) ?? 64),
      expectedWorkers: Int(workers))
    let levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
    logLevel = try keys["log_level"]?.word(levels.map { ($0, $0) }, kind: "log level") ?? logLevel
  }

  private static func address(_ text: String) -> (String, Int)? {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port) else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
    return host.isEmpty ? nil : (String(host), port)
  }

  private static func tls(_ node: DefinitionNode?) throws(DefinitionError) -> TLSFiles? {
    guard let node else { return nil }
    if let word = try? node.text {
      guard word == "off" else { throw node.error("expected off, or the files ca, certificate and key") }
      return nil
    }
    let keys = try node.mapping(known: ["ca", "certificate", "key"])
    return TLSFiles(
      certificate: try keys.required("certificate").text(lengthMax: 4096), key: try keys.required("key").text(lengthMax: 4096),
      authority: try keys.required("ca").text(lengthMax: 4096))
  }
}
