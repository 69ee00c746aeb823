import Wire

/// A worker's health, for its metrics. Called on any thread, and must be quick.
struct HealthGauges: Sendable {
  /// For how long the log's disk has owed an answer.
  var stalledMilliseconds: @Sendable () -> UInt32
  /// The coordinator finds this worker much slower than the others.
  var isLimping: @Sendable () -> Bool
  /// By name.
  var peers: @Sendable () -> [(name: String, peer: HealthReport.Peer)]

  /// Once for a process.
  func register(in registry: MetricsRegistry) {
    let gauges = self
    registry.gauge("assay_journal_stalled_seconds", "For how long the log's disk has owed the answer to a write or a sync.") {
      Double(gauges.stalledMilliseconds()) / 1e3
    }
    registry.gauge("assay_limping", "1 while the coordinator finds this worker much slower than the others.") {
      gauges.isLimping() ? 1 : 0
    }
    registry.gauges("assay_peer_silence_seconds", "Since another worker last answered a ping.") {
      gauges.peers().map { (["peer": $0.name], Double($0.peer.silenceMilliseconds) / 1e3) }
    }
    registry.gauges("assay_peer_round_trip_seconds", "Median of the newest pings to another worker.") {
      gauges.peers().filter { $0.peer.roundTripMicroseconds > 0 }.map { (["peer": $0.name], Double($0.peer.roundTripMicroseconds) / 1e6) }
    }
  }
}
