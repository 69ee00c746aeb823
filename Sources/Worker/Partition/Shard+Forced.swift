import Models
import Wire

/// A forced election (R6), the chosen worker's part: what its copy has, committed or not, goes on under a new id. Nobody
/// has elected it, and no log of the old id is written or cut, so that whoever has more can still be elected until the
/// coordinator commits.
extension Shard {
  func force(_ succession: Succession, _ version: RecordVersion, now: Int64) {
    let parent = succession.parents[0]
    guard let partition = partitions[parent], partition.replica.primaryEpoch == nil, let child = succession.children.first,
      (partition.replica.record?.version ?? RecordVersion(0)) <= version, output.fatal == nil
    else { return report(succession) }
    if partition.handedOn != succession {
      do throws(ApplyError) {
        let state = try partition.state.forcedPart(child.range, applying: partition.uncommitted) { bundles[$0] }
        partition.handedOn = succession
        partition.isDelivered = false
        output.parts.append(
          ChildPart(succession: succession, child: child.id, parent: parent, from: partition.checkpoints.restart, state: state))
      } catch {
        // It can't be taken as it is; the operator hears that nothing comes, and the log says why.
        return output.fatal = error
      }
      deliverAll(partition)
      output.rotateSinks = true
    }
    report(succession)
  }

  /// Its decisions leave under the old id while there is somebody to send them.
  private func deliverAll(_ partition: Partition) {
    let rest = partition.uncommitted.filter { $0.header.kind.hasDecisions && $0.header.endOffset > partition.sinkCursor }
    while let held = partition.undelivered.popFirst() { deliver(held, partition) }
    for held in rest { deliver(held, partition) }
  }

  func reviewForced(_ partition: Partition, delivered: Offset) {
    guard let succession = partition.handedOn, succession.isForced, !partition.isDelivered else { return }
    if partition.lastHanded <= delivered {
      partition.isDelivered = true
      report(succession)
    } else {
      output.rotateSinks = true
    }
  }
}
