import Glibc
import Synchronization
import Wire

/// A worker's one log on disk: all its partitions' records in the order in which they were appended, with group
/// commit. Event loops append without waiting; the journal's own thread writes and syncs whatever has gathered while
/// the previous sync ran.
///
/// Open, then `start`, then append from any thread; `close` once at the end. After a failed write or sync nothing is
/// ever acknowledged again (R15): `onFatal` is called once, and the process must stop.
public final class Journal: Sendable {
  public typealias Replay = (LogRecord, _ whole: UnsafeRawBufferPointer, JournalPosition) throws -> Void

  /// Called on the journal's thread; they must not block and must not throw work back at the journal but `append`.
  public struct Callbacks: Sendable {
    /// Batches that stand in the page cache now, in the order of their tickets, each with its place. The buffer is valid during the call.
    public var onWritten: @Sendable (UnsafeBufferPointer<JournalWritten>) -> Void
    /// Every batch up to this ticket is on disk.
    public var onDurable: @Sendable (JournalTicket) -> Void
    public var onFatal: @Sendable (JournalError) -> Void

    public init(
      onWritten: @escaping @Sendable (UnsafeBufferPointer<JournalWritten>) -> Void = { _ in },
      onDurable: @escaping @Sendable (JournalTicket) -> Void = { _ in },
      onFatal: @escaping @Sendable (JournalError) -> Void
    ) {
      self.onWritten = onWritten
      self.onDurable = onDurable
      self.onFatal = onFatal
    }
  }

  public let directory: String
  public let options: JournalOptions
  /// What opening found; a cut of whole blocks makes the storage distrusted (R6).
  public let recovery: JournalRecovery
  let cluster: ClusterID
  let storage: StorageID
  let system: FileSystem
  /// How its disk does.
  let disk = DiskWatch()
  let intake: Monitor<Intake>
  /// End of what has been written, as a packed position: readers go no further.
  let written: Atomic<UInt64>
  /// The oldest segment that is left.
  let firstSegment: Atomic<UInt32>
  private let pending = Atomic<Int>(0)
  private let durable = Atomic<UInt64>(0)
  private let preparer: JournalPreparer
  private let writer: JournalWriter

  struct Intake {
    /// What appenders fill now, and its emptied twin that the writer has given back.
    var filling = JournalGather()
    var empty: JournalGather? = JournalGather()
    var last = JournalTicket.none
    var writerWaits = false
    var closing = false
    /// The journal failed, or was closed: what comes now is forgotten.
    var dead = false
    var ended = false
    /// Threads that block until a ticket is durable.
    var durableWaiters = 0
    var threads: [BlockingThread] = []
  }

  /// Opens the journal in `directory` (created where missing) and hands every record that is in it to `replay`, in
  /// order. Throws where something is damaged that had been promised; see `JournalError.damaged`.
  public static func open(
    directory: String, cluster: ClusterID, storage: StorageID, options: JournalOptions = JournalOptions(),
    replay: Replay
  ) throws(JournalError) -> Journal {
    try open(directory: directory, cluster: cluster, storage: storage, options: options, system: .posix, replay: replay)
  }

  static func open(
    directory: String, cluster: ClusterID, storage: StorageID, options: JournalOptions, system: FileSystem,
    replay: Replay
  ) throws(JournalError) -> Journal {
    options.validate()
    do throws(FileError) { try system.createDirectory(directory) } catch { throw .file(error) }
    let recoverer = JournalRecoverer(directory: directory, cluster: cluster, storage: storage, system: system)
    let (found, recovery) = try recoverer.run(replay)
    return try Journal(directory, cluster, storage, options, system, tail: found, recovery)
  }

  private init(
    _ directory: String, _ cluster: ClusterID, _ storage: StorageID, _ options: JournalOptions, _ system: FileSystem,
    tail: JournalRecoverer.Tail?, _ recovery: JournalRecovery
  ) throws(JournalError) {
    self.directory = directory
    self.cluster = cluster
    self.storage = storage
    self.options = options
    self.system = system
    self.recovery = recovery
    firstSegment = Atomic(recovery.first)
    intake = Monitor(Intake())
    let segment: JournalWriter.Segment
    if let tail {
      segment = JournalWriter.Segment(
        file: tail.file, number: tail.number, bytes: tail.segmentBytes, offset: tail.offset)
    } else {
      do throws(FileError) {
        let made = try JournalPreparer.create(
          1, in: directory, bytes: options.segmentBytes, zeros: options.segmentBytes, system: system)
        segment = JournalWriter.Segment(file: made.file, number: 1, bytes: options.segmentBytes, offset: 0)
      } catch { throw .file(error) }
    }
    written = Atomic(JournalPosition(segment: segment.number, offset: UInt32(segment.offset)).packed)
    preparer = JournalPreparer(
      directory: directory, options: options, system: system, nextNumber: segment.number + 1, fill: segment.offset)
    writer = JournalWriter(
      segment: segment, recovery: recovery, cluster: cluster, storage: storage, options: options, preparer: preparer)
    do throws(FileError) { try JournalBoot.note(in: directory, system) } catch { throw .file(error) }
  }

  /// Starts the threads. Batches appended before are written then.
  public func start(_ callbacks: Callbacks) {
    let threads = [
      BlockingThread(name: "assay-zeros") { [preparer] in preparer.run() },
      BlockingThread(name: "assay-journal") { [self] in run(callbacks) },
    ]
    intake.withLock { state in
      precondition(state.threads.isEmpty && !state.closing, "a journal starts once")
      state.threads = threads
    }
  }

