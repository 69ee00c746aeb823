import Wire

extension ClusterState {
  /// Records of operations that are over and need no auditing are kept up to this many; the oldest goes first.
  static let endedOperationsMax = 256
  /// Operations under way at a time, and audited records for ever.
  static let operationsMax = 2_048

  public func operation(_ id: OperationID) -> OperationRecord? { operations.first { $0.id == id } }

  var openOperations: [OperationRecord] { operations.filter { !$0.state.isOver } }

  /// How many more workers may fail, whichever they are, with every partition still committing. Of those in sync, only
  /// the ones in `fit` count.
  func failuresTolerated(_ fit: Set<NodeID>) -> Int {
    let spare = partitions.map { partition in
      partition.isr.count { fit.contains($0.node) } - settings.minInSync
    }
    return max(0, spare.min() ?? 0)
  }

  /// What people call a node.
  func name(_ id: NodeID) -> String { node(id)?.name ?? "\(id)" }
}
