import Models
import Wire

/// Where etcd is, and what part of it is this cluster's.
public struct EtcdConfig: Sendable, Equatable {
  /// Tried in turn, `host:port`. At least one.
  public var endpoints: [String]
  /// Before every key, without a slash at its end.
  public var prefix: String
  /// nil: TLS is off.
  public var tls: TLSFiles?
  /// Seconds without a sign of life after which another coordinator is elected. etcd raises it to at least one and a half
  /// of its election timeout: to 2 with its defaults.
  public var leaseSeconds = 2

  static let endpointsMax = 9
  static let keys = ["endpoints", "prefix", "tls", "lease"]

  public init(endpoints: [String], prefix: String, tls: TLSFiles? = nil) {
    self.endpoints = endpoints
    self.prefix = prefix
    self.tls = tls
  }

  /// Reads `metadata`: nil for `embedded`.
  init?(_ node: DefinitionNode, clusterName: String) throws(DefinitionError) {
    if let word = try? node.text {
      guard word == "embedded" else { throw node.error("expected embedded, or etcd with its endpoints") }
      return nil
    }
    let keys = try node.mapping(known: ["etcd"]).required("etcd").mapping(known: Self.keys)
    let list = try keys.required("endpoints")
    endpoints = []
    for node in try list.list(countMax: Self.endpointsMax) {
      let text = try node.text
      guard SplitAddress(text) != nil else {
        throw node.error("'\(text)' is no host:port", suggestion: "Write for example 10.0.0.1:2379, without https://.")
      }
      endpoints.append(text)
    }
    guard !endpoints.isEmpty else { throw list.error("names no endpoint") }
    prefix = "assay/\(clusterName)"
    if let node = keys["prefix"] {
      prefix = try node.text(lengthMax: 128)
      let parts = prefix.split(separator: "/", omittingEmptySubsequences: false).dropFirst(prefix.hasPrefix("/") ? 1 : 0)
      guard parts.allSatisfy({ LinkIdentity.isName($0) }) else {
        throw node.error("'\(prefix)' is no prefix: names of letters, digits, '-', '_' or '.', with '/' between them")
      }
    }
    tls = try CoordinatorConfig.tlsFiles(try keys.required("tls"))
    leaseSeconds = Int((try keys["lease"]?.duration(in: 2_000...60_000) ?? 2_000) / 1000)
  }

  var place: String { "the prefix \(prefix) in etcd at \(endpoints.joined(separator: ", "))" }
}
