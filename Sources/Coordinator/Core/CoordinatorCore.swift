import Wire

/// The coordinator as a state machine without I/O, clock or randomness: membership, failover, placement, roll-out.
///
/// Its state is the metadata store's contents and what it has heard lately. It changes the former only by transactions
/// (R1): one is under way at a time, requests that come meanwhile wait and go into the next one together, and nothing is
/// answered or told to anybody before it is durable. No timer grants anything: a lease that passes only lets a record
/// be changed.
public struct CoordinatorCore: Sendable {
  public private(set) var policy: CoordinatorPolicy
  /// As committed.
  public internal(set) var state: ClusterState

  var presences: [NodeID: Presence] = [:]
  var healths: [NodeID: NodeHealth] = [:]
  var lastComparison: Int64 = .min / 2
  /// To be told with the actions of the present step.
  var pendingNotes: [CoordinatorEvent] = []
  /// Which worker a connection speaks for.
  var sessions: [SessionID: NodeID] = [:]
  var watchers: [SessionID: Watcher] = [:]
  /// Of the splits and merges under way.
  var successions: [OperationID: SuccessionProgress] = [:]
  /// When a worker was last told that nothing comes of an operation.
  var abandonedTold: [AbandonedTold: Int64] = [:]
  /// What copies were at checkpoints.
  var digests = CheckpointDigests()
  /// Planned hand-overs under way, and those that came to nothing.
  var handOvers: [PartitionID: HandOverProgress] = [:]
  var handOverFailures: [PartitionID: HandOverFailure] = [:]

  /// After a restore of the store: what the workers have told (R2).
  var known = RestoreKnowledge()

  /// Requests for changes, in order of arrival.
  var waiting: [Waiting] = []
  var phase = Phase.idle
  private var transactions: UInt64 = 0
  /// Something has happened that may call for a change.
  var isReviewDue = true
  /// The wall clock less the clock of `step`, for what people read.
  var wallOffset: Int64 = 0
  private var lastStep: Int64
  /// What the configuration has otherwise than the cluster, to be told once.
  private var differences: [String] = []
  private var lastReview: Int64 = .min / 2

  /// To where the commit under way leads.
  enum Phase: Sendable {
    /// To `committing`.
    case idle
    /// To `idle`, or to `reloading` when the store refuses.
    case committing(TransactionID, MetadataTransaction, ClusterDraft)
    /// To `idle`.
    case reloading
  }

  struct Waiting: Sendable {
    var session: SessionID
    var correlation: UInt64
    var request: CoordinatorRequest
    var since: Int64
  }

  struct Watcher: Sendable {
    var correlation: UInt64
    var known: MapVersion
    var lastPush: Int64
  }

  /// - Parameter now: milliseconds on any clock that only goes forward, the same as in every `step`.
  public init(_ state: ClusterState, _ policy: CoordinatorPolicy, now: Int64) {
    precondition(policy.settings.problem == nil, "settings are checked before the coordinator starts")
    self.state = state
    self.policy = policy
    lastStep = now
    if !policy.changesSettings, policy.settings != state.settings {
      differences = policy.settings.differences(from: state.settings)
      self.policy.settings = state.settings
    }
    if let founded = state.foundedPartitions, founded != policy.partitions {
      pendingNotes.append(.partitionsDiffer(configured: policy.partitions, founded: founded))
    }
    watchNewNodes(now)
  }

  /// Takes one input and appends what is to be done to `actions`, which the caller empties.
  public mutating func step(_ input: CoordinatorInput, now: Int64, _ actions: inout [CoordinatorAction]) {
    noticePause(now, &actions)
    if !differences.isEmpty {
      actions.append(.note(.settingsDiffer(differences)))
      differences = []
    }
    switch input {
    case .request(let session, let correlation, let request):
      take(session, correlation, request, now, &actions)
    case .closed(let session): closed(session)
    case .probed(let node, let result): probed(node, result, now)
    case .committed(let id, let revision): committed(id, revision, now, &actions)
    case .refused(let id): refused(id, &actions)
    case .reloaded(let newer): reloaded(newer, now)
    case .clock(let wall): wallOffset = wall - now
    case .tick:
      watchLeases(now, &actions)
      compareHealth(now)
    }
    for note in pendingNotes { actions.append(.note(note)) }
    pendingNotes.removeAll()
    if case .idle = phase { advance(now, &actions) }
    pushMaps(now, &actions)
    driveSuccessions(now, &actions)
    driveHandOvers(now, &actions)
  }

