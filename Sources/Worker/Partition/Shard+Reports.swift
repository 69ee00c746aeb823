import Models
import Wire

/// What a shard tells of itself.
extension Shard {
  /// How its replicas do, for heartbeats.
  public func reports() -> [ReplicaReport] {
    partitions.values.filter { $0.replica.record != nil }.map { partition in
      let replica = partition.replica
      let role: ReplicaReport.Role
      if replica.primaryEpoch != nil, replica.isServing {
        role = .primary
      } else {
        role = replica.record?.isr(me.node) != nil ? .follower : .learner
      }
      return ReplicaReport(
        partition: partition.id, role: role, epoch: replica.highestEpoch, end: replica.log.end, commit: replica.commit)
    }
  }

  /// All that is known here of each partition, for a coordinator whose store was restored (R2).
  func copies() -> [RecordsReport.Copy] {
    partitions.values.map { partition in
      let replica = partition.replica
      let isBorn = replica.durableEnd >= PartitionState.birthEnd
      return RecordsReport.Copy(
        partition: partition.id, highestEpoch: replica.highestEpoch, logEpoch: replica.log.lastEpoch, logEnd: replica.log.end,
        record: replica.record, birth: isBorn ? partition.birth?.succession : nil)
    }
  }

  /// Schema of a bundle that decides here; nil before the first one.
  public var newestSchema: Schema? { partitions.values.lazy.compactMap(\.state.bundle?.schema).first }

  public struct Totals: Sendable {
    public var primaries = 0
    public var followers = 0
    public var entities = 0
    public var dedupEntries = 0
    public var stateBytes = 0
    public var entityBytes = 0
    /// Payments that wait for other partitions.
    public var openIntakes = 0
    /// Those, and what was decided and is still owed to another partition; labels, too.
    public var owedIntakes = 0
  }

  public var totals: Totals {
    var totals = Totals()
    for partition in partitions.values {
      if partition.replica.primaryEpoch != nil { totals.primaries += 1 } else { totals.followers += 1 }
      totals.entities += partition.state.entityCount
      totals.dedupEntries += partition.state.dedup.count
      totals.stateBytes += partition.state.memoryBytes
      totals.entityBytes += partition.state.entityBytes
      guard let exchange = partition.exchange else { continue }
      totals.openIntakes += exchange.home.openCount
      totals.owedIntakes += partition.state.home.count
    }
    return totals
  }

  /// Lets go of a partition whose state is to be made anew from its log (R14); until `recover` brings it back, whatever
  /// comes for it is ignored, and so comes again.
  public func close(_ id: PartitionID) -> ShardOutput.Rebuild {
    closed.insert(id)
    guard let partition = partitions[id] else { preconditionFailure("\(id) is not open") }
    giveUpCheckpoint(partition)
    partitions[id] = nil
    return rebuild(partition)
  }

  func rebuild(_ partition: Partition) -> ShardOutput.Rebuild {
    .init(
      partition: partition.id, isSuccessor: partition.birth != nil, highestEpoch: partition.replica.highestEpoch,
      record: partition.replica.record, lastAssumed: partition.replica.lastAssumed)
  }
}
