import Wire

/// One replica's part in R1-R10, as a state machine without I/O or clock. The rules are those of `spec/replication.cpp`
/// of the design; names follow it where it has one.
///
/// It knows the *shape* of the log (epochs and offsets), never its bytes: those stay with the shell, which carries out
/// the actions in order. Under `durability: replicated` the shell reports entries durable once they are in memory.
public struct Replica: Sendable {
  /// How much of a follower's log may be under way unacknowledged, in offsets.
  static let windowMax = 262_144
  /// A follower silent for this long is proposed for removal, and so is one that answers, but makes nothing durable of what
  /// others have.
  public static let followerSilenceMax: Int64 = 2_000
  /// Distance of empty appends that carry the commit offset and keep the link proven.
  static let heartbeatInterval: Int64 = 50
  /// If this much time passes between two ticks, it was this process that slept: it has heard nobody for it did not listen.
  static let pauseMin: Int64 = 1_000

  public let partition: PartitionID
  public let me: Member
  public internal(set) var log: EpochTable
  /// Records below can't be read here any more: they are in a snapshot (C3). The log's shape is known all the way.
  public internal(set) var logStart = Offset.zero
  /// There is a snapshot here to begin with: a replica that has nothing is fed it, and not the log from its beginning (C4).
  var canFeed = false
  /// Prefix of the log that is durable here.
  public internal(set) var durableEnd: Offset
  public internal(set) var commit: Offset
  /// Highest epoch ever seen, persisted before it has any effect (R3).
  public internal(set) var highestEpoch: Epoch
  /// Newest coordinator record seen, persisted likewise (R2).
  public internal(set) var record: PartitionRecord?
  public internal(set) var role: Role
  /// The cluster's settings, from the newest map: nothing commits before the first one.
  public var durability = Durability.fsync
  public var minInSync: Int?
  /// Replicas that are not proposed for the ISR while it is large enough: the coordinator would refuse them.
  public var limping: [NodeID] = []
  /// A role is assumed once in a process's life (R1).
  var lastAssumed = Epoch.none

  public enum Role: Sendable {
    /// No role, or follower: what a replica may do without one is the same (answer appends). `matched` is the prefix
    /// proven equal in `highestEpoch` to the log of `primary`, once one has been heard.
    case follower(matched: Offset, primary: NodeID?)
    case primary(Primary)
  }

  public struct Primary: Sendable {
    public var epoch: Epoch
    /// End of the epoch-start record: nothing commits before it does (R7).
    public var startEnd: Offset?
    /// The newest coordinator record of this epoch: the committed ISR.
    var view: PartitionRecord
    /// In the maximal ISR until a later record version is seen (R4).
    var proposed: Member?
    var removalAsked = false
    var followers: [Follower]
    var lastTick: Int64
  }

  /// What a primary knows of another replica.
  struct Follower: Sendable {
    var node: NodeID
    /// Nil until it has answered in this epoch.
    var member: Member?
    /// Acknowledged prefix of `member` in this epoch (R4).
    var matched = Offset.zero
    var next: Offset
    var isProbing = true
    var lastHeard: Int64
    /// When it last acknowledged more than before, or had acknowledged everything.
    var lastProgress: Int64
    var lastSent: Int64
  }

  /// A replica as it comes back from its disk: `log` all durable, nothing known to be committed beyond `commit`.
  public init(
    partition: PartitionID, me: Member, log: EpochTable = EpochTable(), commit: Offset = .zero, highestEpoch: Epoch = .none,
    record: PartitionRecord? = nil
  ) {
    precondition(commit <= log.end)
    self.partition = partition
    self.me = me
    self.log = log
    self.durableEnd = log.end
    self.commit = commit
    self.highestEpoch = highestEpoch
    self.record = record
    role = .follower(matched: .zero, primary: nil)
  }

  /// Epoch in which this replica is primary, if it is.
  public var primaryEpoch: Epoch? {
    if case .primary(let primary) = role { primary.epoch } else { nil }
  }

  /// Whether requests may be served: the epoch-start entry has committed (R7).
  public var isServing: Bool {
    guard case .primary(let primary) = role, let startEnd = primary.startEnd else { return false }
    return commit >= startEnd
  }