  /// R11: when the coordinator itself has slept, it has heard nobody because it did not listen.
  private mutating func noticePause(_ now: Int64, _ actions: inout [CoordinatorAction]) {
    let slept = now - lastStep
    lastStep = now
    guard slept > policy.pauseMilliseconds else { return }
    for id in presences.keys { presences[id]?.lastHeard = now }
    actions.append(.note(.pauseNoticed(milliseconds: slept)))
  }

  // MARK: Changes

  /// Makes one draft of all that waits and all that is due, and sends it to the store.
  private mutating func advance(_ now: Int64, _ actions: inout [CoordinatorAction]) {
    let isReview = now - lastReview >= policy.reviewMilliseconds
    guard isReviewDue || isReview || !waiting.isEmpty else { return }
    isReviewDue = false
    var draft = ClusterDraft(state, liveness(now))
    giveUpDead(&draft)
    takeWaiting(&draft, now)
    if isRestoring { draft.recover(known, expectedWorkers: policy.expectedWorkers) }
    // R2: until then nothing is elected, and no record changes.
    if draft.state.restore?.isOpen != true {
      applySettings(&draft)
      draft.giveUpDiverged()
      draft.settleHandOvers()
      draft.failOver()
      draft.relieveFull(policy)
      draft.bootstrap(policy)
      draft.activateCandidate()
      if isReview {
        draft.reviewReplicas(policy)
        draft.handBackPrimaries(policy)
      }
    }
    draft.advanceOperations(policy, wall: now + wallOffset)
    if isReview { lastReview = now }
    begin(draft.wantedHandOvers, now)
    cancelHandOvers(draft.cancelledHandOvers, &actions)
    guard let transaction = draft.transaction() else {
      digests.settle(draft.givenUp)
      carryOut(draft.effects, now, &actions)
      return
    }
    transactions += 1
    let id = TransactionID(transactions)
    phase = .committing(id, transaction, draft)
    actions.append(.commit(id, transaction))
  }

  private mutating func takeWaiting(_ draft: inout ClusterDraft, _ now: Int64) {
    var kept: [Waiting] = []
    for item in waiting {
      let (session, correlation) = (item.session, item.correlation)
      switch item.request {
      case .join(let join, let claim):
        switch draft.join(join, claim: claim, isHeldElsewhere: isHeldElsewhere(join, session, now)) {
        case .success(let node):
          draft.effects.append(.joined(session, correlation: correlation, node))
          draft.liveness.fit.insert(node)
          draft.liveness.bundles[node] = []
        case .failure(let failure):
          draft.note(.joinRefused(name: join.name, reason: failure.message))
          draft.effects.append(.failed(session, correlation: correlation, failure))
        }
      case .propose(let proposal):
        // What it was about has been split or merged since it was asked.
        guard draft.state.partition(proposal.partition) != nil else {
          let failure = Failure(.notFound, "there is no partition \(proposal.partition) any more")
          draft.effects.append(.failed(session, correlation: correlation, failure))
          continue
        }
        let mayWait = now - item.since < policy.proposalPatienceMilliseconds
        if let outcome = draft.decide(proposal, mayWait: mayWait) {
          draft.effects.append(.proposalAnswered(session, correlation: correlation, outcome, proposal.partition))
        } else {
          kept.append(item)
        }
      case .publish(let request):
        if let failure = draft.publish(request) {
          draft.effects.append(.failed(session, correlation: correlation, failure))
        } else {
          draft.effects.append(.bundlePublished(session, correlation: correlation, request.bundle))
        }
      case .startOperation(let start, let requester):
        switch draft.start(start, by: requester, wall: now + wallOffset) {
        case .success(let (id, plan)):
          draft.effects.append(.operationStarted(session, correlation: correlation, id, plan))
        case .failure(let failure):
          draft.refused(start.request, by: requester, failure, wall: now + wallOffset)
          draft.effects.append(.failed(session, correlation: correlation, failure))
        }
      case .abortOperation(let id):
        if let failure = draft.abort(id, wall: now + wallOffset) {
          draft.effects.append(.failed(session, correlation: correlation, failure))
        } else {
          draft.effects.append(.operationAborted(session, correlation: correlation, id))
        }
      case .editList(let edit, let requester):
        switch draft.edit(edit, by: requester, wall: now + wallOffset) {
        case .success(let version): draft.effects.append(.listEdited(session, correlation: correlation, version))
        case .failure(let failure): draft.effects.append(.failed(session, correlation: correlation, failure))
        }
      case .transfer(let request): draft.issueTransfer(request)
      case .heartbeat, .health, .healthStatus, .checkpoint, .map, .watch, .bundle, .status, .operations, .succession, .handOver, .audit,
        .records, .backup, .lists, .listItems:
        preconditionFailure("only requests for changes wait")
      }
    }
    waiting = kept
  }

