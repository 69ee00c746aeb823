import Wire

/// What pings to one other worker have shown. Times are monotonic nanoseconds.
struct Pulse {
  private static let kept = 8

  /// When it was first asked since it was last known to be of no concern.
  private var first: UInt64
  private var lastAnswer: UInt64?
  private var trips: [UInt32] = []

  init(now: UInt64) { first = now }

  mutating func answered(sent: UInt64, now: UInt64) {
    guard sent <= now else { return }
    lastAnswer = now
    trips.append(UInt32(clamping: (now - sent) / 1_000))
    if trips.count > Self.kept { trips.removeFirst() }
  }

  func report(of node: NodeID, now: UInt64) -> HealthReport.Peer {
    let sorted = trips.sorted()
    return HealthReport.Peer(
      node: node, silenceMilliseconds: UInt32(clamping: (now - min(now, lastAnswer ?? first)) / 1_000_000),
      roundTripMicroseconds: sorted.isEmpty ? 0 : max(1, sorted[sorted.count / 2]))
  }
}
