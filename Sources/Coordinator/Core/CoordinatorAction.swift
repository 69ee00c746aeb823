import Wire

/// What the runtime has to do, in order.
public enum CoordinatorAction: Equatable, Sendable {
  /// Make it durable, then say `committed` or `refused`. There is at most one at a time.
  case commit(TransactionID, MetadataTransaction)
  /// Read the store again, then say `reloaded`.
  case reload
  case send(SessionID, correlation: UInt64, CoordinatorAnswer)
  /// Send the stored contents, or a failure if they can't be read.
  case sendBundle(SessionID, correlation: UInt64, BundleID)
  /// Say hello to the worker's data port, then say `probed`.
  case probe(NodeID, address: String)
  case close(SessionID, Failure)
  case note(CoordinatorEvent)
}

public enum CoordinatorAnswer: Equatable, Sendable {
  case joined(JoinAccepted)
  case heartbeat(HeartbeatAccepted)
  case health(HealthNotice)
  case map(ClusterMap)
  case proposal(ISRAnswer)
  case published(BundlePublished)
  case status(Status)
  case healthStatus(HealthStatus)
  case succession(SuccessionCommand)
  case handOver(HandOverCommand)
  case transfer(TransferSession)
  case recordsRequest(RecordsRequest)
  case backup(BackupContent)
  case operationStarted(OperationStarted)
  case operations(Operations)
  case audit(AuditLog)
  case listEdited(ListEdited)
  case lists(Lists)
  case listItems(ListItems)
  case failure(Failure)
}
