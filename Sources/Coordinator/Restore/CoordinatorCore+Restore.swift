import Wire

/// After a restore of the store, until every copy's worker has told what it has (R2).
extension CoordinatorCore {
  var isRestoring: Bool { state.restore?.isOpen == true }

  /// Whether `request` was dealt with here: nothing is decided meanwhile that goes by a record, and no map is told, because the store
  /// may know less than whoever would act by it.
  mutating func takeWhileRestoring(
    _ session: SessionID, _ correlation: UInt64, _ request: CoordinatorRequest, _ now: Int64, _ actions: inout [CoordinatorAction]
  ) -> Bool {
    switch request {
    case .join, .heartbeat, .health, .healthStatus, .watch, .bundle, .status, .audit, .operations, .backup, .lists, .listItems: return false
    case .records(let report):
      guard sessions[session] == report.member.node, state.node(report.member.node)?.member == report.member else { return true }
      known.take(report)
      isReviewDue = true
      pendingNotes.append(.storeRestored(restores: state.cluster.restores, waitsFor: ClusterDraft.awaited(state, known).count))
    case .map:
      // Names and addresses hold; whoever would act by the records is told first that they don't.
      askForRecords(session, &actions)
      var map = state.map
      map.version = .none
      actions.append(.send(session, correlation: correlation, .map(map)))
    case .succession, .handOver, .transfer, .checkpoint: break
    case .startOperation(let start, _):
      if case .giveUp = start.request { return false }
      refuse(session, correlation, &actions)
    case .propose, .publish, .abortOperation, .editList: refuse(session, correlation, &actions)
    }
    return true
  }

  private func refuse(_ session: SessionID, _ correlation: UInt64, _ actions: inout [CoordinatorAction]) {
    let failure = Failure(.unavailable, restoreWaitingFor()?.first ?? "the store was restored: try again in a moment")
    actions.append(.send(session, correlation: correlation, .failure(failure)))
  }

  func askForRecords(_ session: SessionID, _ actions: inout [CoordinatorAction]) {
    actions.append(.send(session, correlation: 0, .recordsRequest(RecordsRequest(restores: state.cluster.restores))))
  }

  mutating func askAllForRecords(_ actions: inout [CoordinatorAction]) {
    known.askAgain()
    for session in sessions.keys.sorted() { askForRecords(session, &actions) }
  }

  // MARK: What an operator sees

  /// What a restored store waits for; nil where it does not.
  func restoreWaitingFor() -> [String]? {
    guard isRestoring else { return nil }
    if case .gap(let range) = known.resolve(state.partitions) {
      return [
        "the store was restored, and of the keys \(range) nobody has told: start the workers that had them, or restore a newer backup"
      ]
    }
    let names = ClusterDraft.awaited(state, known).map(state.name)
    return [
      "the store was restored, and nothing is elected before these have told what they have: \(names.joined(separator: ", "))",
      "a worker that never comes back is given up with 'assay node give-up'",
    ]
  }

  /// Bundles that a worker has loaded and the store lacks: they were published after the backup was taken.
  func missingBundles() -> [String] {
    guard state.cluster.restores > 0 else { return [] }
    let loaded = presences.values.reduce(into: Set<BundleID>()) { $0.formUnion($1.bundles) }
    return loaded.subtracting(state.bundles).map { "\($0)" }.sorted().map {
      "bundle \($0) was decided by before the store was restored, and is not in it: publish it again"
    }
  }
}
