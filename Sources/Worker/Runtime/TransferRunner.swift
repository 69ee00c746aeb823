import Logging
import Models
import NIOCore
import Wire

/// The transfers of one loop's partitions (R13, C4): gives pieces of snapshot files to replicas that are fed from here, and has
/// those written, proven and put in place that come here. Everything is called on the loop; files are read and written on
/// a thread that may block.
final class TransferRunner: @unchecked Sendable {
  /// Snapshots received at a time; further ones wait for their turn.
  static let inboundMax = 2
  /// Between two attempts.
  static let retryAfter = TimeAmount.milliseconds(200)
  /// Attempts in a row that come to nothing, after which a transfer is given up; the primary asks for another one.
  static let failuresMax = 50
  /// A source's file is closed when nobody has asked for so long, nanoseconds.
  static let idleMax: UInt64 = 60_000_000_000

  private unowned let loop: WorkerLoop
  private let node: WorkerNode
  private var inbound: [PartitionID: Inbound] = [:]
  private var outbound: [TransferID: Outbound] = [:]

  init(_ loop: WorkerLoop, _ node: WorkerNode) {
    self.loop = loop
    self.node = node
  }

  /// The coordinator has issued a session that concerns this node.
  func take(_ session: TransferSession) {
    if session.source == node.me { offer(session) }
    if session.target == node.me { receive(session) }
  }

  func tick() {
    let now = monotonicNanoseconds()
    for (id, source) in outbound where !source.isBusy && now - source.usedAt > Self.idleMax { withdraw(id, source) }
    for job in inbound.values where !job.isInstalling && !loop.shard.mayBeFed(job.transfer.session) { end(job) }
  }

  // MARK: The source

  private func offer(_ session: TransferSession) {
    for (id, source) in outbound where source.session.partition == session.partition && source.session.target.node == session.target.node {
      guard id < session.id else { return }
      withdraw(id, source)
    }
    outbound[session.id] = Outbound(session)
  }

  private func withdraw(_ id: TransferID, _ source: Outbound) {
    outbound[id] = nil
    node.background { source.close() }
  }

  func serve(_ read: TransferRead, _ answer: @escaping @Sendable (Result<TransferChunk, Failure>) -> Void) {
    guard let source = outbound[read.session], source.session.partition == read.partition else {
      return answer(.failure(Failure(.notFound, "session \(read.session) is not open here", isRetriable: true)))
    }
    guard !source.isBusy else { return answer(.failure(Failure(.busy, "a piece is being read for session \(read.session)"))) }
    guard let chosen = source.chosen ?? loop.shard.feedable(read.partition) else {
      return answer(.failure(Failure(.busy, "what the newest snapshot owes to the sinks is not delivered yet")))
    }
    source.chosen = chosen
    source.isBusy = true
    source.usedAt = monotonicNanoseconds()
    loop.shard.isFeeding(source.session, now: loop.now())
    node.background {
      let outcome = Result { try source.read(read, chosen, self.node.snapshots) }
      self.loop.eventLoop.execute {
        source.isBusy = false
        switch outcome {
        case .success(let chunk): answer(.success(chunk))
        case .failure(let error):
          self.node.logger.warning(
            "a snapshot can't be read for a replica that is to be fed", metadata: ["partition": "\(read.partition)", "reason": "\(error)"])
          answer(.failure(Failure(.unavailable, "the snapshot can't be read: \(error)")))
        }
      }
    }
  }

  // MARK: The target

  private func receive(_ session: TransferSession) {
    if let job = inbound[session.partition] {
      if session.id > job.transfer.session.id { job.transfer.renew(session) }
      return
    }
    guard loop.shard.mayBeFed(session) else { return }
    node.logger.info(
      "a copy is being fed", metadata: ["partition": "\(session.partition)", "from": "\(session.source.node)", "session": "\(session.id)"])
    let job = Inbound(session)
    inbound[session.partition] = job
    begin()
  }

  /// The next ones whose turn it is.
  private func begin() {
    let waiting = inbound.values.filter { !$0.isBegun }.sorted { $0.transfer.session.id < $1.transfer.session.id }
    for job in waiting.prefix(max(0, Self.inboundMax - (inbound.count - waiting.count))) {
      job.isBegun = true
      ask(job)
    }
  }

  private func isCurrent(_ job: Inbound) -> Bool { inbound[job.transfer.session.partition] === job }

  private func ask(_ job: Inbound) {
    guard isCurrent(job), !node.isStopping else { return }
    guard loop.shard.mayBeFed(job.transfer.session) else { return end(job) }
    loop.peers.read(job.transfer.next, from: job.transfer.session.source.node) { self.answered(job, $0) }
  }

