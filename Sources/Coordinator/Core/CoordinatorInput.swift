import Wire

/// One connection, numbered by the runtime. Never reused.
public struct SessionID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "s\(rawValue)" }
}

/// Names one transaction until the store has answered.
public struct TransactionID: Hashable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public var description: String { "t\(rawValue)" }
}

/// What happens to the coordinator.
public enum CoordinatorInput: Sendable {
  case request(SessionID, correlation: UInt64, CoordinatorRequest)
  /// The connection is over.
  case closed(SessionID)
  case probed(NodeID, ProbeResult)
  /// The transaction is durable, at the store's new revision.
  case committed(TransactionID, revision: UInt64)
  /// A condition did not hold: somebody else writes to the store.
  case refused(TransactionID)
  /// The store's contents, after a refusal.
  case reloaded(ClusterState)
  /// What the wall clock says, milliseconds since the Unix epoch: for what people read, and for nothing else.
  case clock(wallMilliseconds: Int64)
  /// Time passes. Due every 10 to 50 ms.
  case tick
}

/// What peers ask for. Sender's role and name have been checked against its certificate.
public enum CoordinatorRequest: Sendable {
  /// `claim` is the number that the worker says it was given before.
  case join(Join, claim: NodeID? = nil)
  case heartbeat(Heartbeat)
  case health(HealthReport)
  case map
  case watch(known: MapVersion)
  case propose(ISRProposal)
  /// The contents' hash has been checked.
  case publish(PublishBundle)
  case bundle(BundleID)
  case status
  case healthStatus
  case succession(SuccessionReport)
  case handOver(HandOverReport)
  case transfer(TransferRequest)
  case checkpoint(CheckpointReport)
  case records(RecordsReport)
  case backup
  /// `by` names whoever asks, as its certificate does.
  case startOperation(StartOperation, by: String)
  case operations(OperationID?)
  case audit
  case abortOperation(OperationID)
  /// What the active bundle's list can hold has been checked.
  case editList(EditList, by: String)
  case lists
  /// A worker has hot items up to this version.
  case listItems(since: UInt64)
}

/// What a look at a suspect's data port found.
public enum ProbeResult: Equatable, Sendable {
  /// A worker answered, and this is what it is.
  case answered(StorageID, Incarnation)
  /// Nobody listens there: the process is dead.
  case refused
  /// Nothing came back; it may be the network. Only the lease decides.
  case silent
}
