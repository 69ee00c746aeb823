import Wire

/// What a replica's shell owes, in this order. Each case says what must be done before what follows it may leave the
/// machine.
public enum ReplicaAction: Equatable, Sendable {
  /// Store this epoch and record durably, before anything after it is carried out (R2, R3, R10).
  case persist(highestEpoch: Epoch, record: PartitionRecord?)
  /// Now primary of `epoch`: apply the whole log to the state (R7), append an epoch-start record and call `appended`.
  case assumed(epoch: Epoch)
  /// No longer primary: fail what waits. State applied beyond `commit` is to be rebuilt (R14).
  case steppedDown(commit: Offset)
  /// Void the log from `offset` on (R8), before the records of a following `store` are appended.
  case truncate(to: Offset)
  /// Append records number `range` of those just received to the log; call `durable` when they are.
  case store(Range<Int>)
  /// Everything below is committed: apply it, answer it, hand it to the sinks.
  case committed(Offset)
  /// Send log records of `range` (perhaps none) to a replica.
  case send(Append, to: NodeID, range: Range<Offset>)
  /// A replica lacks records that can't be read here any more, or everything: feed it a snapshot (R13, C4).
  case feed(Member)
  /// Answer a primary.
  case answer(Appended, to: NodeID)
  /// Ask the coordinator to add a member to the ISR (R9) or to remove it; acting on record `version`.
  case propose(add: Bool, Member, epoch: Epoch, version: RecordVersion)
  /// A higher epoch is about: fetch the map before serving (R3).
  case fetchMap

  var isAssumption: Bool { if case .assumed = self { true } else { false } }
}
