import DequeModule
import Models
import Wire

/// One partition on one event loop: its replica, its state, and what waits between log and commit.
final class Partition {
  let id: PartitionID
  var range: KeyRange
  var replica: Replica
  var state: PartitionState
  /// Records above the commit offset, oldest first: applied (on a follower) and delivered as they commit.
  private(set) var uncommitted = Deque<HeldRecord>()
  /// Records that followers may still ask for, oldest first, bounded by `recentMax` bytes.
  private var recent = Deque<HeldRecord>()
  private var recentBytes = 0
  /// Requests that wait for an end offset; ends rise but for retries that joined an earlier decision.
  private var waiters = Deque<Waiter>()
  /// Where this node's own sinks stood when the process began.
  private let ownSinkCursor: Offset
  /// Committed, and beyond what the sinks are known to have: a follower keeps it, and so does a replica that comes back
  /// from its disk, until the log says that it has been delivered, or this replica serves and delivers it. Bounded by
  /// what a primary's sinks may lag behind before it refuses intake.
  var undelivered = Deque<HeldRecord>()
  /// End of the last decisions that this process gave to its sinks.
  var lastHanded = Offset.zero
  /// When this primary logged its last entry, by the steady clock; nil at a follower.
  var stampedAt: Int64?
  /// At a primary: what its wall clock said when a sender's last agreed with it, and when that was by the steady clock.
  var confirmed: (wall: Int64, at: Int64)?

  // Split and merge (R12).
  /// How this partition began, where it began as a successor.
  var birth: Birth?
  /// Whose children have been given their parts of this state.
  var handedOn: Succession?
  /// While sealed: the sinks have everything.
  var isDelivered = false
  /// End of the newest `unsealed` entry that this primary has written.
  var unsealedEnd = Offset.zero

  /// While a planned hand-over is under way, at a primary.
  var pause: Pause?
  /// The newest record version by which it has paused: it does so once.
  var pausedBy = RecordVersion(0)

  /// Followers for which the journal is being read.
  var feeding: [NodeID: Feeding] = [:]
  /// At a serving primary, once there is anything to exchange (X).
  var exchange: PartitionExchange?
  /// Until then it takes nothing in that owes to others: it is to be split or merged (X5).
  var drainsUntil = Int64.min

  var checkpoints = Checkpoints()
  /// Replicas that are being fed from here, at a primary.
  var feeds: [NodeID: Feed] = [:]
  /// What stands in closed files of this node, as its shell has told last.
  var delivered = Offset.zero
  /// When the sinks were last asked to close their files for a replica that is to be fed.
  var rotatedAt = Int64.min / 2
  /// Journal bytes at which its place there was last told.
  var indexedAt = Int.min / 2

  struct Waiter {
    var end: Offset
    var request: RequestID
  }

  static let recentMax = 4 * 1024 * 1024

  init(id: PartitionID, range: KeyRange, replica: Replica, state: PartitionState, sinkCursor: Offset) {
    self.id = id
    self.range = range
    self.replica = replica
    self.state = state
    ownSinkCursor = sinkCursor
  }

  /// What ends at or below has been delivered.
  var sinkCursor: Offset { max(ownSinkCursor, state.sinkCursor) }

  /// Forgets what the sinks have.
  func dropDelivered() {
    while let first = undelivered.first, first.header.endOffset <= sinkCursor { undelivered.removeFirst() }
  }

  func hold(_ record: HeldRecord) {
    uncommitted.append(record)
    checkpoints.logged(record.header)
    guard let record = replica.record, record.replicas.count > 1 else { return }
    keepRecent(uncommitted.last!)
  }

  private func keepRecent(_ record: HeldRecord) {
    recent.append(record)
    recentBytes += record.range.count
    while recentBytes > Self.recentMax, recent.count > 1 { recentBytes -= recent.removeFirst().range.count }
  }

  /// Next record that `commit` covers.
  func popCommitted(upTo commit: Offset) -> HeldRecord? {
    guard let first = uncommitted.first, first.header.endOffset <= commit else { return nil }
    return uncommitted.removeFirst()
  }

  func truncate(to offset: Offset) {
    while let last = uncommitted.last, last.header.endOffset > offset { uncommitted.removeLast() }
    while let last = recent.last, last.header.endOffset > offset { recentBytes -= recent.removeLast().range.count }
  }

  func wait(for end: Offset, _ request: RequestID) { waiters.append(Waiter(end: end, request: request)) }

  func popWaiter(upTo commit: Offset) -> RequestID? {
    guard let first = waiters.first, first.end <= commit else { return nil }
    return waiters.removeFirst().request
  }

  func takeWaiters() -> [RequestID] {
    defer { waiters.removeAll() }
    return waiters.map(\.request)
  }

  /// The records that make up `range`, oldest first; nil when the first is no longer in memory.
  func recentRecords(_ range: Range<Offset>) -> [HeldRecord]? {
    if range.isEmpty { return [] }
    // Asked for at every send, and nearly always for the newest: never a walk over all of them.
    var low = recent.startIndex
    var high = recent.endIndex
    while low < high {
      let middle = (low + high) / 2
      if recent[middle].header.baseOffset < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    guard low < recent.endIndex, recent[low].header.baseOffset == range.lowerBound else { return nil }
    return Array(recent[low...].prefix { $0.header.baseOffset < range.upperBound })
  }
}
