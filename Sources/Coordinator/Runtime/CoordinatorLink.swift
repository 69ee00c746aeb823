import Wire

/// One accepted connection: reads requests, checks who may make them, and hands them to the server.
final class CoordinatorLink: LinkDelegate {
  let session: SessionID
  private(set) var link: Link?
  private unowned let server: CoordinatorServer
  /// The newest map that could not be sent because the peer does not keep up, with its watch's correlation.
  private var heldMap: (map: ClusterMap, correlation: UInt64)?

  init(_ link: Link, _ session: SessionID, _ server: CoordinatorServer) {
    self.link = link
    self.session = session
    self.server = server
  }

  func linkReady(_ link: Link) { server.opened(self) }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    if let refusal = Permissions.refusal(of: header.kind, from: link.peer) {
      return link.send(refusal, correlation: header.correlation)
    }
    do throws(WireError) {
      if let request = try Self.request(header.kind, payload, from: link.peer) { take(request, header.correlation, link) }
    } catch {
      link.close(Failure(.malformed, "the \(header.kind) message can't be read: \(error)"))
    }
  }

  private static func request(_ kind: FrameKind, _ payload: RawSpan, from peer: PeerIdentity) throws(WireError) -> CoordinatorRequest? {
    switch kind {
    case .join: return .join(try Join(reading: payload), claim: peer.identity.node)
    case .heartbeat: return .heartbeat(try Heartbeat(reading: payload))
    case .healthReport: return .health(try HealthReport(reading: payload))
    case .healthRequest:
      _ = try HealthRequest(reading: payload)
      return .healthStatus
    case .isrProposal: return .propose(try ISRProposal(reading: payload))
    case .mapRequest:
      _ = try MapRequest(reading: payload)
      return .map
    case .watchMap: return .watch(known: try WatchMap(reading: payload).known)
    case .publishBundle: return .publish(try PublishBundle(reading: payload))
    case .bundleRequest: return .bundle(try BundleRequest(reading: payload).bundle)
    case .statusRequest:
      _ = try StatusRequest(reading: payload)
      return .status
    case .successionReport: return .succession(try SuccessionReport(reading: payload))
    case .handOverReport: return .handOver(try HandOverReport(reading: payload))
    case .transferRequest: return .transfer(try TransferRequest(reading: payload))
    case .recordsReport: return .records(try RecordsReport(reading: payload))
    case .backupRequest:
      _ = try BackupRequest(reading: payload)
      return .backup
    case .checkpointReport: return .checkpoint(try CheckpointReport(reading: payload))
    case .startOperation: return .startOperation(try StartOperation(reading: payload), by: "\(peer.identity)")
    case .auditRequest:
      _ = try AuditRequest(reading: payload)
      return .audit
    case .editList: return .editList(try EditList(reading: payload), by: "\(peer.identity)")
    case .listsRequest:
      _ = try ListsRequest(reading: payload)
      return .lists
    case .listItemsRequest: return .listItems(since: try ListItemsRequest(reading: payload).since)
    case .operationsRequest: return .operations(try OperationsRequest(reading: payload).id)
    case .abortOperation: return .abortOperation(try AbortOperation(reading: payload).id)
    default: return nil
    }
  }

  private func take(_ request: CoordinatorRequest, _ correlation: UInt64, _ link: Link) {
    if case .join(let join, _) = request, join.name != link.peer.name {
      let failure = Failure(.identityMismatch, "'\(link.peer.name)' can't join as '\(join.name)'")
      return link.send(failure, correlation: correlation)
    }
    if case .publish(let publish) = request, !publish.contents.isEmpty {
      return server.check(publish, session, correlation)
    }
    if case .editList(let edit, let requester) = request { return server.check(edit, by: requester, session, correlation) }
    server.take(.request(session, correlation: correlation, request))
  }

  // MARK: Answers

  func send(_ answer: CoordinatorAnswer, correlation: UInt64) {
    guard let link else { return }
    switch answer {
    case .joined(let message): link.send(message, correlation: correlation)
    case .heartbeat(let message): link.send(message, correlation: correlation)
    case .health(let message): link.send(message, correlation: correlation)
    case .healthStatus(let message): link.send(message, correlation: correlation)
    case .map(let map): send(map, correlation, link)
    case .proposal(let message): link.send(message, correlation: correlation)
    case .published(let message): link.send(message, correlation: correlation)
    case .status(let message): link.send(message, correlation: correlation, compressed: true)
    case .operationStarted(let message): link.send(message, correlation: correlation)
    case .audit(let message): link.send(message, correlation: correlation, compressed: true)
    case .listEdited(let message): link.send(message, correlation: correlation)
    case .lists(let message): link.send(message, correlation: correlation, compressed: true)
    case .listItems(let message): link.send(message, correlation: correlation, compressed: true)
    case .operations(let message): link.send(message, correlation: correlation, compressed: true)
    case .handOver(let message): link.send(message, correlation: correlation)
    case .recordsRequest(let message): link.send(message, correlation: correlation)
    case .backup(let message): link.send(message, correlation: correlation, compressed: true)
    case .transfer(let message): link.send(message, correlation: correlation)
    case .succession(let message): link.send(message, correlation: correlation)
    case .failure(let message): link.send(message, correlation: correlation)
    }
  }

  func send(_ content: BundleContent, correlation: UInt64) { link?.send(content, correlation: correlation) }

  /// To a peer that does not keep up, only the newest map goes once it does.
  private func send(_ map: ClusterMap, _ correlation: UInt64, _ link: Link) {
    guard link.isWritable else {
      heldMap = (map, correlation)
      return
    }
    server.sendMap(map, on: link, correlation: correlation)
  }

  func linkWritable(_ link: Link, _ isWritable: Bool) {
    guard isWritable, let held = heldMap else { return }
    heldMap = nil
    server.sendMap(held.map, on: link, correlation: held.correlation)
  }

  func linkReadComplete(_ link: Link) {}

  func linkClosed(_ link: Link, reason: LinkError?) {
    self.link = nil
    server.closed(session)
  }

  /// What the peer's certificate makes it; nil before its hello.
  var role: LinkIdentity.Role? { link?.peer.role }

  /// Ends the connection with a reason, and where it says that another leads, with that one's address before it.
  func close(_ failure: Failure, hint: LeaderHint? = nil) {
    if let hint { link?.send(hint, correlation: 0) }
    link?.close(failure)
  }
}
