import Models
import Wire

/// A worker's configuration file.
///
/// ```yaml
/// name: worker-1                     # unique in the cluster; under TLS the certificate's name
/// data: /var/lib/assay               # data directory, this worker's alone
/// listen: 10.0.0.5:7101              # frames: clients, other workers
/// http: 10.0.0.5:7201                # POST /v1/decisions, /healthz, /readyz, /metrics; off to have none
/// coordinators: [10.0.0.1:7100]
/// advertise: 10.0.0.5:7101           # address others reach `listen` at (default: listen)
/// advertise_http: 10.0.0.5:7201      # address others reach `http` at (default: http)
/// zone: a                            # failure domain
/// tls: {ca: ca.pem, certificate: worker-1.pem, key: worker-1.key}   # or off
/// http_tls: on                       # serve HTTP by the same certificate (default: on where tls is)
/// http_deadline: 1s                  # how long a request without Assay-Deadline-Ms waits for its decisions (1ms to http_deadline_max)
/// http_deadline_max: 60s             # the longest Assay-Deadline-Ms (1ms to 10m)
/// loops: 1                           # event loops; partitions are spread over them (default: 1, at most 64)
/// dedup_horizon: 1h                  # how long a retry gets the original decision (1m to 30d)
/// entity_deadline: 100ms             # how long a payment waits for features of entities in other partitions (10ms to 10s)
/// exchange_window: 8192              # how many payments a partition may be ahead of what others have answered (256 to 8192)
/// requests_max: 4096                 # batches under way at which clients are told to slow down
/// segment_mb: 64                     # size of a log segment (16 to 1024)
/// checkpoint_mb: 64                  # log of a partition after which it is written down as a snapshot (1 to 65536)
/// checkpoint_every: 10m              # or after this long, if anything was logged (10s to 24h)
/// transfer_mb: 64                    # MB a second that one snapshot is received with, by a copy that is fed (1 to 10000)
/// reserve_mb: 384                    # intake is refused while the disk has less free than this
/// decisions_with_features: false     # feature values in the decisions file too (alerts always have them)
/// outbox_roll: 2s                    # how long a file of decisions stays open (1s to 1h)
/// outbox_keep_mb: 0                  # closed files of a kind beyond this are removed, oldest first; 0 keeps all
/// trusted_bundle_keys: [release.pub]  # public keys of those whose bundles may decide (default: everybody's may)
/// log_level: info
/// ```
public struct WorkerConfig: Sendable {
  public var name: String
  public var data: String
  public var listen: HostPort
  public var http: HostPort?
  public var coordinators: [HostPort]
  public var advertise: HostPort?
  public var advertiseHTTP: HostPort?
  public var zone = ""
  public var tls: TLSFiles?
  public var httpTLS = true
  public var httpDeadlines = HTTPDeadlines()
  public var loops = 1
  public var dedupHorizon: Int64 = 3_600_000
  public var exchange = ExchangeOptions()
  public var requestsMax = 4_096
  public var segmentBytes = 64 << 20
  public var checkpoints = CheckpointPolicy()
  public var transferBytesPerSecond = 64 << 20
  public var reserveBytes = 384 << 20
  public var decisionsWithFeatures = false
  public var outboxRoll: Int64 = 2_000
  public var outboxKeepBytes: Int?
  public var trustedBundleKeys = BundleKeyFiles()
  public var logLevel = "info"

  static let keys = [
    "name", "data", "listen", "http", "coordinators", "advertise", "advertise_http", "zone", "tls", "http_tls",
    "http_deadline", "http_deadline_max", "loops",
    "dedup_horizon", "entity_deadline", "exchange_window", "requests_max", "segment_mb", "checkpoint_mb", "checkpoint_every", "transfer_mb",
    "reserve_mb",
    "decisions_with_features",
    "outbox_roll", "outbox_keep_mb", "trusted_bundle_keys",
    "log_level",
  ]

