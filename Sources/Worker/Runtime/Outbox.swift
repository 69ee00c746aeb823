import Synchronization
import Wire

/// Hands decisions, alerts and quarantined rows to the outside as files of JSON lines, each decision exactly once,
/// whatever kills the process (`OutboxFiles` tells how). Has its own thread; event loops never wait for it.
///
/// After a restart the caller asks `cursor(of:)` and emits everything from there on again, in order. A full disk holds
/// the outbox up until there is space (`isFull` turns true); any other error ends it, by `onFatal`, once: the process
/// should stop, and loses nothing by it.
public final class Outbox: Sendable {
  public typealias Completion = @Sendable (OutboxError?) -> Void

  struct State {
    var filling = OutboxQueue()
    var empty: OutboxQueue? = OutboxQueue()
    /// Ends of what has been taken.
    var taken: [PartitionID: Offset]
    /// Ends of what stands in closed files.
    var closed: [PartitionID: Offset]
    var closing = false
    var dead = false
    var thread: BlockingThread?
  }

  public let directory: String
  public let options: OutboxOptions
  /// Used by the thread alone once it runs.
  let files: OutboxFiles
  let state: Monitor<State>
  let queued = Atomic<Int>(0)
  let stalled = Atomic<Bool>(false)

  /// Opens the outbox in `directory` (created where missing) and settles what a killed process left there.
  public static func open(
    directory: String, node: NodeID, incarnation: Incarnation, options: OutboxOptions = OutboxOptions(),
    onFatal: @escaping @Sendable (OutboxError) -> Void
  ) throws(OutboxError) -> Outbox {
    try open(
      directory: directory, node: node, incarnation: incarnation, options: options, system: .posix, onFatal: onFatal)
  }

  static func open(
    directory: String, node: NodeID, incarnation: Incarnation, options: OutboxOptions, system: FileSystem,
    onFatal: @escaping @Sendable (OutboxError) -> Void
  ) throws(OutboxError) -> Outbox {
    let files = try OutboxFiles(
      directory: directory, node: node, incarnation: incarnation, options: options, system: system)
    let outbox = Outbox(files, options)
    let thread = BlockingThread(name: "assay-outbox") { outbox.run(onFatal) }
    outbox.state.withLock { $0.thread = thread }
    return outbox
  }

  private init(_ files: OutboxFiles, _ options: OutboxOptions) {
    self.files = files
    self.options = options
    directory = files.directory
    state = Monitor(State(taken: files.cursors.ends, closed: files.cursors.ends))
  }

  /// Takes the decisions on the offsets `from..<end` of one partition, and the alerts among them: whole lines, copied.
  /// Emissions of a partition come in order. One that lies wholly below what was taken already is passed over (false);
  /// one that lies partly below it is a caller's bug. Never waits.
  @discardableResult
  public func emit(
    _ partition: PartitionID, from: Offset, end: Offset, decisions: UnsafeRawBufferPointer,
    alerts: UnsafeRawBufferPointer
  ) -> Bool {
    precondition(from < end, "an emission covers an offset")
    precondition(Self.isWholeLines(decisions) && Self.isWholeLines(alerts), "an emission is whole lines")
    return put(decisions.count + alerts.count) { state in
      let taken = state.taken[partition] ?? .zero
      if end <= taken { return false }
      precondition(from >= taken, "offset \(from) of \(partition) was emitted already; \(taken) is next")
      state.taken[partition] = end
      state.filling.decisions.append(decisions)
      state.filling.alerts.append(alerts)
      state.filling.ends.append((partition, end))
      return true
    }
  }

  /// Takes quarantined rows: whole lines, copied. `onDurable` is called on the outbox's thread once they are on disk;
  /// only then is their sender answered.
  public func quarantine(_ lines: UnsafeRawBufferPointer, onDurable: @escaping Completion) {
    precondition(Self.isWholeLines(lines), "quarantined rows are whole lines")
    let alive = put(lines.count) { state in
      state.filling.quarantine.append(lines)
      state.filling.quarantined.append(onDurable)
      return true
    }
    if !alive { onDurable(.stopped) }
  }

  /// Offset from which `partition` is to be emitted after a start: everything below stands in closed files.
  public func cursor(of partition: PartitionID) -> Offset { state.withLock { $0.closed[partition] ?? .zero } }

  /// Bytes taken and not yet written.
  public var queuedBytes: Int { queued.load(ordering: .relaxed) }
  /// Refuse intake while this holds: the disk does not keep up, or is full.
  public var isFull: Bool { queuedBytes >= options.queueBytesMax }
  /// Blocks while `isFull` holds, but not beyond `deadline` (monotonic nanoseconds).
  func waitForRoom(until deadline: UInt64) {
    _ = state.wait(until: deadline) { state in !isFull || state.dead ? true : nil }
  }

  /// The disk is full; the outbox waits for space.
  public var isStalled: Bool { stalled.load(ordering: .relaxed) }

  /// Closes the files of everything taken so far now; returns when that is on disk.
  public func rotateNow() async throws(OutboxError) {
    let error: OutboxError? = await withCheckedContinuation { continuation in
      rotateNow { continuation.resume(returning: $0) }
    }
    if let error { throw error }
  }

  /// `done` is called on the outbox's thread.
  public func rotateNow(_ done: @escaping Completion) {
    let alive = put(0) { state in
      state.filling.rotations.append(done)
      return true
    }
    if !alive { done(.stopped) }
  }

  /// Writes and closes everything taken, and ends the thread. Blocks. On a full disk it gives up: what is not in
  /// closed files is emitted again after the next start.
  public func close() {
    let thread = state.change { state in
      state.closing = true
      defer { state.thread = nil }
      return state.thread
    }
    thread?.join()
  }

  private static func isWholeLines(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.isEmpty || bytes.last == UInt8(ascii: "\n")
  }

  /// False where nothing is taken any more, or `body` says so.
  private func put(_ bytes: Int, _ body: (inout State) -> Bool) -> Bool {
    let (taken, wasEmpty) = state.withLock { state -> (Bool, Bool) in
      if state.dead { return (false, false) }
      let wasEmpty = state.filling.isEmpty
      guard body(&state) else { return (false, false) }
      let before = queued.add(bytes, ordering: .relaxed).oldValue
      precondition(before <= 2 * options.queueBytesMax + 64 * 1024 * 1024, "a caller emits on although isFull")
      return (true, wasEmpty)
    }
    if wasEmpty { state.wake() }
    return taken
  }
}
