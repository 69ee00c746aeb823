import Wire

extension CoordinatorCore {
  mutating func take(
    _ session: SessionID, _ correlation: UInt64, _ request: CoordinatorRequest, _ now: Int64,
    _ actions: inout [CoordinatorAction]
  ) {
    func answer(_ answer: CoordinatorAnswer) { actions.append(.send(session, correlation: correlation, answer)) }
    if isRestoring, takeWhileRestoring(session, correlation, request, now, &actions) { return }
    switch request {
    case .heartbeat(let heartbeat): answer(heard(heartbeat, session, now))
    case .health(let report): answer(heard(report, session, now))
    case .healthStatus: answer(.healthStatus(healthStatus(now)))
    case .map: answer(.map(state.map))
    case .watch(let known): watchers[session] = Watcher(correlation: correlation, known: known, lastPush: .min / 2)
    case .bundle(let id):
      if state.bundles.contains(id) {
        actions.append(.sendBundle(session, correlation: correlation, id))
      } else {
        answer(.failure(Failure(.notFound, "there is no bundle \(id) here")))
      }
    case .status: answer(.status(status(now)))
    case .succession(let report): heard(report, session, now, &actions)
    case .handOver(let report): heard(report, session, now)
    case .checkpoint(let report): heard(report, session)
    case .transfer(let request):
      // Nobody waits for an answer: it is asked for again.
      guard sessions[session] == request.source.node, waiting.count < CoordinatorPolicy.waitingMax else { return }
      waiting.append(Waiting(session: session, correlation: correlation, request: .transfer(request), since: now))
    case .records: break  // nobody asks for it any more
    case .backup:
      let backup = BackupFile(state.snapshot, cluster: state.cluster, takenAt: now + wallOffset)
      answer(.backup(BackupContent(file: backup.bytes)))
    case .audit: answer(.audit(AuditLog(state.audit)))
    case .lists: answer(.lists(state.lists))
    case .listItems(let since): answer(.listItems(state.listItems(since: since)))
    case .operations(let id): answer(operations(id))
    case .startOperation(let start, _) where start.isDryRun:
      switch ClusterDraft(state, liveness(now)).plan(start.request) {
      case .success(let plan): answer(.operationStarted(OperationStarted(plan: plan, record: nil)))
      case .failure(let failure): answer(.failure(failure))
      }
    case .propose(let proposal) where state.partition(proposal.partition) == nil:
      answer(.failure(Failure(.notFound, "there is no partition \(proposal.partition) here")))
    case .propose(let proposal) where proposal.version > state.partition(proposal.partition)!.version:
      answer(
        .failure(
          Failure(
            .conflict,
            "\(proposal.partition) is at \(proposal.version) there and older here: the store is an old copy. "
              + "Stop the coordinator, and use 'assay coordinator restore'")))
    case .join, .propose, .publish, .startOperation, .abortOperation, .editList:
      guard waiting.count < CoordinatorPolicy.waitingMax else {
        return answer(.failure(Failure(.busy, "\(waiting.count) requests wait for the store: try again later")))
      }
      waiting.append(Waiting(session: session, correlation: correlation, request: request, since: now))
    }
  }

  /// Does what a draft owes, now that it is durable or has turned out to change nothing.
  mutating func carryOut(_ effects: [ClusterDraft.Effect], _ now: Int64, _ actions: inout [CoordinatorAction]) {
    for effect in effects {
      switch effect {
      case .joined(let session, let correlation, let node):
        joined(node, session, now, &actions)
        let accepted = JoinAccepted(cluster: state.cluster.id, node: node, settings: state.settings)
        actions.append(.send(session, correlation: correlation, .joined(accepted)))
        watchers[session] = Watcher(correlation: 0, known: .none, lastPush: .min / 2)
        if isRestoring {
          known.forget(node)
          askForRecords(session, &actions)
        }
      case .proposalAnswered(let session, let correlation, let outcome, let partition):
        guard let record = state.partition(partition) else {
          let failure = Failure(.notFound, "there is no partition \(partition) any more")
          actions.append(.send(session, correlation: correlation, .failure(failure)))
          continue
        }
        actions.append(.send(session, correlation: correlation, .proposal(ISRAnswer(outcome: outcome, record: record))))
      case .bundlePublished(let session, let correlation, let bundle):
        let phase: BundlePublished.State =
          state.rollout.active == bundle ? .active : state.rollout.candidate == bundle ? .candidate : .stored
        let published = BundlePublished(bundle: bundle, state: phase, map: MapVersion(state.revision))
        actions.append(.send(session, correlation: correlation, .published(published)))
      case .operationStarted(let session, let correlation, let id, let plan):
        let started = OperationStarted(plan: plan, record: state.operation(id))
        actions.append(.send(session, correlation: correlation, .operationStarted(started)))
      case .operationAborted(let session, let correlation, let id):
        actions.append(.send(session, correlation: correlation, operations(id)))
      case .listEdited(let session, let correlation, let version):
        actions.append(.send(session, correlation: correlation, .listEdited(ListEdited(version: version))))
      case .transferIssued(let transfer):
        for node in [transfer.target.node, transfer.source.node] {
          if let session = presences[node]?.session { actions.append(.send(session, correlation: 0, .transfer(transfer))) }
        }
      case .recordsWanted: askAllForRecords(&actions)
      case .failed(let session, let correlation, let failure):
        actions.append(.send(session, correlation: correlation, .failure(failure)))
      case .note(let event): actions.append(.note(event))
      }
    }
  }

  /// Tells watchers of a newer map, each at most once in `pushMilliseconds` unless a primary has moved.
  mutating func pushMaps(_ now: Int64, _ actions: inout [CoordinatorAction]) {
    guard !isRestoring else { return }
    let version = MapVersion(state.revision)
    let due = watchers.filter { $0.value.known < version && now - $0.value.lastPush >= policy.pushMilliseconds }
    guard !due.isEmpty else { return }
    let map = state.map
    for session in due.keys.sorted() {
      watchers[session]?.known = version
      watchers[session]?.lastPush = now
      actions.append(.send(session, correlation: due[session]!.correlation, .map(map)))
    }
  }
}
