import Wire

/// What the entities' side of an exchange asks of its shell.
public enum EntityAction: Equatable, Sendable {
  case reply(ContributionReplies, to: NodeID)
  /// Another knows a higher epoch of this partition, or a home that this node's map lacks.
  case fetchMap
}
