import Glibc
import Wire

/// Reads the cluster's truth, or founds a cluster on an empty store, and checks that the configuration is about this one.
struct Founding: Sendable {
  let clusterName: String
  let settings: ClusterSettings
  /// The store, in an operator's words: `/var/lib/assay-coordinator`, or `the prefix assay/payments in etcd`.
  let place: String
  /// 64 random bits at each call, for the cluster's id.
  let random: @Sendable () -> UInt64

  func open(_ store: some MetadataStore) async throws(MetadataStoreError) -> ClusterState {
    var snapshot = try await store.load()
    if snapshot.entries.isEmpty {
      let cluster = ClusterRecord(id: ClusterID(high: random(), low: random() | 1), name: clusterName)
      guard try await store.commit(ClusterState.founding(cluster, settings)) != nil else {
        throw MetadataStoreError(.locked, "another program writes to \(place): stop it first")
      }
      snapshot = try await store.load()
    }
    let state = try ClusterState(snapshot)
    try check(state)
    return state
  }

  /// A worker's data directory is recognised by its identity file: no cluster is founded in the middle of one.
  static func checkOwner(of directory: String) throws(MetadataStoreError) {
    guard access("\(directory)/identity", F_OK) != 0 else {
      throw MetadataStoreError(.format, "the directory \(directory) is a worker's: give the coordinator one of its own")
    }
  }

  func check(_ state: ClusterState) throws(MetadataStoreError) {
    guard state.cluster.name == clusterName else {
      throw MetadataStoreError(
        .format,
        "\(place) is of the cluster '\(state.cluster.name)', the configuration of '\(clusterName)': correct one of them")
    }
    guard state.partitions.isEmpty || state.settings.durability == settings.durability else {
      throw MetadataStoreError(
        .format,
        "the cluster runs with durability \(state.settings.durability), which can't be changed: write it so in the configuration")
    }
  }
}
