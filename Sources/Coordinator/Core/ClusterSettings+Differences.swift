import Wire

extension ClusterSettings {
  /// What is otherwise than in `other`, in the words of the configuration file.
  func differences(from other: ClusterSettings) -> [String] {
    [
      ("replicas", "\(replicas)", "\(other.replicas)"), ("min_in_sync", "\(minInSync)", "\(other.minInSync)"),
      ("durability", "\(durability)", "\(other.durability)"), ("lease_ms", "\(leaseMilliseconds)", "\(other.leaseMilliseconds)"),
      ("heartbeat_ms", "\(heartbeatMilliseconds)", "\(other.heartbeatMilliseconds)"),
    ].filter { $0.1 != $0.2 }.map { "\($0.0) is \($0.1) in the file and \($0.2) in the cluster" }
  }
}
