import Logging
import Models
import NIOCore
import Wire

extension WorkerNode {
  /// Opens the data directory, recovers the partitions and puts the worker together: everything but its ports. The
  /// simulator starts its workers here too.
  ///
  /// R15: where the log or a snapshot is damaged, and `records`, the newest that the coordinator has, say that every partition with a
  /// copy here has another one that may be elected, the storage is distrusted, and the worker begins with an empty one, to be fed
  /// by its peers. What was damaged stays where it is. Without such copies, or with no records that hold (nil: the coordinator's
  /// store was restored), nothing is touched, and opening fails.
  static func open(
    _ config: WorkerConfig, cluster: ClusterID, settings: ClusterSettings, records: [PartitionRecord]?, logger: Logger,
    linkOptions: LinkOptions, tls: TLSClientContext?, system: FileSystem = .posix, clock: WallClock = .system,
    eventLoops: [any EventLoop], background: @escaping Background, random: @escaping @Sendable () -> UInt64,
    onStop: @escaping @Sendable (String) -> Void
  ) throws -> WorkerNode {
    func opened(_ directory: DataDirectory) throws -> WorkerNode {
      if case .distrusted(let reason, let previous) = directory.found {
        logger.warning(
          "the storage is distrusted: it starts empty, as a new one, and is fed by the other workers; the old one can be removed",
          metadata: ["reason": "\(reason)", "old": "\(config.data)/storage-\(previous)"])
      }
      return try open(
        directory, config, settings: settings, logger: logger, linkOptions: linkOptions, tls: tls, system: system, clock: clock,
        eventLoops: eventLoops, background: background, onStop: onStop)
    }
    func directory() throws(DataDirectoryError) -> DataDirectory {
      try DataDirectory.open(path: config.data, cluster: cluster, countUncleanAsNew: false, system: system, random: random)
    }
    let first = try directory()
    do {
      return try opened(first)
    } catch {
      defer { first.close() }
      guard Self.isDamage(error), let node = first.identity.node, let records, Self.isHeldElsewhere(records, node) else { throw error }
      try first.distrust(reason: "\(error)")
    }
    return try opened(try directory())
  }

  /// Something that had been promised can't be read.
  private static func isDamage(_ error: any Error) -> Bool {
    switch error {
    // What can't be applied though it is whole may be this build's fault, and every copy's.
    case let error as JournalError: error.distrustsStorage && !error.isFileError
    default: false
    }
  }

  private static func isHeldElsewhere(_ records: [PartitionRecord], _ node: NodeID) -> Bool {
    records.allSatisfy { record in
      !record.replicas.contains(node) || (record.isr + record.eligible).contains { $0.node != node }
    }
  }

  private static func open(
    _ directory: DataDirectory, _ config: WorkerConfig, settings: ClusterSettings, logger: Logger, linkOptions: LinkOptions,
    tls: TLSClientContext?, system: FileSystem, clock: WallClock, eventLoops: [any EventLoop], background: @escaping Background,
    onStop: @escaping @Sendable (String) -> Void
  ) throws -> WorkerNode {
    // R6: after a clean stop everything that the last process held in memory is on disk.
    let incarnation = directory.identity.incarnation
    let intactSince = directory.found == .clean ? Incarnation(incarnation.rawValue - 1) : incarnation
    let bundles = try BundleStore(directory: config.data + "/bundles", trust: try config.trustedBundleKeys.load(), system: system)
    var outboxOptions = OutboxOptions()
    outboxOptions.closeAfter = UInt64(config.outboxRoll) * 1_000_000
    outboxOptions.keptBytesMax = config.outboxKeepBytes
    let stop = StopOnce(onStop)
    let outbox = try Outbox.open(
      directory: directory.outboxPath, node: directory.identity.node ?? NodeID(0), incarnation: directory.identity.incarnation,
      options: outboxOptions, system: system
    ) { stop.call("the outbox can't be written: \($0)") }

    let logIndex = LogIndex()
    let snapshots = try SnapshotStore(directory: directory.snapshotPath, system: system)
    let journal: Journal
    let recovered: [RecoveredPartition]
    do {
      (journal, recovered) = try recover(config, settings, directory, bundles, snapshots, outbox, logIndex, system, logger)
    } catch {
      outbox.close()
      throw error
    }
    let sinks = DecisionSinks(outbox: outbox, withFeatures: config.decisionsWithFeatures) { try? bundles.bundle($0) }
    let node = WorkerNode(
      config: config, logger: logger, directory: directory, journal: journal, sinks: sinks, bundles: bundles, logIndex: logIndex,
      snapshots: snapshots, clock: clock, linkOptions: linkOptions, tls: tls, intactSince: intactSince, eventLoops: eventLoops,
      background: background,
      onStop: stop.call)
    node.begin(recovered)
    journal.start(
      Journal.Callbacks(
        onWritten: { logIndex.written($0) },
        onDurable: { node.journalDurable($0) },
        onFatal: { error in
          // R15: whatever was not synced may or may not be there. The storage is not to be relied on any more.
          if error.distrustsStorage { try? directory.distrust(reason: "\(error)") }
          node.stop(because: "the log can't be written: \(error)")
        }))
    return node
  }