  /// A coordinator record, from a map push or a fetch. Older ones than known are ignored.
  public mutating func learned(_ new: PartitionRecord, now: Int64, _ actions: inout [ReplicaAction]) {
    precondition(new.id == partition)
    if let record, new.version <= record.version, !(planted(.resumeRole) && new == record && lastAssumed == .none) { return }
    let isFirstOfEpoch = record.map { $0.epoch < new.epoch } ?? true
    record = new
    if case .primary(let primary) = role, new.epoch > primary.epoch { stepDown(&actions) }
    // R1: the record names node, disk and process; R2: a restarted primary gets a new epoch, because its incarnation
    // is not the one that the old record names.
    if isAppointed(by: new), new.epoch > lastAssumed, new.epoch >= highestEpoch {
      assume(new, now: now, &actions)
      return
    }
    actions.append(.persist(highestEpoch: highestEpoch, record: new))
    if isFirstOfEpoch, new.epoch == highestEpoch, case .follower(_, let primary?) = role {
      // Its primary was heard before the record came, and has had no answer.
      actions.append(.answer(answer(.diverged(log.spans)), to: primary))
    }
    if case .primary(var primary) = role, new.epoch == primary.epoch {
      for index in primary.followers.indices {
        let node = primary.followers[index].node
        // Just admitted: its silence is counted from here.
        if new.isr(node) != nil, primary.view.isr(node) == nil { primary.followers[index].startAnew(now) }
      }
      primary.view = new
      primary.proposed = nil  // a later version settles every proposal made on an earlier one
      primary.removalAsked = false
      track(new, now: now, &primary)
      role = .primary(primary)
      advanceCommit(&actions)
    }
  }

  private func isAppointed(by new: PartitionRecord) -> Bool {
    guard let primary = new.primary, primary.node == me.node else { return false }
    return (primary.storage == me.storage || planted(.roleOtherStorage))
      && (primary.incarnation == me.incarnation || planted(.resumeRole))
  }

  private mutating func assume(_ new: PartitionRecord, now: Int64, _ actions: inout [ReplicaAction]) {
    if case .primary = role { stepDown(&actions) }
    lastAssumed = new.epoch
    highestEpoch = new.epoch
    actions.append(.persist(highestEpoch: new.epoch, record: new))  // R10: before it acts
    var primary = Primary(epoch: new.epoch, startEnd: nil, view: new, followers: [], lastTick: now)
    track(new, now: now, &primary)
    role = .primary(primary)
    actions.append(.assumed(epoch: new.epoch))
  }

  mutating func stepDown(_ actions: inout [ReplicaAction]) {
    role = .follower(matched: .zero, primary: nil)
    actions.append(.steppedDown(commit: commit))
  }

  /// The shell has made the log durable up to `end`.
  public mutating func durable(upTo end: Offset, _ actions: inout [ReplicaAction]) {
    let end = min(end, log.end)  // a truncation may have overtaken the disk
    guard end > durableEnd else { return }
    durableEnd = end
    switch role {
    case .primary: advanceCommit(&actions)
    case .follower(let matched, let primary):
      guard let primary, matched > .zero else { return }
      actions.append(.answer(answer(.accepted(matched: acknowledgeable(matched))), to: primary))
    }
  }

  /// R13: whether a snapshot that ends at `offset`, fed by the primary of `epoch`, may take this log's place. Nothing counts on this
  /// copy: the record of that very epoch names it neither in sync nor eligible, and whatever it has acknowledged in this epoch,
  /// which is what could have it admitted, lies below the offset and so in the snapshot.
  public func mayInstall(_ offset: Offset, epoch: Epoch) -> Bool {
    guard case .follower(let matched, _) = role, highestEpoch == epoch, let record, record.epoch == epoch,
      record.electable(me.node) == nil
    else { return false }
    return matched < offset && commit < offset
  }

  func answer(_ result: Appended.Result) -> Appended {
    Appended(
      partition: partition, epoch: highestEpoch, sender: me.node, senderIncarnation: me.incarnation,
      senderStorage: me.storage, result: result)
  }
}
