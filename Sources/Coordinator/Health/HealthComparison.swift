import Wire

/// Finds the workers that are much slower than their peers, by the newest reports of all. A slow disk is slow against the
/// median of the other disks. A slow network is slow on most of a worker's links: each slow link alone may be the other
/// end's fault, so a worker is taken by the lower median of its links, against the same of the others.
struct HealthComparison {
  private let reports: [NodeID: HealthReport]
  private let policy: CoordinatorPolicy
  /// Of all who report, ascending, microseconds.
  private let disks: [Int64]
  private let trips: [Int64]

  /// - Parameter reports: fresh ones.
  init(_ reports: [NodeID: HealthReport], _ policy: CoordinatorPolicy) {
    self.reports = reports
    self.policy = policy
    disks = reports.values.compactMap { Self.disk($0, policy) }.sorted()
    trips = reports.values.compactMap(Self.roundTrip).sorted()
  }

  /// What a worker's own report and the others' look like. Whoever limps is compared by half the measure, so that it does
  /// not come and go.
  func condition(of node: NodeID, now present: NodeCondition) -> NodeCondition {
    guard let report = reports[node] else { return present }
    if Int64(report.disk.stalledMilliseconds) >= policy.stallMilliseconds { return .stalled }
    if isSlow(Self.disk(report, policy), of: disks, policy.slowDiskMicroseconds, present == .slowDisk) { return .slowDisk }
    if isSlow(Self.roundTrip(report), of: trips, policy.slowNetworkMicroseconds, present == .slowNetwork) { return .slowNetwork }
    return .well
  }

  /// The lower median over a worker's links, microseconds; nil where nothing was measured.
  static func roundTrip(_ report: HealthReport) -> Int64? {
    median(report.peers.compactMap { $0.roundTripMicroseconds > 0 ? Int64($0.roundTripMicroseconds) : nil }.sorted())
  }

  /// A few syncs tell nothing.
  private static func disk(_ report: HealthReport, _ policy: CoordinatorPolicy) -> Int64? {
    report.disk.syncs >= policy.syncsMin ? Int64(report.disk.medianMicroseconds) : nil
  }

  /// `all` has `own` in it.
  private func isSlow(_ own: Int64?, of all: [Int64], _ least: Int64, _ isSo: Bool) -> Bool {
    let share: Int64 = isSo ? 2 : 1
    guard let own, own * share >= least, let place = all.firstIndex(of: own) else { return false }
    var others = all
    others.remove(at: place)
    guard let usual = Self.median(others) else { return false }
    return own * share >= usual * policy.limpRatio
  }

  /// The lower one, of ascending values.
  private static func median(_ values: [Int64]) -> Int64? { values.isEmpty ? nil : values[(values.count - 1) / 2] }
}
