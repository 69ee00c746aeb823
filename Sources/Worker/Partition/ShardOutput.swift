import Wire

/// What a shard's shell owes after a call, gathered in reused arrays. To be carried out in this order: `persists` made
/// durable; `chunk` handed to the journal; then the rest in any order.
public struct ShardOutput {
  public struct Persist: Sendable {
    public var partition: PartitionID
    public var highestEpoch: Epoch
    public var record: PartitionRecord?
  }

  public struct Send: Sendable {
    public var append: Append
    public var to: NodeID
    public fileprivate(set) var records: [HeldRecord]
    public fileprivate(set) var bytes: Int

    init(append: Append, to: NodeID, records: [HeldRecord]) {
      self.append = append
      self.to = to
      self.records = records
      bytes = records.reduce(0) { $0 + $1.range.count }
    }

    /// Both have records, and `later` goes on where this one ends, by the same primary and coordinator's record.
    fileprivate func mayJoin(_ later: Send, bytesMax: Int) -> Bool {
      guard let last = records.last, !later.records.isEmpty, bytes + later.bytes <= bytesMax else { return false }
      return last.header.endOffset == later.append.base && append.epoch == later.append.epoch
        && append.recordVersion == later.append.recordVersion
    }
  }

  public struct CatchUp: Sendable {
    public var append: Append
    public var to: NodeID
    public var range: Range<Offset>
    /// The log that `range` is of: the journal may also have records that a truncation has voided.
    public var log: EpochTable
  }

  public struct Proposal: Sendable {
    public var partition: PartitionID
    public var add: Bool
    public var member: Member
    public var epoch: Epoch
    public var version: RecordVersion
  }

  /// A partition that is closed, and is to be made anew from its log.
  public struct Rebuild: Sendable {
    public var partition: PartitionID
    /// It began as the successor of others (R12).
    public var isSuccessor: Bool
    public var highestEpoch: Epoch
    public var record: PartitionRecord?
    /// The last epoch that it led: a role is assumed once (R1).
    public var lastAssumed: Epoch
  }

  /// A committed record for the sinks, in log order within its partition.
  public struct Delivery: Sendable {
    public var record: HeldRecord
  }

  public var persists: [Persist] = []
  public var sends: [Send] = []
  /// Sends whose records have left memory: to be read from the journal.
  public var catchUps: [CatchUp] = []
  public var answers: [(Appended, to: NodeID)] = []
  /// The exchange's messages, also to this very node.
  public var contributions: [(Contributions, to: NodeID)] = []
  public var contributionReplies: [(ContributionReplies, to: NodeID)] = []
  /// Decisions made in the second round, for the counters.
  public var decidedLater: [Decision] = []
  public var proposals: [Proposal] = []
  public var deliveries: [Delivery] = []
  public var completed: [RequestID] = []
  public var fetchMap = false
  /// Partitions whose state ran ahead of the commit offset when they lost their role (R14).
  public var rebuilds: [Rebuild] = []
  /// Bundles that a primary's log names and this node lacks.
  public var neededBundles: [BundleID] = []
  /// States to be written down: a file each, its pieces to be asked for.
  public var checkpoints: [PartitionImage] = []
  /// Whole files that get their names now.
  public var publishes: [SnapshotHeader] = []
  /// Files that are not to be kept.
  public var discards: [(PartitionID, Offset)] = []
  /// Parts of children for the shards that they belong to (R12).
  public var parts: [ChildPart] = []
  /// Children of which nothing comes, for their shards.
  public var unborn: [PartitionID] = []
  /// For the coordinator.
  public var successions: [SuccessionReport] = []
  /// Partitions that others have taken the place of: their facts are of no use any more.
  public var retired: [PartitionID] = []
  /// Partitions whose copies are on other nodes now: their files are of no use any more.
  public var departed: [PartitionID] = []
  /// For the coordinator: hand-overs that are drained, or given up.
  public var handOvers: [HandOverReport] = []
  /// For the coordinator: replicas that need a session in which they are fed (R13).
  public var transfers: [TransferRequest] = []
  /// For the coordinator: what the state was at checkpoints (R14).
  public var checkpointReports: [CheckpointReport] = []
  /// A sealed or pausing partition waits for its decisions to stand in closed files.
  public var rotateSinks = false
  /// Transactions were refused because they say that they were first sent this much later than it is by this node's clock, ms.
  public var clocksApart: Int64?
  /// Set once: this node must stop serving (a record that can't be applied).
  public var fatal: ApplyError?

  public init() {}

  /// How far back something is looked for that it may join, and up to which size.
  private static let joinedMax = 32
  private static let joinedBytesMax = 1 << 20

  /// Records that follow those on their way to the same replica go with them: a burst is one message.
  mutating func add(_ send: Send) {
    let last = sends.suffix(Self.joinedMax).lastIndex { $0.to == send.to && $0.append.partition == send.append.partition }
    guard let last, sends[last].mayJoin(send, bytesMax: Self.joinedBytesMax) else { return sends.append(send) }
    sends[last].append.commitOffset = max(sends[last].append.commitOffset, send.append.commitOffset)
    sends[last].records += send.records
    sends[last].bytes += send.bytes
  }

  /// The later of two acknowledgements says what both do.
  mutating func add(_ answer: Appended, to node: NodeID) {
    let last = answers.suffix(Self.joinedMax).lastIndex { $0.to == node && $0.0.partition == answer.partition }
    guard let last, answers[last].0.epoch == answer.epoch, case .accepted(let earlier) = answers[last].0.result,
      case .accepted(let later) = answer.result, earlier <= later
    else { return answers.append((answer, to: node)) }
    answers[last].0 = answer
  }

  public var isPending: Bool {
    fatal != nil || fetchMap || !contributions.isEmpty || !contributionReplies.isEmpty
      || !decidedLater.isEmpty || !completed.isEmpty || !deliveries.isEmpty || !sends.isEmpty || !answers.isEmpty || !persists.isEmpty
      || !checkpoints.isEmpty || !publishes.isEmpty || !discards.isEmpty || !catchUps.isEmpty || !proposals.isEmpty || !rebuilds.isEmpty
      || !neededBundles.isEmpty
      || !parts.isEmpty || !unborn.isEmpty || !successions.isEmpty || !retired.isEmpty || !departed.isEmpty || rotateSinks
      || !handOvers.isEmpty
      || !transfers.isEmpty || !checkpointReports.isEmpty
  }
}
