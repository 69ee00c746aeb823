import Wire

/// How a worker does, in a line.
enum HealthText {
  static func line(_ health: HealthStatus.Node, name: (NodeID) -> String) -> String {
    var parts = [condition(health)]
    if health.disk.stalledMilliseconds >= 100 { parts.append("disk owes an answer for \(health.disk.stalledMilliseconds) ms") }
    if health.disk.syncs > 0 {
      parts.append("sync \(milliseconds(health.disk.medianMicroseconds)), p99 \(milliseconds(health.disk.p99Microseconds))")
    }
    if health.roundTripMicroseconds > 0 { parts.append("peers answer after \(milliseconds(health.roundTripMicroseconds))") }
    if !health.cutFrom.isEmpty { parts.append("cut from \(health.cutFrom.map(name).joined(separator: ", "))") }
    return parts.joined(separator: "; ")
  }

  private static func condition(_ health: HealthStatus.Node) -> String {
    let since = health.sinceMilliseconds == .max ? "" : " for \(health.sinceMilliseconds / 1_000) s"
    switch health.condition {
    case .well: return "well" + since
    case .stalled: return "its disk has stalled" + since + ": it leads nothing"
    case .slowDisk: return "limps" + since + ", by a slow disk: it leads nothing that another can lead"
    case .slowNetwork: return "limps" + since + ", by a slow network: it leads nothing that another can lead"
    }
  }

  private static func milliseconds(_ microseconds: UInt32) -> String {
    let hundredths = (UInt64(microseconds) + 5) / 10
    return "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10) ms"
  }
}
