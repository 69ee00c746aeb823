import Wire

/// What the operator decides about the coordinator's own conduct; the cluster's settings are in `ClusterSettings`.
public struct CoordinatorPolicy: Sendable {
  public var settings: ClusterSettings
  /// Whether `settings` become the cluster's where they differ. False for one of several coordinators, whose files may
  /// differ by mistake: it goes by the cluster's, and says so.
  public var changesSettings = true
  /// Partitions to found, 1 to `ClusterLimit.partitions`. Has no effect on a cluster that has its partitions.
  public var partitions: Int
  /// Workers to wait for before the partitions are placed, at least `settings.minInSync`.
  public var expectedWorkers: Int
  /// A node must have been back for this long before it gets its primaries back.
  public var settleMilliseconds: Int64 = 10_000
  /// A node gone for this long has its replicas placed on others, where there are any.
  public var lostAfterMilliseconds: Int64 = 300_000
  /// Distance between two rounds of balancing and re-replication.
  public var reviewMilliseconds: Int64 = 1_000
  /// Primaries handed back in a round.
  public var handBacksPerReview = 4
  /// Replicas that may be copied at a time, in the whole cluster.
  public var learnersMax = 16
  /// Distance between two probes of a suspect.
  public var probeMilliseconds: Int64 = 100
  /// A proposal whose member is not fit yet waits this long for it to become fit before it is refused, so that a primary
  /// that proposes again at once can't turn refusals into a storm.
  public var proposalPatienceMilliseconds: Int64 = 200
  /// Distance between two maps pushed to a watcher, but for those that move a primary.
  public var pushMilliseconds: Int64 = 20

  /// A worker whose disk or network is this many times slower than its peers' limps, if it is slower than the least
  /// below, for `limpMilliseconds`. It is well again when it has been within half of that for `limpRecoveryMilliseconds`.
  public var limpRatio: Int64 = 8
  public var slowDiskMicroseconds: Int64 = 20_000
  public var slowNetworkMicroseconds: Int64 = 50_000
  public var limpMilliseconds: Int64 = 5_000
  public var limpRecoveryMilliseconds: Int64 = 10_000
  /// A disk that has answered for this long does not stall any more.
  public var stallRecoveryMilliseconds: Int64 = 1_000
  /// Syncs that a report must be of to be compared.
  public var syncsMin: UInt32 = 5

  /// Distance between two tellings of what is to be done in a split or a merge.
  public var successionMilliseconds: Int64 = 100
  /// A split or a merge that is not done after this is given up: clients wait for its keys.
  public var sealedMillisecondsMax: Int64 = 5_000

  /// Copies that moves make at a time, in the whole cluster.
  public var movesMax = 4
  /// Planned hand-overs under way at a time.
  public var handOversMax = 8
  /// Distance between two askings of a primary to hand over.
  public var handOverResendMilliseconds: Int64 = 100
  /// A hand-over that is not done after this is given up, and tried again after a rest that grows with each failure.
  public var handOverMillisecondsMax: Int64 = 1_000
  public var handOverRestMilliseconds: Int64 = 1_000
  /// Failures in a row after which a hand-over that was asked for is given up.
  public var handOverTries = 3

  /// Requests that may wait for a commit; more are refused as `busy`.
  public static let waitingMax = 65_536
  public static let bundlesMax = 1_000

  public init(settings: ClusterSettings = ClusterSettings(), partitions: Int = 16, expectedWorkers: Int? = nil) {
    self.settings = settings
    self.partitions = partitions
    self.expectedWorkers = expectedWorkers ?? settings.replicas
  }

  /// A node silent for this long is suspect.
  var suspectMilliseconds: Int64 { Int64(settings.leaseMilliseconds) / 2 }
  /// A disk that owes an answer for as long as a worker may be silent is as good as gone.
  var stallMilliseconds: Int64 { Int64(settings.leaseMilliseconds) }
  /// Workers that don't hear each other for this long are cut from each other.
  var cutMilliseconds: Int64 { max(2_000, Int64(settings.leaseMilliseconds)) }
  /// If this much time passes between two steps, it was the coordinator that slept (R11).
  var pauseMilliseconds: Int64 { max(100, Int64(settings.leaseMilliseconds) / 4) }
}
