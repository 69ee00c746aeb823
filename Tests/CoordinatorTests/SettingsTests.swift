import Testing
import Wire

@testable import Coordinator

/// Whose settings hold.
@Suite struct SettingsTests {
  private func elected(_ cluster: TestCluster, changes: Bool) -> (CoordinatorCore, [CoordinatorAction]) {
    var policy = cluster.policy
    policy.settings.minInSync = 1
    policy.settings.leaseMilliseconds = 9_000
    policy.changesSettings = changes
    var core = CoordinatorCore(try! ClusterState(cluster.store), policy, now: cluster.now)
    var actions: [CoordinatorAction] = []
    core.step(.tick, now: cluster.now, &actions)
    return (core, actions)
  }

  @Test func `one of several coordinators goes by the cluster's settings, and says where its file differs`() {
    let cluster = TestCluster(workers: 3)
    let (core, actions) = elected(cluster, changes: false)
    #expect(core.policy.settings == cluster.core.state.settings)
    #expect(!actions.contains { if case .commit = $0 { true } else { false } }, "nothing is written")
    let told = actions.compactMap { if case .note(.settingsDiffer(let differences)) = $0 { differences } else { nil } }
    #expect(
      told == [["min_in_sync is 1 in the file and 2 in the cluster", "lease_ms is 9000 in the file and 3000 in the cluster"]])
  }

  @Test func `another number of partitions than the cluster was founded with is told once, and not where splits have changed it`() {
    func told(_ store: MetadataSnapshot, partitions: Int, _ cluster: TestCluster) -> [CoordinatorEvent] {
      var policy = cluster.policy
      policy.partitions = partitions
      var core = CoordinatorCore(try! ClusterState(store), policy, now: cluster.now)
      var actions: [CoordinatorAction] = []
      for _ in 0..<2 { core.step(.tick, now: cluster.now, &actions) }
      return actions.compactMap { if case .note(let event) = $0, case .partitionsDiffer = event { event } else { nil } }
    }
    let cluster = TestCluster(workers: 3, partitions: 4)
    #expect(told(cluster.store, partitions: 4, cluster) == [])
    #expect(told(cluster.store, partitions: 8, cluster) == [.partitionsDiffer(configured: 8, founded: 4)])
    var store = cluster.store
    store.apply(
      {
        var transaction = MetadataTransaction()
        transaction.replace(.nextPartition, at: 0, with: PartitionCounter(next: PartitionID(7)).encoded)
        return transaction
      }())
    #expect(told(store, partitions: 8, cluster) == [])
    #expect(told(TestCluster(workers: 0).store, partitions: 8, cluster) == [], "nothing is founded yet")
  }

  @Test func `one that is told to changes them`() {
    let cluster = TestCluster(workers: 3)
    let (_, actions) = elected(cluster, changes: true)
    #expect(
      actions.contains { if case .commit(_, let transaction) = $0 { transaction.puts.contains { $0.key == .settings } } else { false } })
  }
}
