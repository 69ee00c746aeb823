/// What a partition's primary knows of an entity (`EntityRequest`), from what it has committed.
public struct EntityAnswer: ClusterMessage {
  public static var kind: FrameKind { .entityAnswer }

  public struct Event: WireValue {
    /// ms.
    public var time: Int64
    /// Minor units.
    public var amount: Int64
    public var fields: [Field]

    public init(time: Int64, amount: Int64, fields: [Field]) { (self.time, self.amount, self.fields) = (time, amount, fields) }
  }

  public struct Field: WireValue {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
  }

  /// A feature of the entity, or of the transaction.
  public struct Feature: WireValue {
    public var name: String
    /// NaN is missing.
    public var value: Double
    /// Events with time in `(after, until]`; equal where it has no window.
    public var after: Int64
    public var until: Int64
    /// Events that count, and which of those told they are.
    public var count: Int
    public var events: [Int]
    /// Events of its window are no longer kept one by one.
    public var isPartial: Bool

    public init(
      name: String, value: Double, after: Int64 = 0, until: Int64 = 0, count: Int = 0, events: [Int] = [], isPartial: Bool = false
    ) {
      (self.name, self.value, self.after, self.until) = (name, value, after, until)
      (self.count, self.events, self.isPartial) = (count, events, isPartial)
    }

    public static func == (a: Feature, b: Feature) -> Bool {
      a.name == b.name && a.value.bitPattern == b.value.bitPattern && a.after == b.after && a.until == b.until && a.count == b.count
        && a.events == b.events && a.isPartial == b.isPartial
    }
  }

  /// What was decided on the transaction.
  public struct Decided: WireValue {
    public var partition: PartitionID
    public var offset: Offset
    public var bundle: BundleID
    public var score: Float
    public var action: String
    public var reasons: [String]
    public var flags: [String]
    public var eventTime: Int64
    public var loggedTime: Int64

    public init(
      partition: PartitionID, offset: Offset, bundle: BundleID, score: Float, action: String, reasons: [String], flags: [String],
      eventTime: Int64, loggedTime: Int64
    ) {
      (self.partition, self.offset, self.bundle, self.score, self.action) = (partition, offset, bundle, score, action)
      (self.reasons, self.flags, self.eventTime, self.loggedTime) = (reasons, flags, eventTime, loggedTime)
    }
  }

  public var partition: PartitionID
  public var epoch: Epoch
  /// What is told is of the log up to here (R10).
  public var commit: Offset
  /// Which bundle's features these are.
  public var bundle: BundleID
  /// 0 for an entity without history; the times and the size mean nothing then.
  public var eventCount: Int
  public var oldestTime: Int64
  public var newestTime: Int64
  public var isTruncated: Bool
  public var memoryBytes: Int
  /// Newest first.
  public var events: [Event]
  public var features: [Feature]
  public var decided: Decided?

  public init(
    partition: PartitionID, epoch: Epoch, commit: Offset, bundle: BundleID, eventCount: Int = 0, oldestTime: Int64 = 0,
    newestTime: Int64 = 0,
    isTruncated: Bool = false, memoryBytes: Int = 0, events: [Event] = [], features: [Feature] = [], decided: Decided? = nil
  ) {
    (self.partition, self.epoch, self.commit, self.bundle) = (partition, epoch, commit, bundle)
    (self.eventCount, self.oldestTime, self.newestTime) = (eventCount, oldestTime, newestTime)
    (self.isTruncated, self.memoryBytes) = (isTruncated, memoryBytes)
    (self.events, self.features, self.decided) = (events, features, decided)
  }
}
