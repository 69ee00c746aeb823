import Models
import Wire

/// The coordinator's configuration file.
///
/// ```yaml
/// data: /var/lib/assay-coordinator   # data directory, this coordinator's alone; not with metadata: etcd
/// listen: 10.0.0.1:7100              # workers, clients and the admin CLI
/// tls: {ca: ca.pem, certificate: coordinator.pem, key: coordinator.key}   # or off
/// cluster_name: payments             # must stay the same for the life of the data (default: assay)
/// partitions: 64                     # founded at the first start, fixed from then on (default: 16)
/// replicas: 3                        # copies of each partition (default: 3, at most 7)
/// min_in_sync: 2                     # least in-sync copies that may commit (default: 2 with 3 replicas or more, else 1)
/// durability: fsync                  # fsync, or replicated: in memory on all in-sync copies; fixed from the first start
/// expected_workers: 3                # workers to wait for before partitions are placed (default: replicas)
/// lease_ms: 2000                     # silence after which a worker is taken for dead
/// heartbeat_ms: 500                  # distance of heartbeats, at most half the lease
/// change_settings: false             # with etcd: whether this file's values become the cluster's where they differ
/// trusted_bundle_keys: [release.pub]  # public keys of those whose bundles are taken (default: everybody's are)
/// log_level: info
/// advertise: 10.0.0.1:7100           # address others reach `listen` at (default: listen)
/// metadata:                          # where the cluster's truth lies (default: embedded, in `data`)
///   etcd:                            # shared by two or three coordinators, of which one leads
///     endpoints: [10.0.0.1:2379, 10.0.0.2:2379, 10.0.0.3:2379]
///     prefix: assay/payments         # before every key (default: assay/ and the cluster's name)
///     tls: {ca: etcd-ca.pem, certificate: etcd-client.pem, key: etcd-client.key}   # or off
///     lease: 2s                      # silence after which another coordinator is elected (2s to 60s)
/// ```
public struct CoordinatorConfig: Sendable {
  /// Empty where the metadata is not embedded.
  public var data: String
  /// nil: embedded.
  public var etcd: EtcdConfig?
  public var listenHost: String
  public var listenPort: Int
  /// `host:port`; nil: as bound.
  public var advertise: String?
  /// nil: TLS is off.
  public var tls: TLSFiles?
  public var clusterName = "assay"
  public var policy: CoordinatorPolicy
  public var trustedBundleKeys = BundleKeyFiles()
  public var logLevel = "info"

  static let keys = [
    "data", "listen", "tls", "cluster_name", "partitions", "replicas", "min_in_sync", "durability", "expected_workers",
    "lease_ms", "heartbeat_ms", "log_level", "advertise", "metadata", "change_settings", "trusted_bundle_keys",
  ]

  public init(
    data: String, listenHost: String = "127.0.0.1", listenPort: Int = 0, tls: TLSFiles? = nil, clusterName: String = "assay",
    policy: CoordinatorPolicy = CoordinatorPolicy()
  ) {
    self.data = data
    self.listenHost = listenHost
    self.listenPort = listenPort
    self.tls = tls
    self.clusterName = clusterName
    self.policy = policy
  }

  /// - Throws: `DefinitionError` with the line of an unknown key or a value that can't be.
  public init(yaml: String, file: String) throws(DefinitionError) {
    let root = try DefinitionNode.parse(yaml: yaml, file: file)
    let keys = try root.mapping(known: Self.keys)
    data = ""
    (listenHost, listenPort) = try Self.address(try keys.required("listen"))
    advertise = try keys["advertise"].map { (node) throws(DefinitionError) in
      _ = try Self.address(node)
      return try node.text
    }
    tls = try Self.tlsFiles(try keys.required("tls"))
    if let name = keys["cluster_name"] {
      clusterName = try name.text(lengthMax: ClusterLimit.nameLength)
      guard LinkIdentity.isName(clusterName) else { throw name.error("a name has letters, digits, '-', '_' or (not first) '.'") }
    }
    var settings = ClusterSettings()
    settings.replicas = Int(try keys["replicas"]?.integer(in: 1...Int64(ClusterLimit.replicas)) ?? 3)
    let inSync: Int64 = settings.replicas >= 3 ? 2 : 1
    settings.minInSync = Int(try keys["min_in_sync"]?.integer(in: 1...Int64(ClusterLimit.replicas)) ?? inSync)
    settings.durability = try keys["durability"]?.word([("fsync", .fsync), ("replicated", .replicated)], kind: "durability") ?? .fsync
    settings.leaseMilliseconds = Int(try keys["lease_ms"]?.integer(in: 100...600_000) ?? 2000)
    let heartbeat = Int64(min(500, settings.leaseMilliseconds / 2))
    settings.heartbeatMilliseconds = Int(try keys["heartbeat_ms"]?.integer(in: 10...300_000) ?? heartbeat)
    if let problem = settings.problem { throw root.error(problem) }
    if let node = keys["metadata"] { etcd = try EtcdConfig(node, clusterName: clusterName) }
    if etcd == nil { data = try keys.required("data").text(lengthMax: 4096) } else { try Self.checkShared(keys, listenHost) }
    let partitions = Int(try keys["partitions"]?.integer(in: 1...Int64(ClusterLimit.partitions)) ?? 16)
    let expected = Int(try keys["expected_workers"]?.integer(in: 1...Int64(ClusterLimit.nodes)) ?? Int64(settings.replicas))
    if etcd != nil, partitions > EtcdLimit.partitions, let node = keys["partitions"] {
      throw node.error("with etcd a cluster has at most \(EtcdLimit.partitions) partitions: all of them must fit into one transaction")
    }
    if expected < settings.minInSync, let node = keys["expected_workers"] {
      throw node.error("\(expected) workers can't hold \(settings.minInSync) in-sync replicas: raise it, or lower min_in_sync")
    }
    trustedBundleKeys = try BundleKeyFiles(keys["trusted_bundle_keys"])
    policy = CoordinatorPolicy(settings: settings, partitions: partitions, expectedWorkers: expected)
    // Alone on its store, its file is the word. Of several, the files may differ by mistake.
    let changes = try keys["change_settings"]?.word([("true", true), ("false", false)], kind: "yes or no")
    policy.changesSettings = changes ?? (etcd == nil)
    let levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
    logLevel = try keys["log_level"]?.word(levels.map { ($0, $0) }, kind: "log level") ?? "info"
  }

  /// What can't be with a shared store.
  private static func checkShared(_ keys: DefinitionMapping, _ listenHost: String) throws(DefinitionError) {
    if let node = keys["data"] { throw node.error("with metadata in etcd the coordinator has no data directory: leave `data` out") }
    if ["0.0.0.0", "::"].contains(listenHost), keys["advertise"] == nil {
      throw try keys.required("listen").error(
        "the other coordinators can't reach '\(listenHost)': add `advertise` with this host's address")
    }
  }

  private static func address(_ node: DefinitionNode) throws(DefinitionError) -> (String, Int) {
    guard let address = SplitAddress(try node.text) else {
      throw node.error("'\(try node.text)' is no host:port", suggestion: "Write for example 10.0.0.1:7100 or [::1]:7100.")
    }
    return (address.host, address.port)
  }

  static func tlsFiles(_ node: DefinitionNode) throws(DefinitionError) -> TLSFiles? {
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

/// `host:port` in its two parts; the host perhaps an IPv6 address in brackets.
struct SplitAddress {
  var host: String
  var port: Int

  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
    guard !host.isEmpty else { return nil }
    self.host = String(host)
    self.port = port
  }
}
