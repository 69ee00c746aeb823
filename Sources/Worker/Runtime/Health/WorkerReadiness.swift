import Wire

/// What tells whether a worker takes transactions.
struct WorkerReadiness {
  /// Nil before it has joined.
  var node: NodeID?
  /// The newest map heard of.
  var map: ClusterMap?
  var loaded: [BundleID]
  /// Partitions that this worker leads and that have begun to serve (R7).
  var serving: Set<PartitionID>
  /// The log's disk, where it is nearly full (R15).
  var fullDisk: String?

  /// Why not, in words for an operator; nil where it does.
  var obstacle: String? {
    guard let map, let node else { return "this worker has not joined a cluster yet" }
    guard !map.partitions.isEmpty else { return "the cluster waits for its first workers to join" }
    guard let active = map.activeBundle else { return "no bundle is active: publish one with 'assay bundle activate'" }
    guard loaded.contains(active) else { return "the active bundle \(active) is not loaded yet" }
    if let fullDisk { return "the log's disk is nearly full: free space on \(fullDisk)" }
    let mine = map.partitions.filter { $0.primary?.node == node }
    let missing = mine.count { !serving.contains($0.id) }
    guard missing == 0 else { return "\(missing) of \(mine.count) partitions are being taken over" }
    // R4: they serve, and nothing commits.
    let thin = mine.count { $0.isr.count < map.settings.minInSync }
    guard thin == 0 else {
      return "\(thin) of \(mine.count) partitions have fewer than \(map.settings.minInSync) copies in sync: nothing is decided there until "
        + "workers come back"
    }
    return nil
  }
}
