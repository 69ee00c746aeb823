import Models
import NIOCore
import Wire

/// What a node reads from its disk and writes to it beside the journal's own threads.
extension WorkerNode {
  /// Makes the role facts durable, off the loops.
  func persist(_ done: @escaping @Sendable (FileError?) -> Void) {
    background {
      do throws(FileError) {
        try self.directory.roles.sync()
        done(nil)
      } catch {
        done(error)
      }
    }
  }

  func diskFree() -> UInt64 { directory.freeBytes }

  /// Records of one partition from the journal, for a follower that has fallen behind what is in memory. `done` gets nil
  /// when they can't be read now.
  func readLog(
    _ partition: PartitionID, _ range: Range<Offset>, of log: EpochTable,
    _ done: @escaping @Sendable ((records: [UInt8], end: Offset)?) -> Void
  ) {
    let start = logIndex.start(of: partition, from: range.lowerBound) ?? journal.beginning
    reads.submit {
      var reader = PartitionReader(journal: self.journal, partition: partition, at: start)
      do {
        done(try reader.read(range, of: log, maxBytes: 1 << 20))
      } catch {
        self.logger.warning(
          "the log can't be read for a follower that has fallen behind", metadata: ["partition": "\(partition)", "error": "\(error)"])
        done(nil)
      }
    }
  }

  /// One record from the journal, for an operator's eyes; nil when it can't be read.
  func readLog(
    _ partition: PartitionID, containing offset: Offset, of log: EpochTable, _ done: @escaping @Sendable ([UInt8]?) -> Void
  ) {
    let start = logIndex.start(of: partition, from: offset) ?? journal.beginning
    reads.submit {
      var reader = PartitionReader(journal: self.journal, partition: partition, at: start)
      done((try? reader.record(containing: offset, of: log)) ?? nil)
    }
  }

  /// R14: a replica whose state ran ahead of its commit offset starts again from its log.
  func rebuild(_ due: ShardOutput.Rebuild, on loop: WorkerLoop) {
    let id = due.partition
    let closed = planted(.closeLate) ? loop.shard.close(id) : due
    logger.notice("rebuilding a partition that lost its role with uncommitted entries applied", metadata: ["partition": "\(id)"])
    let last = journal.lastTicket
    let cursor = sinks.outbox.cursor(of: id)
    background {
      let rebuilt = Result { try self.rebuilt(id, isSuccessor: closed.isSuccessor, after: last, sinkCursor: cursor) }
      loop.eventLoop.execute {
        switch rebuilt {
        case .success(let partition):
          loop.shard.recover(
            partition, highestEpoch: closed.highestEpoch, record: closed.record, lastAssumed: closed.lastAssumed)
          if let map = loop.map { loop.learned(map) }
        case .failure(let error): self.stop(because: "\(id) can't be rebuilt: \(error)")
        }
      }
    }
  }

  private func rebuilt(_ id: PartitionID, isSuccessor: Bool, after last: JournalTicket, sinkCursor: Offset) throws -> RecoveredPartition {
    let newest = try snapshots.newest(of: id, dedupHorizon: config.dedupHorizon, bundle: { try? bundles.bundle($0) }) {
      logger.error("a snapshot can't be read", metadata: ["file": "\($0.text)", "reason": "\($1)"])
    }
    // Without a snapshot of its own it is made of those that it took the place of.
    if newest == nil, isSuccessor {
      let restored = try Self.restore(config, bundles, snapshots, sinks.outbox, logger)
      let rebuilt = try PartitionReader.rebuildSuccessor(
        id, restored, journal: journal, after: last, dedupHorizon: config.dedupHorizon, sinkCursor: sinkCursor,
        bundle: { try? bundles.bundle($0) })
      if let rebuilt { return rebuilt }
    }
    let start = newest.flatMap { logIndex.start(of: id, from: min($0.snapshot.offset, sinkCursor)) } ?? journal.beginning
    return try PartitionReader.rebuild(
      RecoveredPartition(
        id: id, dedupHorizon: config.dedupHorizon, sinkCursor: sinkCursor, snapshot: newest?.snapshot, snapshots: newest?.offsets ?? []),
      journal: journal, from: start, after: last
    ) { try? bundles.bundle($0) }
  }
}
