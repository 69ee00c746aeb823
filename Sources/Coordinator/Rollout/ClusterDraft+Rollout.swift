import Wire

extension ClusterDraft {
  /// Stores a bundle, or names the one that is to decide.
  mutating func publish(_ request: PublishBundle) -> Failure? {
    let isKnown = state.bundles.contains(request.bundle)
    if request.step == .activate, !isKnown {
      return Failure(.notFound, "there is no bundle \(request.bundle) here: publish it first")
    }
    if request.step != .activate, !isKnown {
      guard state.bundles.count < CoordinatorPolicy.bundlesMax else {
        return Failure(.storageFull, "the store holds \(CoordinatorPolicy.bundlesMax) bundles, and takes no more", isRetriable: false)
      }
      store(request.bundle, request.contents)
      note(.bundleStored(request.bundle, bytes: request.contents.count))
    }
    guard request.step != .store else { return nil }
    // Naming the active one again gives up a candidate that is still being loaded.
    let isActive = state.rollout.active == request.bundle
    updateRollout { $0.candidate = isActive ? nil : request.bundle }
    return nil
  }

  /// S1: the candidate becomes active when every in-sync worker that is there has loaded it. One that is gone loads it
  /// before it is let in again (R9), and a primary before it logs the switch.
  mutating func activateCandidate() {
    guard let candidate = state.rollout.candidate, bundleLaggards(candidate).isEmpty else { return }
    updateRollout { rollout in
      rollout.previous = rollout.active
      rollout.active = candidate
      rollout.candidate = nil
    }
    note(.bundleActivated(candidate))
  }

  private func bundleLaggards(_ bundle: BundleID) -> [NodeID] { state.bundleLaggards(bundle, liveness.bundles) }
}

extension ClusterState {
  /// In-sync workers that are not gone and have not reported `bundle` as loaded, ascending.
  func bundleLaggards(_ bundle: BundleID, _ loaded: [NodeID: Set<BundleID>]) -> [NodeID] {
    let inSync = Set(partitions.flatMap { $0.isr.map(\.node) })
    return nodes.filter { inSync.contains($0.id) && $0.state != .gone && loaded[$0.id]?.contains(bundle) != true }.map(\.id)
  }
}
