import Wire

/// What became of one row. Reported once for each; bytes are borrowed until the call returns.
public struct RowAnswer: ~Escapable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case decided
    /// The cluster had decided it before this submission sent it: the decision is the original one.
    case alreadyDecided
    /// Never will be decided as it is: see `rejection`.
    case rejected
    /// Not decided before its deadline, or never will be: see `failure`. It may have been decided all the same.
    case failed
  }

  public let tag: UInt64
  public let kind: Kind
  /// Of a decided row, as are `offset`, `decision` and `features`.
  public let partition: PartitionID
  public let offset: Offset
  public let decision: Decision
  /// Of the hot items of lists that it was decided under; 0 for none.
  public let listVersion: UInt64
  /// Raw little-endian doubles in the order of the bundle's feature names, or empty.
  public let features: RawSpan
  /// The transaction record as it was submitted.
  public let record: RawSpan
  public let rejection: Rejection?
  public let failure: FailureCode?
  /// How often it was sent.
  public let attempts: Int
  /// From `due` to now, nanoseconds.
  public let latency: Int64
  /// Milliseconds since the Unix epoch.
  public let answeredAt: Int64
  /// The tables of the answer that had it, of a decided row.
  public let tables: DecisionsTables?
  /// Index into the tables' bundles.
  public let bundle: Int

  public var names: Decisions.BundleNames? { tables?.bundles[bundle] }

  @_lifetime(copy answer, copy record)
  init(
    _ row: SubmitBatch.Row, _ kind: Kind, _ answer: borrowing DecisionsReader.Row, _ tables: DecisionsTables,
    record: RawSpan, now: ClientTime
  ) {
    tag = row.tag
    self.kind = kind
    partition = answer.partition
    offset = answer.offset
    decision = answer.decision
    listVersion = answer.listVersion
    features = answer.features
    self.record = record
    rejection = answer.rejection
    failure = nil
    attempts = Int(row.attempts)
    latency = now.nanoseconds - row.start
    answeredAt = now.wall
    self.tables = kind == .rejected ? nil : tables
    bundle = answer.bundle
  }

  /// A row given up.
  @_lifetime(copy record)
  init(failed row: SubmitBatch.Row, record: RawSpan, now: ClientTime) {
    tag = row.tag
    kind = .failed
    partition = PartitionID(0)
    offset = .zero
    decision = Decision(score: 0, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons)
    listVersion = 0
    features = RawSpan()
    self.record = record
    rejection = nil
    failure = row.failure
    attempts = Int(row.attempts)
    latency = now.nanoseconds - row.start
    answeredAt = now.wall
    tables = nil
    bundle = 0
  }
}