  /// What the operator has changed in the configuration since the last start.
  private func applySettings(_ draft: inout ClusterDraft) {
    guard policy.settings != draft.state.settings else { return }
    draft.updateSettings(policy.settings)
    // R6: a lower minISR is reached by sets that had kept their former members electable until now.
    let minInSync = policy.settings.minInSync
    for index in draft.state.partitions.indices {
      let record = draft.state.partitions[index]
      guard !record.eligible.isEmpty, record.isr.count >= minInSync else { continue }
      draft.updatePartition(at: index) { $0.setISR($0.isr, minInSync: minInSync) }
    }
    draft.note(.settingsChanged)
  }

  // MARK: The store's word

  private mutating func committed(_ id: TransactionID, _ revision: UInt64, _ now: Int64, _ actions: inout [CoordinatorAction]) {
    guard case .committing(let current, let transaction, let draft) = phase, current == id else {
      preconditionFailure("\(id) committed and is not under way")
    }
    precondition(revision > state.revision, "the store's revision only rises")
    phase = .idle
    state = draft.committed(transaction, at: revision)
    isReviewDue = true
    watchNewNodes(now)
    digests.settle(draft.givenUp)
    digests.forget(besides: state)
    if draft.movesPrimaries { for id in watchers.keys { watchers[id]?.lastPush = .min / 2 } }
    carryOut(draft.effects, now, &actions)
  }

  /// Somebody else writes to the store: what was decided here was decided on an old truth, so nobody hears of it.
  private mutating func refused(_ id: TransactionID, _ actions: inout [CoordinatorAction]) {
    guard case .committing(let current, _, let draft) = phase, current == id else {
      preconditionFailure("\(id) refused and is not under way")
    }
    phase = .reloading
    actions.append(.note(.conflict))
    let failure = Failure(.unavailable, "the coordinator has to read its store again: try once more")
    for effect in draft.effects {
      switch effect {
      case .joined(let session, let correlation, _), .proposalAnswered(let session, let correlation, _, _),
        .bundlePublished(let session, let correlation, _), .operationStarted(let session, let correlation, _, _),
        .operationAborted(let session, let correlation, _), .listEdited(let session, let correlation, _),
        .failed(let session, let correlation, _):
        actions.append(.send(session, correlation: correlation, .failure(failure)))
      case .note, .transferIssued, .recordsWanted: break
      }
    }
    actions.append(.reload)
  }

  private mutating func reloaded(_ newer: ClusterState, _ now: Int64) {
    guard case .reloading = phase else { preconditionFailure("reloaded without a need") }
    precondition(newer.revision >= state.revision, "the store's revision only rises")
    phase = .idle
    state = newer
    if !policy.changesSettings { policy.settings = newer.settings }
    isReviewDue = true
    watchNewNodes(now)
  }

  /// Every node on record has a lease, whoever put it there.
  private mutating func watchNewNodes(_ now: Int64) {
    for node in state.nodes where presences[node.id] == nil { presences[node.id] = Self.presence(of: node, now: now) }
  }
}
