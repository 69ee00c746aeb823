import Models
import Wire

/// A checkpoint that a replica is writing down.
struct Checkpoint {
  /// Behind the checkpoint entry.
  var offset: Offset
  /// End of the last decisions below it.
  var decidedEnd: Offset
  var phase = Phase.walking

  enum Phase {
    /// Pieces of the state are being handed out. To `written`.
    case walking
    /// The file is whole under its temporary name. To `publishing` once the entry has committed.
    case written(SnapshotHeader)
    /// The file gets its own name.
    case publishing(SnapshotHeader)
  }
}

/// When a primary writes a checkpoint entry.
public struct CheckpointPolicy: Sendable {
  /// Bytes of log since the last one; half the state's size where that is more.
  public var bytes = 64 << 20
  /// Ms since the last one, where something has been logged since.
  public var every: Int64 = 600_000
  /// Ms after which a partition that is at rest has its checkpoint renewed, so that it holds back no old segment.
  public var atRest: Int64 = 3_600_000

  public init() {}
}

extension Partition {
  /// What is known of this replica's checkpoints.
  struct Checkpoints {
    /// Under way.
    var current: Checkpoint?
    /// Offsets of the snapshots on this disk, oldest first, at most two.
    var stored: [Offset] = []
    /// End of the last decisions below the newest of them, as far as they have not been cut, which they are only once delivered.
    var storedDecidedEnd = Offset.zero
    /// Log since the last checkpoint entry, and when that was; when this process began where there is none.
    var bytesSince = 0
    var lastAt: Int64?
    /// The shell asks for one: an old segment is held back.
    var isWanted = false
    /// End of the last record with decisions.
    var lastDecidedEnd = Offset.zero

    /// From here on the log has to stay: the older of two snapshots, so that one that turns out unreadable has another
    /// behind it.
    var restart: Offset { stored.count > 1 ? stored[0] : .zero }

    mutating func logged(_ header: LogRecord) {
      if header.kind == .checkpoint {
        bytesSince = 0
        lastAt = header.loggedTime
        isWanted = false
      } else if header.kind != .sinkCursor {
        // Where the sinks are, and that time has passed, is no state worth a snapshot.
        bytesSince += header.length
      }
      if header.kind.hasDecisions { lastDecidedEnd = header.endOffset }
    }
  }

  func isCheckpointDue(_ policy: CheckpointPolicy, now: Int64) -> Bool {
    if checkpoints.isWanted || checkpoints.bytesSince >= max(policy.bytes, state.memoryBytes / 2) { return true }
    let since = now - (checkpoints.lastAt ?? now)
    return since >= (checkpoints.bytesSince > 0 ? policy.every : policy.atRest)
  }

  /// C3: what lies below is in a snapshot on this disk, and its decisions have been delivered. The older of two, so that
  /// one that turns out unreadable has another behind it. `delivered` is what the sinks of this process have.
  func cutPoint(delivered: Offset) -> Offset {
    guard checkpoints.stored.count > 1 else { return .zero }
    if planted(.cutBelowOwed) { return checkpoints.stored.last! }
    let cursor = max(delivered, sinkCursor)
    return checkpoints.lastDecidedEnd <= cursor ? checkpoints.stored[0] : min(checkpoints.stored[0], cursor)
  }
}
