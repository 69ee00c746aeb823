import Wire

/// The searches that are run, and where each mutant shows.
enum Scopes {
  /// Seconds each.
  static let small = [
    Scope("shrinks", epochs: 1, [.shrinks: 2, .expansions: 1, .refusals: 1], healing: 4),
    Scope("restart", epochs: 1, [.values: 1, .crashes: 1], healing: 16),
    Scope("learner", inSync: [0, 1], epochs: 1, [.values: 1, .expansions: 1, .refusals: 1, .undelivered: 1], healing: 16),
    Scope("wiped-learner", inSync: [0, 1], epochs: 1, [.wipes: 1, .expansions: 1, .refusals: 1], healing: 16),
    Scope("failover", [:], healing: 16),
  ]

  /// Minutes each.
  static let full = [
    Scope("value", [.values: 1]),
    Scope("values", [.values: 2]),
    Scope("new-member", inSync: [0, 1], [.expansions: 1, .refusals: 1]),
    Scope("two-values", epochs: 1, [.values: 2, .shrinks: 1, .expansions: 1]),
    Scope("crash", [.crashes: 1]),
    Scope("wiped-heir", inSync: [0, 1], [.wipes: 1]),
    Scope("wipe", [.wipes: 1]),
    Scope("epochs", inSync: [0, 1], epochs: 3, [:]),
    Scope("hand-over", [.values: 1, .handOvers: 1]),
    Scope("members", [.shrinks: 1, .expansions: 1]),
    Scope("crash-members", [.crashes: 1, .shrinks: 1, .expansions: 1, .refusals: 1]),
    Scope("replicated", durability: .replicated, [.crashes: 1, .expansions: 1, .refusals: 1]),
    Scope("break", epochs: 1, [.values: 2, .breaks: 1, .silences: 1], window: 2),
    Scope("overtaking", [.values: 1], window: 2, overtaking: true),
    Scope("partial-syncs", [.values: 1], window: 2, partialSyncs: true),
  ]

  static let all = small + full

  /// Where a mutant is looked for: names of scopes, in this order, or why it is not.
  enum Place {
    case scopes(String)
    case outside(String)
  }

  static func place(of mutant: Mutant) -> Place {
    switch mutant {
    case .eligibleForEver, .minimumOfProposed, .admitAfterEpochStart, .localShrink: .scopes("shrinks")
    case .resumeRole, .acknowledgeLogEnd: .scopes("restart")
    case .dropProposal, .ignoreProposed, .noCompareAndSet: .scopes("learner")
    case .expandOtherStorage, .countOtherStorage, .silentRefusal: .scopes("wiped-learner")
    case .uncleanElection, .noFencing, .truncateToCommit: .scopes("failover")
    case .admitWithoutEpochStart: .scopes("new-member")
    case .roleOtherStorage: .scopes("wiped-heir")
    case .electWiped: .scopes("wipe")
    case .replicatedByStorageOnly: .scopes("replicated")
    case .sendBeforeIntakeCommits, .replyBeforeCommit, .settlePastUnacknowledged, .settlePastUndecided, .forgetOnReply, .identityOfPrimary,
      .entitySplitWithoutMarks, .entitySplitWithoutReplies, .mergeGreaterMark, .mergeLesserMark, .admitByOldMap,
      .forgetByOldMap, .retireUnsettled, .staleIsNoAnswer, .restoreWithoutMarks, .lateReplyDecides, .ignoreWindow:
      .scopes(ExchangeSearch.name)
    case .settleBeyondCommit:
      .outside("the exchange's model logs nothing at the home but intakes and decisions: `ops/simulate --plan exchange` finds it")
    case .followUnknownEpoch: .outside("copies don't move here: it takes one that leaves and is placed anew in one epoch")
    case .commitBeforeEpochStart: .outside("harmless within these bounds: a commit needs every member")
    default: .outside("not a rule of the cores: it is planted in the shells, which `ops/simulate` runs")
    }
  }
}
