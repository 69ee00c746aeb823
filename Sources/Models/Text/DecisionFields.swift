import Wire

/// One committed decision as the text writers take it; everything is borrowed.
public struct DecisionFields: ~Escapable {
  public let transactionID: RawSpan
  public let card: RawSpan
  public var partition: PartitionID
  public var offset: Offset
  /// Milliseconds since the epoch.
  public var eventTime: Int64
  public var decidedTime: Int64
  public var decision: Decision
  /// Of the hot items of lists; 0 leaves it out.
  public var listVersion: UInt64
  /// In the order of the writer's feature names; empty leaves features out. NaN is a missing value.
  public let features: Span<Double>

  @_lifetime(copy transactionID, copy card, copy features)
  public init(
    transactionID: RawSpan, card: RawSpan, partition: PartitionID, offset: Offset, eventTime: Int64,
    decidedTime: Int64, decision: Decision, listVersion: UInt64 = 0, features: Span<Double> = Span()
  ) {
    self.transactionID = transactionID
    self.card = card
    self.partition = partition
    self.offset = offset
    self.eventTime = eventTime
    self.decidedTime = decidedTime
    self.decision = decision
    self.listVersion = listVersion
    self.features = features
  }
}