  /// Takes whole sealed log records, directly behind each other, to be written and synced together. Never waits.
  /// The bytes are copied. A dead journal takes them and forgets them: their ticket never becomes durable.
  @discardableResult
  public func append(_ records: UnsafeRawBufferPointer) -> JournalTicket {
    precondition(
      !records.isEmpty && records.count <= batchBytesMax, "a batch is 1 to \(batchBytesMax) bytes of whole records")
    assert(JournalWalk.forEachRecord(records) { _, _, _ in } == nil, "a batch is whole sealed records")
    let before = pending.add(records.count, ordering: .relaxed).oldValue
    precondition(before <= 2 * options.pendingBytesMax + 64 * 1024 * 1024, "a caller appends on although isFull")
    let (ticket, wake) = intake.withLock { state in
      state.last = JournalTicket(state.last.rawValue + 1)
      if state.dead || state.ended {
        pending.subtract(records.count, ordering: .relaxed)
      } else {
        if state.filling.count == 0 { state.filling.first = state.last }
        state.filling.append(records)
      }
      return (state.last, state.writerWaits)
    }
    if wake { intake.wake() }
    return ticket
  }

  /// Largest batch: it must fit into a segment.
  public var batchBytesMax: Int { options.segmentBytes - JournalSegmentHeader.span - JournalBlock.headerSize }
  /// Bytes appended but not yet written.
  public var pendingBytes: Int { pending.load(ordering: .relaxed) }
  /// Refuse intake while this holds: the disk does not keep up.
  public var isFull: Bool { pendingBytes >= options.pendingBytesMax }
  /// Refuse also what somebody waits for: far more is pending than at `isFull`, and still within bounds.
  public var isOverfull: Bool { pendingBytes >= options.pendingBytesMax * 3 / 2 }
  /// Refuse intake while this is false: the disk is nearly full. What was accepted still has its reserved space.
  public var hasRoom: Bool { preparer.hasRoom }
  public var durableTicket: JournalTicket { JournalTicket(durable.load(ordering: .acquiring)) }
  /// Looks for room now, rather than within the next second.
  public func lookForRoom() { preparer.poke() }

  /// Writes and syncs everything appended, adds the closing mark, and ends the threads. Blocks. Where the disk is full
  /// and the rest does not fit, that ends the journal by `onFatal`, without harm to what stands there.
  /// - Returns: whether all of it is on disk: only then may the directory be marked clean (R6).
  @discardableResult
  public func close() -> Bool {
    let threads = intake.change { state in
      state.closing = true
      defer { state.threads = [] }
      return state.threads
    }
    preparer.close()
    // The writer may still need a segment: the preparer's thread goes last.
    for thread in threads.reversed() {
      thread.join()
      preparer.stop()
    }
    if threads.isEmpty { writer.abandon() }
    return intake.withLock { !$0.dead && $0.last == durableTicket }
  }

  private func run(_ callbacks: Callbacks) {
    // Whoever has been told that the disk is done goes before those who begin something.
    if options.durability == .fsync { ThreadScheduling.preferPromptness() }
    do throws(JournalError) {
      var gather: JournalGather?
      var begun: UInt64 = 0
      while true {
        pause(after: begun)
        let deadline = writer.deadline
        let work = intake.wait(until: deadline) { state in nextWork(&state, giveBack: &gather) }
        switch work {
        case .write(let full):
          gather = full
          begun = monotonicNanoseconds()
          try writer.write(full, journal: self, callbacks)
          full.clear()
        case .close:
          try writer.close(journal: self, callbacks)
          return intake.change { $0.ended = true }
        case nil:
          try writer.tick(journal: self, callbacks)
        }
      }
    } catch {
      intake.change { state in
        state.dead = true
        state.filling.clear()
      }
      pending.store(0, ordering: .relaxed)
      writer.abandon()
      callbacks.onFatal(error)
    }
  }

  /// Syncs (and, where nobody waits for these, writes) that come one behind the other are kept apart, so that each of them takes more with it: a sync, and all that
  /// wakes up after it, costs the same for one transaction as for fifty. The first one after a rest is not held up.
  private func pause(after begun: UInt64) {
    let distance = options.durability == .fsync ? options.syncDistance : options.writeDistance
    guard monotonicNanoseconds() < begun + distance else { return }
    _ = intake.wait(until: begun + distance) { $0.closing ? true : nil }
  }

  private enum Work {
    case write(JournalGather)
    case close
  }

  private func nextWork(_ state: inout Intake, giveBack: inout JournalGather?) -> Work? {
    if let empty = giveBack {
      state.empty = empty
      giveBack = nil
    }
    state.writerWaits = false
    if state.filling.count > 0 {
      let full = state.filling
      state.filling = state.empty!
      state.empty = nil
      return .write(full)
    }
    if state.closing { return .close }
    state.writerWaits = true
    return nil
  }

  func publish(written position: JournalPosition, bytes: Int) {
    written.store(position.packed, ordering: .releasing)
    pending.subtract(bytes, ordering: .relaxed)
  }

  func publish(durable ticket: JournalTicket) {
    durable.store(ticket.rawValue, ordering: .releasing)
    // Under the lock, so that no waiter can miss it between its look and its sleep.
    if intake.withLock({ $0.durableWaiters > 0 }) { intake.wake() }
  }
}
