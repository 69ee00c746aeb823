import Wire

/// What the workers have said of one split or merge under way. Lost with the process, and asked for again.
struct SuccessionProgress: Equatable, Sendable {
  /// One worker's, put together from what its loops report.
  struct Told: Equatable, Sendable {
    var member: Member
    var parents: [PartitionID: SuccessionReport.Parent] = [:]
    /// Digests of the children that it has made.
    var children: [PartitionID: UInt64] = [:]
    /// Said when it had been told that the operation is given up.
    var isAfterAbort = false
  }

  var reports: [NodeID: Told] = [:]
  /// Since when this process drives it.
  var since: Int64
  var lastSent: Int64 = .min / 2
  var sealedSince: Int64?
  /// The abort has been sent to the workers.
  var isAbortSent = false
  /// As of the moment for which a draft is made.
  var isOverdue = false
  var sealedMilliseconds: Int64 = 0

  init(since: Int64) { self.since = since }

  mutating func heard(_ report: SuccessionReport, now: Int64) {
    var told = reports[report.member.node] ?? Told(member: report.member)
    if told.member != report.member { told = Told(member: report.member) }
    for parent in report.parents {
      told.parents[parent.partition] = parent
      if parent.isSealed, sealedSince == nil { sealedSince = now }
    }
    for child in report.children { told.children[child.partition] = child.digest }
    told.isAfterAbort = isAbortSent
    reports[report.member.node] = told
  }
}
