import DequeModule
import Wire

/// Unreadable records on their way to some worker's quarantine. Each is sent until one has acknowledged it or its time is
/// over, so that after a lost answer the quarantine may have a record twice.
struct QuarantineQueue {
  struct Entry {
    var record: Quarantine.Record
    var tag: UInt64
    var giveUpAt: Int64
    var attempts = 0
  }

  struct Frame {
    var correlation: UInt64
    var node: NodeID
    var entries: [Entry]
    /// Nanoseconds: when its answer is given up.
    var due: Int64
  }

  /// Records of one frame: with their texts at their longest still below the smallest payload limit of a peer.
  static let recordsPerFrame = 24
  static let framesInFlight = 4

  private let backoff: Backoff
  private let requestTimeout: Int64
  private var queued: Deque<Entry> = []
  private(set) var inFlight: [Frame] = []
  /// Nothing is sent before this: some worker has refused.
  private var pausedUntil = Int64.min

  init(_ options: SubmitOptions) {
    backoff = options.backoff
    requestTimeout = options.requestTimeout
  }

  var count: Int { inFlight.reduce(queued.count) { $0 + $1.entries.count } }
  var isEmpty: Bool { queued.isEmpty && inFlight.isEmpty }
  var hasQueued: Bool { !queued.isEmpty }

  mutating func add(_ entry: Entry) { queued.append(entry) }

  /// The records of the next frame, which is counted as in flight to `node` from now on.
  mutating func next(to node: NodeID, correlation: UInt64, _ now: Int64) -> Quarantine? {
    guard !queued.isEmpty, inFlight.count < Self.framesInFlight, pausedUntil <= now else { return nil }
    var entries: [Entry] = []
    while entries.count < Self.recordsPerFrame, var entry = queued.popFirst() {
      entry.attempts += 1
      entries.append(entry)
    }
    inFlight.append(Frame(correlation: correlation, node: node, entries: entries, due: now + requestTimeout))
    return Quarantine(records: entries.map(\.record))
  }

  /// The records that a `Quarantined` acknowledges; none for a frame given up before.
  mutating func acknowledged(_ correlation: UInt64) -> [Entry] {
    guard let index = inFlight.firstIndex(where: { $0.correlation == correlation }) else { return [] }
    return inFlight.remove(at: index).entries
  }

  /// The frames for which `isLost` says true are sent again, after a pause. Returns the records that are out of time, or
  /// all of them where `isFinal`.
  mutating func lost(
    _ now: Int64, isFinal: Bool = false, using generator: inout JitterGenerator, _ isLost: (Frame) -> Bool
  ) -> [Entry] {
    var over: [Entry] = []
    inFlight.removeAll { frame in
      guard isLost(frame) else { return false }
      let attempts = frame.entries.reduce(1) { max($0, $1.attempts) }
      pausedUntil = now + backoff.delay(after: attempts, using: &generator)
      for entry in frame.entries.reversed() {
        if isFinal || entry.giveUpAt <= pausedUntil { over.append(entry) } else { queued.prepend(entry) }
      }
      return true
    }
    return over
  }

  /// Records out of time that no worker could be sent, and frames without an answer.
  mutating func expire(_ now: Int64, using generator: inout JitterGenerator) -> [Entry] {
    var over = lost(now, using: &generator) { $0.due <= now }
    while let first = queued.first, first.giveUpAt <= now { over.append(queued.removeFirst()) }
    return over
  }

  /// Everything that is left: the submission ends.
  mutating func abandon() -> [Entry] {
    defer {
      inFlight.removeAll()
      queued.removeAll()
    }
    return inFlight.flatMap(\.entries) + queued
  }

  /// When something is due by itself; `.max` for never.
  func nextDue(_ now: Int64) -> Int64 {
    var due = inFlight.reduce(Int64.max) { min($0, $1.due) }
    if let first = queued.first {
      due = min(due, first.giveUpAt)
      if pausedUntil > now { due = min(due, pausedUntil) }
    }
    return due
  }
}
