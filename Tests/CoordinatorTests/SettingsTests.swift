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

  @Test func `one that is told to changes them`() {
    let cluster = TestCluster(workers: 3)
    let (_, actions) = elected(cluster, changes: true)
    #expect(actions.contains { if case .commit(_, let transaction) = $0 { transaction.puts.contains { $0.key == .settings } } else { false } })
  }
}
