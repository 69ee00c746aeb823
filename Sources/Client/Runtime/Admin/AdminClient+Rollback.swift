import Wire

extension AdminClient {
  /// Gives up the bundle that is being loaded, if there is one; else has the cluster decide by the one before. Throws where there
  /// is nothing to go back to. Done twice, it is where it began: the bundle that was left becomes the one before.
  public func rollback() async throws -> BundlePublished {
    switch RollbackStep(in: try await map()) {
    case .giveUp(_, let active): return try await activate(active)
    case .goBack(let previous, _): return try await activate(previous)
    case .nothing(let reason): throw AdminError.notRolledBack(reason: reason)
    }
  }
}

/// What going back means for a cluster at a moment.
enum RollbackStep: Equatable {
  /// The candidate is given up, and the active one stays.
  case giveUp(candidate: BundleID, active: BundleID)
  case goBack(to: BundleID, from: BundleID)
  case nothing(String)

  init(in map: ClusterMap) {
    switch (map.activeBundle, map.candidateBundle, map.previousBundle) {
    case (let active?, let candidate?, _): self = .giveUp(candidate: candidate, active: active)
    case (let active?, nil, let previous?): self = .goBack(to: previous, from: active)
    case (let active?, nil, nil): self = .nothing("\(active) is the first bundle of this cluster: there is none before it")
    case (nil, _?, _): self = .nothing("no bundle decides yet, so there is nothing to go back to; publish another to take its place")
    case (nil, nil, _): self = .nothing("no bundle decides yet")
    }
  }
}
