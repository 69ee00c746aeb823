import Wire

/// What the coordinator's process knows of one worker's disk and links, and what it takes the worker for. Lost with the
/// process, and not missed.
struct NodeHealth: Sendable {
  private(set) var report: HealthReport
  private(set) var reportedAt: Int64
  /// To whatever the reports say, once they have said so for long enough.
  private(set) var condition = NodeCondition.well
  /// When the condition began; long ago for one that nothing was ever wrong with.
  private(set) var since = Int64.min / 2
  /// What the reports say, and since when, while that is another condition than the present one.
  private var turning: (to: NodeCondition, since: Int64)?

  init(_ report: HealthReport, now: Int64) {
    self.report = report
    reportedAt = now
  }

  mutating func take(_ report: HealthReport, now: Int64) {
    self.report = report
    reportedAt = now
  }

  /// `seen` is what the newest reports look like. Whether the condition has changed.
  mutating func judge(_ seen: NodeCondition, now: Int64, _ policy: CoordinatorPolicy) -> Bool {
    guard seen != condition else {
      turning = nil
      return false
    }
    if turning?.to != seen { turning = (seen, now) }
    guard now - turning!.since >= policy.patience(from: condition, to: seen) else { return false }
    condition = seen
    since = now
    turning = nil
    return true
  }
}

extension CoordinatorPolicy {
  /// How long reports must say the same before a worker is taken for something else, ms.
  fileprivate func patience(from condition: NodeCondition, to seen: NodeCondition) -> Int64 {
    switch (condition, seen) {
    // It has been silent for a lease already.
    case (_, .stalled): 0
    case (.stalled, _): stallRecoveryMilliseconds
    case (_, .well): limpRecoveryMilliseconds
    default: limpMilliseconds
    }
  }
}

/// Two workers.
struct NodePair: Hashable, Sendable {
  let low: NodeID
  let high: NodeID

  init(_ a: NodeID, _ b: NodeID) { (low, high) = a < b ? (a, b) : (b, a) }
}
