import Wire

/// What the home side of an exchange asks of its shell, in this order.
public enum HomeAction: Equatable, Sendable {
  /// To the partition's primary, which may be on this very worker.
  case send(Contributions, to: NodeID)
  /// Decide these now and log it; `decided` follows before anything else is given to the exchange.
  case decide([ReadyIntake])
  /// Log late acknowledgements.
  case logAcknowledged(AcknowledgedRecord)
  /// Another knows a higher epoch, or a home that this node's map lacks.
  case fetchMap
  /// An undecided intake was called stale: another has decided it, or history was lost. The node must stop (X3).
  case undecidedIsStale(Offset, EntitySlot)
}

/// An intake that waits for nothing more, or no longer (X4).
public struct ReadyIntake: Equatable, Sendable {
  public var offset: Offset
  /// What the entities answered, in the order in which it came. A slot that is missing here has its features missing.
  public var replies: [ContributionReplies.Reply]
  /// Contributions that are not acknowledged yet: `LateDecisions` logs them.
  public var owed: EntitySlots
  /// A full window kept some of its contributions back (X3).
  public var isHeldBack = false
}

/// Who owns a range of the key space, as the newest map says.
public struct ExchangeRoute: Equatable, Sendable {
  public var partition: PartitionID
  public var range: KeyRange
  public var epoch: Epoch
  /// Nil while it has no primary.
  public var node: NodeID?

  public init(partition: PartitionID, range: KeyRange, epoch: Epoch, node: NodeID?) {
    self.partition = partition
    self.range = range
    self.epoch = epoch
    self.node = node
  }
}
