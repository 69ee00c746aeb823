/// What `EntityTable.observe` has to say about the vector that it computed.
public struct Observation: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Older than the allowed lateness behind its entity's newest event (W2): computed from what is kept, not added.
  public static let late = Observation(rawValue: 1)
  /// Older than its entity's newest event; added at its place.
  public static let outOfOrder = Observation(rawValue: 2)
  /// The table's history is shorter than the longest window reaches back from this transaction.
  public static let warming = Observation(rawValue: 4)
  /// The entity had more events within reach than the bound; the oldest were dropped.
  public static let truncated = Observation(rawValue: 8)
  /// The entity's first event.
  public static let firstEvent = Observation(rawValue: 16)
}
