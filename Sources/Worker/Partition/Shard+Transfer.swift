import Models
import Wire

/// Feeding replicas that lack what this log can't give them any more (R13, C4): the newest snapshot here, in a session that the
/// coordinator issues, then the log. And being fed: a snapshot takes the place of a copy that nothing counts on.
extension Shard {
  /// A session of which nothing is heard for so long, ms, is given up, and another is asked for.
  static let transferPatience: Int64 = 3_000

  /// A replica has to be fed. Asked at every heartbeat, so that whatever is missing now is tried again.
  func feed(_ partition: Partition, _ member: Member, now: Int64) {
    if let last = partition.feeds[member.node], last.member == member, now - last.heardAt < Self.transferPatience { return }
    // Also one that can't commit yet: perhaps for want of this very replica.
    guard partition.replica.primaryEpoch != nil, output.fatal == nil else { return }
    if partition.checkpoints.stored.last.map({ $0 < partition.replica.logStart }) ?? true {
      partition.checkpoints.isWanted = true
      return
    }
    guard canFeed(partition) else {
      if now - partition.rotatedAt >= 1_000 {
        partition.rotatedAt = now
        output.rotateSinks = true
      }
      return
    }
    partition.feeds[member.node] = Feed(member: member, heardAt: now)
    output.transfers.append(
      TransferRequest(partition: partition.id, epoch: partition.replica.primaryEpoch!, source: me, target: member))
  }

  /// What is decided below a snapshot comes to nobody's sinks through the copy that is made of it: it must have been delivered, as
  /// the log or the closed files here say (C3). That is so whether or not what the log says has committed.
  func canFeed(_ partition: Partition) -> Bool {
    guard let newest = partition.checkpoints.stored.last, newest >= partition.replica.logStart else { return false }
    return max(partition.sinkCursor, partition.delivered) >= partition.checkpoints.storedDecidedEnd || planted(.feedAheadOfSinks)
  }

  /// The snapshot that may be given away now: a newer one may have got its name since the session was asked for, and what it owes may
  /// not have been delivered yet.
  public func feedable(_ id: PartitionID) -> Offset? {
    guard let partition = partitions[id], canFeed(partition) else { return nil }
    return partition.checkpoints.stored.last
  }

  /// The target has asked for a piece.
  public func isFeeding(_ session: TransferSession, now: Int64) {
    guard let partition = partitions[session.partition], partition.feeds[session.target.node]?.member == session.target else { return }
    partition.feeds[session.target.node]!.heardAt = now
  }

  /// Whether a session may begin or go on here, on the target's side.
  public func mayBeFed(_ session: TransferSession) -> Bool {
    guard session.target == me, let partition = partitions[session.partition] else { return false }
    return partition.replica.mayInstall(Offset(.max), epoch: session.epoch)
  }

  /// Whether a whole snapshot that ends at `offset` may take the place of this copy.
  public func mayInstall(_ offset: Offset, _ session: TransferSession) -> Bool {
    guard session.target == me, let partition = partitions[session.partition] else { return false }
    return partition.replica.mayInstall(offset, epoch: session.epoch) || planted(.lateChunk)
  }

  /// Gives this copy up for the snapshot that takes its place; until `recover` brings that, whatever comes for the partition is
  /// ignored, and so comes again. The log says so first: what stands in it of the old copy is void.
  public func replaceCopy(of id: PartitionID) -> ShardOutput.Rebuild {
    guard let partition = partitions[id] else { preconditionFailure("\(id) is not open") }
    appendLocal(partition, kind: .dropped, at: .zero)
    return close(id)
  }
}

/// A replica that is being fed from here.
struct Feed: Sendable {
  var member: Member
  /// When a session was asked for, or the target last asked for a piece.
  var heardAt: Int64
}
