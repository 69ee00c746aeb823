import Models
import Wire

/// Checkpoints (C1 to C3): one entry in the log, at which every replica writes its state down. The shard says what the
/// state is and when a file may take its name; the shell has the files.
extension Shard {
  /// As many at a time; a replica that has more to do leaves one out, and keeps its log for longer.
  static let checkpointsMax = 8

  /// Writes checkpoint entries where they are due, one after the other.
  public func reviewCheckpoints(now: Int64) {
    guard output.fatal == nil, !partitions.values.contains(where: { $0.checkpoints.current != nil }) else { return }
    for partition in partitions.values { partition.checkpoints.lastAt = partition.checkpoints.lastAt ?? ownTime(of: partition, now: now) }
    let due = partitions.values.filter { partition in
      // What a snapshot holds is no sealed state (R12): that one lasts a moment.
      partition.replica.isServing && partition.state.seal == nil && partition.pause == nil && isCheckpointDue(partition, now: now)
    }
    guard let partition = due.min(by: { $0.id < $1.id }) else { return }
    let time = ownTime(of: partition, now: now)
    partition.state.advance(to: time)
    append(partition, kind: .checkpoint, count: 1, payloadSize: 0, loggedTime: time, now: now) { _ in }
    beginCheckpoint(partition)
  }

  /// In logged time, which a jump of the wall clock does not move.
  private func isCheckpointDue(_ partition: Partition, now: Int64) -> Bool {
    partition.isCheckpointDue(checkpointPolicy, now: ownTime(of: partition, now: now))
  }

  /// An old journal segment is held back by this partition.
  public func wantCheckpoint(of id: PartitionID) { partitions[id]?.checkpoints.isWanted = true }

  /// The state is exactly what the checkpoint entry, applied just now, closes.
  func beginCheckpoint(_ partition: Partition) {
    let underWay = partitions.values.reduce(0) { $0 + ($1.checkpoints.current == nil ? 0 : 1) }
    guard partition.checkpoints.current == nil, underWay < Self.checkpointsMax else { return }
    let image = partition.state.image(of: partition.id, range: partition.range, log: partition.replica.log)
    partition.checkpoints.current = Checkpoint(offset: image.offset, decidedEnd: partition.state.decidedEnd)
    output.checkpoints.append(image)
  }

  /// The next piece of the state, about `bytes` of it; the last one says so. Nil when that checkpoint was given up, or has
  /// no entities (left).
  public func checkpointPiece(of id: PartitionID, at offset: Offset, bytes: Int) -> EntityImages? {
    guard let partition = partitions[id], let current = partition.checkpoints.current, current.offset == offset else { return nil }
    return partition.state.walkOn(bytes: bytes)
  }

  /// Whether the shell should go on with it.
  public func isCheckpointing(_ id: PartitionID, at offset: Offset) -> Bool { partitions[id]?.checkpoints.current?.offset == offset }

  /// The file is whole and durable under its temporary name.
  public func checkpointWritten(_ header: SnapshotHeader) {
    guard let partition = partitions[header.partition], partition.checkpoints.current?.offset == header.offset else {
      return output.discards.append((header.partition, header.offset))
    }
    partition.checkpoints.current!.phase = .written(header)
    publishCheckpoint(partition)
  }

  /// C3: only what has committed. A primary's state runs ahead of that.
  func publishCheckpoint(_ partition: Partition) {
    // Nor one of a birth that a loss of power may still undo.
    guard case .written(let header) = partition.checkpoints.current?.phase, header.offset <= partition.replica.commit,
      header.offset <= partition.replica.durableEnd
    else { return }
    partition.checkpoints.current!.phase = .publishing(header)
    output.publishes.append(header)
  }

  /// The file has its name, durably.
  public func checkpointStored(_ header: SnapshotHeader) {
    guard let partition = partitions[header.partition] else { return }
    if let current = partition.checkpoints.current, current.offset == header.offset {
      partition.checkpoints.storedDecidedEnd = current.decidedEnd
      if case .publishing = current.phase {
        partition.checkpoints.current = nil
      } else {
        // Begun by the replica before it was rebuilt, and published meanwhile: the second one at this offset is not needed.
        giveUpCheckpoint(partition)
      }
    }
    output.checkpointReports.append(
      CheckpointReport(member: me, partition: header.partition, offset: header.offset, digest: header.stateDigest))
    guard partition.checkpoints.stored.last != header.offset else { return }
    partition.checkpoints.stored = Array((partition.checkpoints.stored + [header.offset]).suffix(2))
  }

  /// It could not be written (a full disk): the log is kept, and the next one is tried when it is due.
  public func checkpointFailed(_ id: PartitionID, at offset: Offset) {
    guard let partition = partitions[id], partition.checkpoints.current?.offset == offset else { return }
    giveUpCheckpoint(partition)
  }

  func giveUpCheckpoint(_ partition: Partition) {
    guard let current = partition.checkpoints.current else { return }
    partition.state.endWalk()
    partition.checkpoints.current = nil
    output.discards.append((partition.id, current.offset))
  }

  /// How far each partition's log may be cut here; `delivered` is what stands in closed files of this node's sinks.
  public func cutPoints(delivered: (PartitionID) -> Offset) -> [(partition: PartitionID, offset: Offset)] {
    partitions.values.filter { $0.replica.log.end > .zero }.flatMap { partition in
      let needs = partition.checkpoints.stored.count > 1 ? [] : partition.birth?.needs ?? []
      return [(partition.id, partition.cutPoint(delivered: delivered(partition.id)))] + needs.map { ($0.parent, $0.from) }
    } + (retiring.union(closed)).map { ($0, .zero) }
  }

  /// Records below `offset` can't be read here any more.
  public func cut(_ id: PartitionID, to offset: Offset) {
    guard let partition = partitions[id], offset > partition.replica.logStart else { return }
    partition.replica.logStart = offset
  }
}
