import Wire

@testable import Coordinator
@testable import Worker

/// Which disks may be lost without what was acknowledged: the rules bear no more.
extension Nemesis {
  /// Whether all partitions keep an electable replica with its disk when this worker's disk is lost: one more loss than
  /// that, and what was acknowledged may be gone.
  func mayLose(_ worker: WorkerHost) -> Bool {
    guard cluster.workers.allSatisfy({ $0 === worker || !$0.isTampered }), let truth = cluster.checks.truth else { return false }
    guard let own = truth.node(named: worker.process.name) else { return true }
    // Without the coordinator's store only min_in_sync less one may be lost before an operator has to choose. And where there are more
    // copies than need be in sync, a second loss may hit the last of those that are before the first has been noticed.
    if mayGoBack || cluster.plan.settings.replicas > 3 {
      guard lost(besides: worker).isEmpty else { return false }
    }
    return survive(truth.partitions, truth, without: own) && (!mayGoBack || survive(told(truth, but: worker), truth, without: own))
  }

  /// The store has gone back, or is about to, and what the workers were not told is forgotten: an in-sync set may be a smaller one again.
  var mayGoBack: Bool { isRestorePending || cluster.checks.isRestoring }

  /// The partitions as the workers were told of them whose disks stay, which is what a restored store goes by.
  func told(_ truth: ClusterState, but worker: WorkerHost? = nil) -> [PartitionRecord] {
    let records = cluster.workers.filter { $0 !== worker && !$0.isTampered }.flatMap(\.recordsOnDisk)
    return truth.partitions.map { record in records.filter { $0.id == record.id }.max { $0.version < $1.version } ?? record }
  }

  /// Whether the store may go back now, with what is lost already.
  var mayRestore: Bool {
    guard !isRestorePending, lost().count < cluster.plan.settings.minInSync, let truth = cluster.checks.truth else { return false }
    let told = told(truth)
    return lost().allSatisfy { worker in truth.node(named: worker.process.name).map { survive(told, truth, without: $0) } ?? true }
  }

  func survive(_ records: [PartitionRecord], _ truth: ClusterState, without own: NodeRecord) -> Bool {
    records.allSatisfy { record in
      let others = (record.isr + record.eligible).filter { $0.node != own.id }
      return others.contains { member in
        guard let node = truth.node(member.node), let other = cluster.workers.first(where: { $0.process.name == node.name }) else {
          return false
        }
        return other.storage == member.storage
          && (cluster.plan.settings.durability == .fsync || (other.process.isAlive && other.node?.me.incarnation == member.incarnation))
      }
    }
  }

  /// Workers whose disk is not the one that some record names, be it one that a restore would go by, or is about to be given up.
  func lost(besides worker: WorkerHost? = nil) -> [WorkerHost] {
    guard let truth = cluster.checks.truth else { return [] }
    let members = (truth.partitions + told(truth, but: worker)).flatMap { $0.isr + $0.eligible }
    return cluster.workers.filter { other in
      guard other !== worker else { return false }
      return other.isTampered || members.contains { host($0.node) === other && $0.storage != other.storage }
    }
  }
}