  /// Reads each partition's newest snapshot, then the journal once.
  private static func recover(
    _ config: WorkerConfig, _ settings: ClusterSettings, _ directory: DataDirectory, _ bundles: BundleStore, _ snapshots: SnapshotStore,
    _ outbox: Outbox, _ logIndex: LogIndex, _ system: FileSystem, _ logger: Logger
  ) throws -> (Journal, [RecoveredPartition]) {
    let began = monotonicNanoseconds()
    var partitions = try restore(config, bundles, snapshots, outbox, logger)
    let unreadable = Set(try snapshots.list().map(\.partition)).subtracting(partitions.keys)
    var options = JournalOptions()
    options.segmentBytes = config.segmentBytes
    options.freeBytesMin = config.reserveBytes
    if settings.durability == .replicated { options.durability = .replicated() }
    var bytes = 0
    var lastIndexed: [PartitionID: Int] = [:]
    let journal = try Journal.open(
      directory: directory.journalPath, cluster: directory.identity.cluster, storage: directory.identity.storage, options: options,
      system: system
    ) { header, record, position in
      if header.kind == .born {
        try partitions.replayBirth(
          header, record, dedupHorizon: config.dedupHorizon, sinkCursor: outbox.cursor(of: header.partition)
        ) { try? bundles.bundle($0) }
        return
      }
      if header.kind == .unborn { return partitions[header.partition] = nil }
      if partitions[header.partition] == nil {
        partitions[header.partition] = RecoveredPartition(
          id: header.partition, dedupHorizon: config.dedupHorizon, sinkCursor: outbox.cursor(of: header.partition))
      }
      try partitions[header.partition]!.replay(header, record) { try? bundles.bundle($0) }
      if header.kind != .truncated, lastIndexed[header.partition].map({ bytes - $0 >= LogIndex.spacing }) ?? true {
        lastIndexed[header.partition] = bytes
        logIndex.add(header.partition, header.baseOffset, at: position)
      }
      bytes += header.length
    }
    for partition in partitions.values {
      do throws(ApplyError) { try partition.finish() } catch {
        // The log was cut at snapshots that can't be read any more.
        if unreadable.contains(partition.id) { throw JournalError.snapshotsLost(partition.id, "\(error)") }
        throw error
      }
    }
    if bytes > 0 {
      logger.info(
        "log replayed",
        metadata: [
          "bytes": "\(bytes)", "partitions": "\(partitions.count)", "milliseconds": "\((monotonicNanoseconds() - began) / 1_000_000)",
        ])
    }
    // Of those that ended in this log nothing is left.
    return (journal, partitions.values.filter { $0.log.end > .zero }.sorted { $0.id < $1.id })
  }

  static func restore(
    _ config: WorkerConfig, _ bundles: BundleStore, _ snapshots: SnapshotStore, _ outbox: Outbox, _ logger: Logger
  ) throws -> [PartitionID: RecoveredPartition] {
    var partitions: [PartitionID: RecoveredPartition] = [:]
    for id in Set(try snapshots.list().map(\.partition)).sorted() {
      let newest = try snapshots.newest(of: id, dedupHorizon: config.dedupHorizon, bundle: { try? bundles.bundle($0) }) { name, error in
        logger.error("a snapshot can't be read; the one before is tried", metadata: ["file": "\(name.text)", "reason": "\(error)"])
      }
      guard let newest else { continue }
      partitions[id] = RecoveredPartition(
        id: id, dedupHorizon: config.dedupHorizon, sinkCursor: outbox.cursor(of: id), snapshot: newest.snapshot, snapshots: newest.offsets)
      logger.info("snapshot read", metadata: ["partition": "\(id)", "offset": "\(newest.snapshot.offset)"])
    }
    return partitions
  }
}