  private func again(_ job: Inbound) {
    job.failures += 1
    guard job.failures < Self.failuresMax else { return end(job) }
    loop.eventLoop.scheduleTask(in: Self.retryAfter) { self.ask(job) }
  }

  private func answered(_ job: Inbound, _ answer: Result<TransferChunk, Failure>) {
    guard isCurrent(job) else { return }
    guard case .success(let chunk) = answer else { return again(job) }
    // Nothing is to be gained by a snapshot of what is here already.
    if job.transfer.received == 0, !loop.shard.mayInstall(chunk.snapshot, job.transfer.session) { return end(job) }
    switch job.transfer.take(chunk) {
    case .refused:
      loop.metrics.transferRefused.add()
      again(job)
    case .anew:
      node.background { job.close(self.node.snapshots) }
      again(job)
    case .taken(let at): write(chunk, at, job)
    }
  }

  private func write(_ chunk: TransferChunk, _ at: Int, _ job: Inbound) {
    let name = SnapshotStore.Name(partition: chunk.partition, offset: chunk.snapshot)
    node.background {
      let outcome = Result { try job.write(chunk.bytes, at: at, name, self.node.snapshots) }
      self.loop.eventLoop.execute {
        guard self.isCurrent(job) else { return self.node.background { job.close(self.node.snapshots) } }
        switch outcome {
        case .success:
          job.failures = 0
          self.loop.metrics.transferBytes.add(chunk.bytes.count)
          if job.transfer.isWhole { return self.prove(job, name) }
          let pause = Int64(chunk.bytes.count) * 1_000_000_000 / Int64(self.node.config.transferBytesPerSecond)
          self.loop.eventLoop.scheduleTask(in: .nanoseconds(pause)) { self.ask(job) }
        case .failure(let error):
          self.node.logger.warning("a snapshot can't be received", metadata: ["file": "\(name.text)", "reason": "\(error)"])
          job.transfer.beginAnew()
          self.again(job)
        }
      }
    }
  }

  /// The file must be the one that was written at the source, block for block, and give the state of its digest.
  private func prove(_ job: Inbound, _ name: SnapshotStore.Name) {
    node.background {
      let outcome = Result { try job.prove(name, self.node.snapshots, self.node.config.dedupHorizon) { try? self.node.bundles.bundle($0) } }
      let proven = ProvenSnapshot(outcome)
      self.loop.eventLoop.execute {
        guard self.isCurrent(job) else { return self.node.background { job.close(self.node.snapshots) } }
        switch proven.outcome {
        case .success(let snapshot): self.install(snapshot, job, name)
        case .failure(SnapshotError.bundleMissing(_, let id)):
          self.node.session.require(id)
          job.failures += 1
          guard job.failures < Self.failuresMax else { return self.end(job) }
          self.loop.eventLoop.scheduleTask(in: Self.retryAfter) { if self.isCurrent(job) { self.prove(job, name) } }
        case .failure(let error):
          self.node.logger.warning("a received snapshot is not whole", metadata: ["file": "\(name.text)", "reason": "\(error)"])
          job.transfer.beginAnew()
          self.again(job)
        }
      }
    }
  }

  private func install(_ snapshot: RestoredSnapshot, _ job: Inbound, _ name: SnapshotStore.Name) {
    // Asked again now, at the last moment at which it can be answered (R13).
    guard loop.shard.mayInstall(snapshot.offset, job.transfer.session) else { return end(job) }
    job.isInstalling = true
    let closed = loop.shard.replaceCopy(of: name.partition)
    loop.drain()
    let ticket = node.journal.lastTicket
    let cursor = node.sinks.outbox.cursor(of: name.partition)
    let proven = ProvenSnapshot(.success(snapshot))
    node.background {
      // First the end of the old copy, then the new one: a crash in between leaves none, which is a learner like any other.
      guard self.node.journal.waitUntilDurable(ticket) else { return }
      let outcome = Result { try self.node.snapshots.install(name) }
      self.loop.eventLoop.execute {
        if case .failure(let error) = outcome { return self.node.stop(because: "a snapshot can't be put in place: \(error)") }
        if case .success(let snapshot) = proven.outcome { self.installed(snapshot, job, closed, cursor) }
      }
    }
  }

