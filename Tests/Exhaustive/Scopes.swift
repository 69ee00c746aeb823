import Wire

/// The searches that are run, and where each mutant shows.
enum Scopes {
  /// Some seconds each.
  static let small = [
    Scope("failover", [.values: 1]),
    Scope("crash", [.crashes: 1]),
    Scope("learner", inSync: [0, 1], [.expansions: 1, .refusals: 1]),
  ]

  /// Minutes each.
  static let full = [
    Scope("values", [.values: 2]),
    Scope("members", [.values: 1, .shrinks: 1, .expansions: 1]),
    Scope("crash-members", [.crashes: 1, .shrinks: 1, .expansions: 1, .refusals: 1]),
    Scope("wipe", inSync: [0, 1], [.wipes: 1, .shrinks: 1, .expansions: 1, .refusals: 1]),
    Scope("epochs", inSync: [0, 1], epochs: 3, [.expansions: 1]),
    Scope("replicated", durability: .replicated, [.crashes: 1, .shrinks: 1, .expansions: 1, .refusals: 1]),
  ]

  static let all = small + full

  /// Where a mutant is looked for: names of scopes, in this order, or why it is not.
  enum Place {
    case scopes(String)
    case outside(String)
  }

  static func place(of mutant: Mutant) -> Place {
    switch mutant {
    case .truncateToCommit, .ignoreProposed, .noFencing, .admitWithoutEpochStart, .noCompareAndSet, .acknowledgeLogEnd, .uncleanElection,
      .localShrink, .dropProposal, .electWiped, .resumeRole, .eligibleForEver, .minimumOfProposed, .expandOtherStorage, .countOtherStorage,
      .admitAfterEpochStart, .roleOtherStorage, .silentRefusal, .replicatedByStorageOnly:
      .scopes("small,full")
    case .commitBeforeEpochStart: .outside("harmless within these bounds: a commit needs every member")
    default: .outside("not a rule of the cores: it is planted in the shells, which `ops/simulate` runs")
    }
  }
}
