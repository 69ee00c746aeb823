/// Known ways to get a rule wrong, planted in the code so that the searches under Tests are seen to find them.
///
/// A planted place is one line, `if planted(.name) { ... }`. Without `-D MUTANTS` it is a constant false and costs nothing:
/// only `ASSAY_MUTANTS=1 swift build` defines it, into a build directory of its own (`ops/lib.sh`, `build_mutants`).
public enum Mutant: String, CaseIterable, Sendable {
  // Replication rules; names and meaning follow `spec/replication.cpp`.

  /// A follower that hears of a higher epoch cuts its log at its own commit offset (R8).
  case truncateToCommit
  /// A primary counts a shrink before the coordinator has committed it (R4).
  case localShrink
  /// A new storage id takes nothing from its node (R1).
  case electWiped
  /// Any replica that is alive may be elected (R6).
  case uncleanElection
  /// A restarted primary takes its role up again in the same epoch (R2).
  case resumeRole
  /// A proposal that could not be delivered is given up (R4).
  case dropProposal
  /// Commits need the committed ISR only, without the proposed member (R4).
  case ignoreProposed
  /// A follower takes appends of a lower epoch (R3).
  case noFencing
  /// A follower takes appends of an epoch of which it has seen no record (R3).
  case followUnknownEpoch
  /// A follower is admitted at the commit offset, without the epoch start (R9).
  case admitWithoutEpochStart
  /// A proposal is accepted whatever record version it was made on (R4).
  case noCompareAndSet
  /// Under `durability: replicated` the storage id alone says who holds what (R6).
  case replicatedByStorageOnly
  /// Former members stay electable after |ISR| >= minISR (R6).
  case eligibleForEver
  /// A follower acknowledges its log's end, not the prefix matched in this epoch (R4).
  case acknowledgeLogEnd
  /// minISR is counted on the proposed ISR (R4).
  case minimumOfProposed
  /// An expansion does not name the storage id (R4).
  case expandOtherStorage
  /// Acknowledgements of another storage id of the same node count (R4).
  case countOtherStorage
  /// Nobody is admitted before the epoch start commits (R7 read too strictly: nothing is lost, but all may stand still).
  case admitAfterEpochStart
  /// An appointment does not name the storage id (R1).
  case roleOtherStorage
  /// A refused proposal leaves the record's version as it is (R4: the primary waits for the refused member for ever).
  case silentRefusal
  /// Entries of old epochs commit without the epoch start (R7). Harmless within the scopes tried: a commit needs every member.
  case commitBeforeEpochStart

  // Storage, state and sinks: what `spec/` does not model.

  /// A record counts as durable once it is handed to the journal, under fsync too (R5).
  case acknowledgeBeforeSync
  /// A failed sync is passed over (R15).
  case ignoreFailedSync
  /// What the shard owes leaves before the role facts are on disk (R3, R10).
  case actBeforePersist
  /// The journal has a record before the facts are on disk on which its commit mark may rest (R2).
  case logBeforePersist
  /// The sync of a voided record counts for the one in its place (R4, R5).
  case countVoidedSync
  /// A truncation is not written into the log (R8).
  case forgetTruncation
  /// A damaged block that had been on disk is taken for a torn tail, and cut (R15).
  case cutDamagedLog
  /// The records of a torn block are taken without their checksum (R15).
  case takeTornBlock
  /// A follower applies what it stores, committed or not (R14).
  case applyBeyondCommit
  /// A primary that has stepped down keeps what it had applied beyond the commit offset (R14).
  case keepDemotedState
  /// A partition that is to be rebuilt is written for until the rebuild begins, which may miss what was written last (R14).
  case closeLate
  /// The sinks' cursor is logged at the commit offset, ahead of their files (C3).
  case cursorAheadOfSinks
  /// A request is answered before its records have committed (R5).
  case answerBeforeCommit
  /// A log that is replayed leaves the dedup table empty, as a snapshot without it would.
  case forgetDuplicates
  /// A snapshot comes back without the dedup table (C1).
  case snapshotWithoutDuplicates
  /// How far back a retry is taken goes by the primary's own clock, not by logged time.
  case horizonByOwnClock
  /// Logged time moves by at most ten minutes an entry, as it once did: behind an outage it lags.
  case timeByEntries
  /// Logged time goes by the primary's own clock, however far ahead.
  case timeByOwnClock
  /// What was first sent later than it can be logged is taken all the same.
  case takeAheadOfTime
  /// The children of a split get their cards, and not the dedup entries (R12).
  case splitWithoutDuplicates
  /// A primary goes on deciding behind its seal (R12).
  case decideBehindSeal
  /// A late chunk of a closed transfer session is taken, and whatever snapshot comes of it takes the log's place (R13).
  case lateChunk
  /// A log is cut at its newest snapshot, whatever its sinks have (C3).
  case cutBelowOwed
  /// A replica is fed a snapshot ahead of what the log says that the sinks have (C3).
  case feedAheadOfSinks
  /// After a restore of the coordinator's store, epochs go on from those that the backup had (R2).
  case restoreWithoutEpochs
  /// After a restore of the coordinator's store, the newest record that anybody has told holds, before all have told (R2).
  case restoreUnheard
  /// A split is committed once the primary has made the children (R12: every in-sync replica must have).
  case commitUnprepared

  // Exchange between partitions; names and meaning follow `spec/exchange.cpp`.

  /// Contributions leave before their intake has committed (X1).
  case sendBeforeIntakeCommits
  /// A reply leaves before the contribution has committed (X2).
  case replyBeforeCommit
  /// Settled passes an unacknowledged contribution of a decided transaction (X3).
  case settlePastUnacknowledged
  /// Settled passes an undecided offset (X3).
  case settlePastUndecided
  /// What has not committed passes for settled.
  case settleBeyondCommit
  /// A reply is forgotten once it is sent, before it is settled (X2).
  case forgetOnReply
  /// A new primary of the home partition gives its contributions new identities (X1).
  case identityOfPrimary
  /// A split of the entities' partition loses the watermarks (X3).
  case entitySplitWithoutMarks
  /// A split of the entities' partition loses the kept replies (X2).
  case entitySplitWithoutReplies
  /// A merge of entity partitions takes the greater watermark for both ranges (X3).
  case mergeGreaterMark
  /// A merge of entity partitions takes the lesser watermark for both ranges (X3).
  case mergeLesserMark
  /// An unknown home is admitted whatever map says that it is there (X5).
  case admitByOldMap
  /// A home is forgotten by a map from before its time (X5).
  case forgetByOldMap
  /// A home partition retires with contributions owed (X5).
  case retireUnsettled
  /// `stale` is not taken for an acknowledgement (X3: the window closes for ever).
  case staleIsNoAnswer
  /// The watermark is not part of what a replica comes back with (X3).
  case restoreWithoutMarks
  /// A late reply makes a second decision (X4).
  case lateReplyDecides
  /// A home takes what another partition's primary has logged of it for what the next one has.
  case keepToldMark
  /// Contributions leave however far settled is behind (X3).
  case ignoreWindow

  #if MUTANTS
    /// The one that is switched on in this process.
    nonisolated(unsafe) public static var current: Mutant?
  #endif
}

/// Whether this process is to show the given mistake. A constant false in everything that is shipped.
@inlinable @inline(__always)
public func planted(_ mutant: Mutant) -> Bool {
  #if MUTANTS
    Mutant.current == mutant
  #else
    false
  #endif
}
