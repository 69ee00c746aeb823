import Wire

/// What the coordinator's process knows of one worker beyond its record. Lost with the process, and not missed (R11).
struct Presence: Sendable {
  /// The connection on which it joined; nil when that is closed or was never there in this process's life.
  var session: SessionID?
  /// When it was last heard; the coordinator's own start or awakening counts as having heard everybody (R11).
  var lastHeard: Int64
  /// When its present connection joined.
  var joinedAt: Int64
  /// When it was given up; nil while it is not.
  var goneSince: Int64?
  /// The newest heartbeat of this incarnation.
  var heartbeat: Heartbeat?
  var wasHeard = false
  var lastProbe: Int64 = .min / 2
  /// A probe's answer is awaited.
  var isProbing = false
  /// A probe found the process gone.
  var isDead: String?

  init(now: Int64) {
    lastHeard = now
    joinedAt = now
  }

  func isSuspect(now: Int64, _ policy: CoordinatorPolicy) -> Bool {
    session == nil || now - lastHeard > policy.suspectMilliseconds
  }

  /// It refuses transactions for want of room on its disk.
  var isFull: Bool { heartbeat?.diskFree == 0 }

  var bundles: Set<BundleID> { Set(heartbeat?.bundles ?? []) }
}