  /// - Throws: `DefinitionError` with the line of an unknown key or a value that can't be.
  public init(yaml: String, file: String) throws(DefinitionError) {
    let root = try DefinitionNode.parse(yaml: yaml, file: file)
    let keys = try root.mapping(known: Self.keys)
    let nameNode = try keys.required("name")
    name = try nameNode.text(lengthMax: 63)
    guard LinkIdentity.isName(name) else { throw nameNode.error("a name has letters, digits, '-', '_' or (not first) '.'") }
    data = try keys.required("data").text(lengthMax: 4096)
    listen = try Self.address(try keys.required("listen"))
    if let node = keys["http"], try node.text != "off" { http = try Self.address(node) }
    coordinators = []
    for node in try keys.required("coordinators").list(countMax: 9) { coordinators.append(try Self.address(node)) }
    guard !coordinators.isEmpty else { throw try keys.required("coordinators").error("names no coordinator") }
    advertise = try keys["advertise"].map(Self.address)
    advertiseHTTP = try keys["advertise_http"].map(Self.address)
    zone = try keys["zone"]?.text(lengthMax: 63) ?? ""
    tls = try Self.tlsFiles(try keys.required("tls"))
    httpTLS = try keys["http_tls"].map(Self.onOff) ?? true
    let longest = Int(try keys["http_deadline_max"]?.duration(in: 1...600_000, isFine: true) ?? Int64(httpDeadlines.longest))
    let standard = Int(
      try keys["http_deadline"]?.duration(in: 1...Int64(longest), isFine: true) ?? Int64(min(httpDeadlines.standard, longest)))
    httpDeadlines = HTTPDeadlines(standard: standard, longest: longest)
    loops = Int(try keys["loops"]?.integer(in: 1...64) ?? 1)
    dedupHorizon = try keys["dedup_horizon"]?.duration(in: 60_000...2_592_000_000) ?? dedupHorizon
    exchange.deadline = try keys["entity_deadline"]?.duration(in: ExchangeOptions.deadlines, isFine: true) ?? exchange.deadline
    exchange.window = Int(try keys["exchange_window"]?.integer(in: ExchangeOptions.windows) ?? Int64(exchange.window))
    requestsMax = Int(try keys["requests_max"]?.integer(in: 1...1_000_000) ?? 4_096)
    segmentBytes = Int(try keys["segment_mb"]?.integer(in: 16...1_024) ?? 64) << 20
    checkpoints.bytes = Int(try keys["checkpoint_mb"]?.integer(in: 1...65_536) ?? 64) << 20
    checkpoints.every = try keys["checkpoint_every"]?.duration(in: 10_000...86_400_000) ?? checkpoints.every
    transferBytesPerSecond = Int(try keys["transfer_mb"]?.integer(in: 1...10_000) ?? 64) << 20
    reserveBytes = Int(try keys["reserve_mb"]?.integer(in: 0...1_000_000) ?? 384) << 20
    decisionsWithFeatures = try keys["decisions_with_features"]?.boolean ?? false
    outboxRoll = try keys["outbox_roll"]?.duration(in: 1_000...3_600_000) ?? outboxRoll
    let keep = Int(try keys["outbox_keep_mb"]?.integer(in: 0...100_000_000) ?? 0)
    outboxKeepBytes = keep == 0 ? nil : keep << 20
    trustedBundleKeys = try BundleKeyFiles(keys["trusted_bundle_keys"])
    let levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
    logLevel = try keys["log_level"]?.word(levels.map { ($0, $0) }, kind: "log level") ?? "info"
  }

  private static func address(_ node: DefinitionNode) throws(DefinitionError) -> HostPort {
    guard let address = HostPort(try node.text) else {
      throw node.error("'\(try node.text)' is no host:port", suggestion: "Write for example 10.0.0.5:7101 or [::1]:7101.")
    }
    return address
  }

  private static func tlsFiles(_ node: DefinitionNode) throws(DefinitionError) -> TLSFiles? {
    if let word = try? node.text {
      guard word == "off" else { throw node.error("expected off, or the files ca, certificate and key") }
      return nil
    }
    let keys = try node.mapping(known: ["ca", "certificate", "key"])
    return TLSFiles(
      certificate: try keys.required("certificate").text(lengthMax: 4096), key: try keys.required("key").text(lengthMax: 4096),
      authority: try keys.required("ca").text(lengthMax: 4096))
  }

  private static func onOff(_ node: DefinitionNode) throws(DefinitionError) -> Bool {
    try node.word([("on", true), ("off", false), ("true", true), ("false", false)], kind: "switch")
  }
}
