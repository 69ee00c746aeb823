import Wire

/// Copies that have moved away, and partitions that others have taken the place of: what they leave on the disk goes.
extension WorkerNode {
  /// Rounds, of half a second each, between the end of a partition and the end of its files: until then every loop has told what
  /// its successors need of them.
  static let roundsBeforeRemoval = 3

  /// The partition's copy is on another node now. Its end is in the journal; its snapshots go once that is on the disk, so
  /// that a restart never finds the rest of a log without what lies before it.
  func leave(_ id: PartitionID, on loop: WorkerLoop) {
    logger.info("a partition's copy has moved away", metadata: ["partition": "\(id)"])
    let last = journal.lastTicket
    background {
      self.removeFiles(of: id, after: last)
      loop.eventLoop.execute {
        loop.shard.departed(id)
        if let map = loop.map { loop.learned(map) }
      }
    }
  }

  /// Others have taken its place, and its end is in the journal. Successors without snapshots of their own need its files.
  func retire(_ id: PartitionID) { changeRetired { $0[id] = Self.roundsBeforeRemoval } }

  /// Blocks on the disk. `needed` are the partitions of whose logs or snapshots something is needed.
  func removeRetired(besides needed: Set<PartitionID>) {
    let due = changeRetired { retired in
      for id in retired.keys { retired[id]! -= 1 }
      let due = retired.filter { $0.value <= 0 && !needed.contains($0.key) }.keys
      for id in due { retired[id] = nil }
      return due.sorted()
    }
    if due.isEmpty { return }
    let last = journal.lastTicket
    for id in due { removeFiles(of: id, after: last) }
  }

  private func removeFiles(of id: PartitionID, after ticket: JournalTicket) {
    guard journal.waitUntilDurable(ticket) else { return }
    do throws(FileError) {
      try snapshots.removeAll(of: id)
    } catch {
      logger.warning("old snapshots can't be removed", metadata: ["partition": "\(id)", "reason": "\(error)"])
    }
  }
}