  private func installed(_ snapshot: RestoredSnapshot, _ job: Inbound, _ closed: ShardOutput.Rebuild, _ cursor: Offset) {
    let id = snapshot.header.partition
    loop.shard.recover(
      RecoveredPartition(
        id: id, dedupHorizon: node.config.dedupHorizon, sinkCursor: cursor, snapshot: snapshot, snapshots: [snapshot.offset]),
      highestEpoch: closed.highestEpoch, record: closed.record, lastAssumed: closed.lastAssumed)
    loop.metrics.transfers.add()
    node.logger.info(
      "a copy has been fed", metadata: ["partition": "\(id)", "offset": "\(snapshot.offset)", "bytes": "\(snapshot.header.fileSize)"])
    end(job)
    if let map = loop.map { loop.learned(map) }
    loop.drain()
  }

  private func end(_ job: Inbound) {
    guard isCurrent(job) else { return }
    inbound[job.transfer.session.partition] = nil
    node.background { job.close(self.node.snapshots) }
    begin()
  }
}

/// A snapshot that is given away. `isBusy`, `usedAt` and `chosen` are the loop's; the rest is used by one background call at a time.
private final class Outbound: @unchecked Sendable {
  let session: TransferSession
  var isBusy = false
  var usedAt = monotonicNanoseconds()
  /// The one that is given, unless the target has part of another.
  var chosen: Offset?
  /// Open, it outlives its name: a newer checkpoint ends no transfer.
  private var file: (File, SnapshotHeader)?

  init(_ session: TransferSession) { self.session = session }

  func read(_ read: TransferRead, _ chosen: Offset, _ store: SnapshotStore) throws -> TransferChunk {
    let (file, header) = try open(store, wanted: read.snapshot, chosen)
    // A target that asks for another file than this learns from the answer which one there is.
    let at = read.snapshot == .zero || read.snapshot == header.offset ? Int(clamping: read.at) : 0
    return TransferChunk(
      partition: read.partition, session: session.id, snapshot: header.offset, fileSize: UInt64(header.fileSize),
      manifestHigh: header.manifestHash.high, manifestLow: header.manifestHash.low, at: UInt64(min(at, header.fileSize)),
      bytes: try file.read(min(Int(read.length), max(0, header.fileSize - at)), at: at))
  }

  private func open(_ store: SnapshotStore, wanted: Offset, _ chosen: Offset) throws -> (File, SnapshotHeader) {
    if let file { return file }
    let names = try store.list().filter { $0.partition == session.partition }
    guard let name = names.first(where: { $0.offset == wanted }) ?? names.first(where: { $0.offset == chosen }) else {
      throw SnapshotError.noSnapshot
    }
    let opened = try store.system.openFile(store.path(name), 0)
    do {
      let front = try opened.read(SnapshotHeader.size, at: 0)
      file = (opened, try SnapshotHeader(reading: front.span.bytes))
      return file!
    } catch {
      opened.close()
      throw error
    }
  }

  func close() {
    file?.0.close()
    file = nil
  }
}

/// A snapshot that comes here. The file is used by one background call at a time; the rest is the loop's.
private final class Inbound: @unchecked Sendable {
  var transfer: InboundTransfer
  var isBegun = false
  var isInstalling = false
  var failures = 0
  private var file: (File, SnapshotStore.Name)?

  init(_ session: TransferSession) { transfer = InboundTransfer(session) }

  func write(_ bytes: [UInt8], at: Int, _ name: SnapshotStore.Name, _ store: SnapshotStore) throws {
    if file?.1 != name {
      close(store)
      file = (try store.createInbound(name), name)
    }
    try file!.0.write(bytes, at: at)
  }

  func prove(
    _ name: SnapshotStore.Name, _ store: SnapshotStore, _ dedupHorizon: Int64, bundle: (BundleID) -> Bundle?
  ) throws -> RestoredSnapshot {
    try file?.0.sync()
    let snapshot = try store.restore(path: store.inboundPath(name), dedupHorizon: dedupHorizon, proven: true, bundle: bundle)
    guard snapshot.header.partition == name.partition, snapshot.offset == name.offset else {
      throw SnapshotError.unreadable("it is \(snapshot.header.partition) at \(snapshot.offset)")
    }
    return snapshot
  }

  /// What was received and not put in place goes.
  func close(_ store: SnapshotStore) {
    guard let (file, name) = file else { return }
    file.close()
    store.discardInbound(name)
    self.file = nil
  }
}

/// A state that nobody else has, on its way to its loop.
private struct ProvenSnapshot: @unchecked Sendable {
  let outcome: Result<RestoredSnapshot, any Error>
  init(_ outcome: Result<RestoredSnapshot, any Error>) { self.outcome = outcome }
}
