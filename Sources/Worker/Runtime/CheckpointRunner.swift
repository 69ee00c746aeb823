import Logging
import Models
import NIOCore
import Wire

/// Writes the checkpoints of one loop's partitions: takes a small piece of a state at a time on the loop, and encodes and
/// writes it on a thread that may block. Everything but `Job.run` is called on the loop.
final class CheckpointRunner: @unchecked Sendable {
  /// About what one call on the loop copies: some tens of microseconds.
  static let pieceBytes = 64 * 1024
  /// Pieces that may wait for the disk.
  static let piecesMax = 4
  /// Between two pieces.
  static let distance = TimeAmount.milliseconds(1)

  private unowned let loop: WorkerLoop
  private let node: WorkerNode
  private var jobs: [Job] = []
  private var isScheduled = false

  init(_ loop: WorkerLoop, _ node: WorkerNode) {
    self.loop = loop
    self.node = node
  }

  func begin(_ image: PartitionImage) {
    let name = SnapshotStore.Name(partition: image.partition, offset: image.offset)
    let job = Job(name, SnapshotWriter(image, cluster: node.directory.identity.cluster), node.snapshots)
    job.hasPieces = image.hasEntities
    jobs.append(job)
    job.pieces.append(nil)  // the beginning
    run(job)
    schedule()
  }

  private func schedule() {
    guard !isScheduled, jobs.contains(where: { $0.hasPieces }) else { return }
    isScheduled = true
    loop.eventLoop.scheduleTask(in: Self.distance) {
      self.isScheduled = false
      self.takePiece()
      self.schedule()
    }
  }

  /// One piece a turn, of the oldest checkpoint.
  private func takePiece() {
    guard let job = jobs.first(where: { $0.hasPieces }), job.pieces.count < Self.piecesMax else { return }
    let began = monotonicNanoseconds()
    let images = loop.shard.checkpointPiece(of: job.name.partition, at: job.name.offset, bytes: Self.pieceBytes)
    loop.metrics.checkpointPiece.observe(monotonicNanoseconds() - began, times: 1)
    guard let images else { return end(job) }  // given up meanwhile
    if images.isLast { job.hasPieces = false }
    job.pieces.append(images)
    run(job)
  }

  /// Has the pieces at hand written; the next ones when they are.
  private func run(_ job: Job) {
    guard !job.isBusy, !job.pieces.isEmpty || !job.hasPieces else { return }
    job.isBusy = true
    let pieces = job.pieces
    job.pieces.removeAll()
    let isLast = !job.hasPieces
    node.background {
      let outcome = Result { try job.write(pieces, isLast: isLast) }
      self.loop.eventLoop.execute { self.written(job, outcome) }
    }
  }

  private func written(_ job: Job, _ outcome: Result<SnapshotHeader?, any Error>) {
    job.isBusy = false
    if job.isEnded { return node.background { job.close() } }
    switch outcome {
    case .success(nil): run(job)
    case .success(let header?):
      end(job)
      loop.shard.checkpointWritten(header)
    case .failure(let error):
      node.logger.warning(
        "a checkpoint can't be written: the log is kept for longer",
        metadata: ["partition": "\(job.name.partition)", "offset": "\(job.name.offset)", "reason": "\(error)"])
      loop.metrics.checkpointsFailed.add()
      end(job)
      loop.shard.checkpointFailed(job.name.partition, at: job.name.offset)
    }
    loop.drain()
  }

  private func end(_ job: Job) {
    jobs.removeAll { $0 === job }
    job.isEnded = true
    // Its descriptor is closed by whoever uses it last.
    if !job.isBusy { node.background { job.close() } }
  }

  /// The log's records below it are on the disk first: where a power loss took some of them and left the snapshot, their decisions could
  /// not be delivered from here, though the sinks may lack them.
  func publish(_ header: SnapshotHeader) {
    let name = SnapshotStore.Name(partition: header.partition, offset: header.offset)
    let ticket = node.journal.lastTicket
    node.background {
      guard self.node.journal.waitUntilDurable(ticket) else { return }
      let outcome = Result { try self.node.snapshots.publish(name) }
      self.loop.eventLoop.execute {
        switch outcome {
        case .success:
          self.loop.metrics.checkpoints.add()
          self.loop.shard.checkpointStored(header)
          self.node.logger.debug(
            "checkpoint", metadata: ["partition": "\(header.partition)", "offset": "\(header.offset)", "bytes": "\(header.fileSize)"])
        case .failure(let error):
          self.node.logger.warning("a snapshot can't get its name", metadata: ["file": "\(name.text)", "reason": "\(error)"])
          self.loop.metrics.checkpointsFailed.add()
          self.loop.shard.checkpointFailed(header.partition, at: header.offset)
        }
        self.loop.drain()
      }
    }
  }

  func discard(_ partition: PartitionID, _ offset: Offset) {
    let name = SnapshotStore.Name(partition: partition, offset: offset)
    if let job = jobs.first(where: { $0.name == name }) { end(job) }
    node.background { self.node.snapshots.discard(name) }
  }

  /// One file that is being written. `pieces`, `isBusy` and `hasPieces` are the loop's; the rest is used by one background
  /// call at a time.
  final class Job: @unchecked Sendable {
    let name: SnapshotStore.Name
    /// Nil stands for the beginning.
    var pieces: [EntityImages?] = []
    var isBusy = false
    var hasPieces = true
    var isEnded = false
    private var writer: SnapshotWriter
    private let store: SnapshotStore
    private var file: File?
    private var at = 0
    private var synced = 0
    /// Bytes between two syncs, so that none of them holds the log's own syncs up for long.
    private static let syncEvery = 4 << 20

    init(_ name: SnapshotStore.Name, _ writer: consuming SnapshotWriter, _ store: SnapshotStore) {
      self.name = name
      self.writer = writer
      self.store = store
    }

    /// The header once the file is whole and durable.
    func write(_ pieces: [EntityImages?], isLast: Bool) throws -> SnapshotHeader? {
      for piece in pieces {
        if let piece {
          try writer.add(piece) { try append($0) }
        } else {
          file = try store.create(name)
          try writer.begin { try append($0) }
        }
      }
      guard isLast else { return nil }
      let header = try writer.finish { try append($0) }
      try file!.write(header.bytes, at: 0)
      try file!.sync()
      return header
    }

    private func append(_ bytes: [UInt8]) throws {
      try file!.write(bytes, at: at)
      at += bytes.count
      guard at - synced >= Self.syncEvery else { return }
      try file!.sync()
      synced = at
    }

    func close() {
      file?.close()
      file = nil
    }
  }
}
