import Wire

/// A copy whose state was not that of the others at a checkpoint (R14).
struct Divergence: Hashable, Sendable {
  var partition: PartitionID
  var offset: Offset
  var member: Member
  /// Whose state is taken for right, ascending.
  var others: [NodeID]
}

/// What the copies of each partition were at the last checkpoints, as far as this coordinator has heard. In memory: what is lost
/// with a coordinator is found at the next checkpoint.
struct CheckpointDigests: Sendable {
  /// Checkpoints remembered for each partition.
  static let offsetsMax = 4

  private struct Copy: Sendable {
    var member: Member
    var digest: UInt64
  }

  private var copies: [PartitionID: [Offset: [Copy]]] = [:]
  /// Found, and not settled yet.
  private(set) var open: Set<Divergence> = []

  /// - Parameter record: the partition's.
  mutating func take(_ report: CheckpointReport, _ record: PartitionRecord) {
    var known = copies[report.partition] ?? [:]
    var here = known[report.offset] ?? []
    here.removeAll { $0.member.node == report.member.node }
    here.append(Copy(member: report.member, digest: report.digest))
    known[report.offset] = here
    while known.count > Self.offsetsMax, let oldest = known.keys.min() { known[oldest] = nil }
    copies[report.partition] = known
    guard let odd = Self.odd(here, record) else { return }
    open = open.filter { $0.partition != report.partition || $0.member.node != odd.member.node }
    open.insert(
      Divergence(
        partition: report.partition, offset: report.offset, member: odd.member,
        others: here.filter { $0.digest != odd.digest }.map(\.member.node).sorted()))
  }

  /// The one that is not as most are. Where only two are in sync it is the one that does not lead: what the other decided has been
  /// answered. Nil where that can't be said, perhaps because others have not told yet.
  private static func odd(_ copies: [Copy], _ record: PartitionRecord) -> Copy? {
    let digests = Set(copies.map(\.digest))
    guard digests.count > 1 else { return nil }
    if copies.count == 2, record.isr.count <= 2 { return copies.first { $0.member.node != record.primary?.node } }
    for digest in digests where copies.count(where: { $0.digest == digest }) * 2 > max(copies.count, record.isr.count) {
      return copies.first { $0.digest != digest }
    }
    return nil
  }

  /// These copies have been given up.
  mutating func settle(_ done: [Divergence]) {
    for divergence in done {
      open.remove(divergence)
      for offset in copies[divergence.partition]?.keys.sorted() ?? [] {
        copies[divergence.partition]![offset]!.removeAll { $0.member.node == divergence.member.node }
      }
    }
  }

  /// Partitions and copies that are not there any more.
  mutating func forget(besides state: ClusterState) {
    copies = copies.filter { state.partition($0.key) != nil }
    open = open.filter { divergence in
      state.partition(divergence.partition)?.replicas.contains(divergence.member.node) == true
        && state.node(divergence.member.node)?.member == divergence.member
    }
  }
}

extension CoordinatorCore {
  mutating func heard(_ report: CheckpointReport, _ session: SessionID) {
    guard sessions[session] == report.member.node, state.node(report.member.node)?.member == report.member,
      let record = state.partition(report.partition), record.replicas.contains(report.member.node)
    else { return }
    let before = digests.open
    digests.take(report, record)
    if digests.open != before { isReviewDue = true }
  }
}
