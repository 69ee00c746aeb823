/// What a worker knows of every partition that it has ever had a copy of: for a coordinator whose store was restored (R2).
public struct RecordsReport: ClusterMessage {
  public static var kind: FrameKind { .recordsReport }

  public struct Copy: WireValue {
    public var partition: PartitionID
    /// The highest that this worker has seen; `.none` where it has led and followed nobody yet.
    public var highestEpoch: Epoch
    /// Of the last entry of its log, and where that ends; none and zero where there is no copy now.
    public var logEpoch: Epoch
    public var logEnd: Offset
    /// The newest that has come here; nil for a successor that waits for its first one.
    public var record: PartitionRecord?
    /// How the copy began here, where it began as a successor, and that is durable.
    public var birth: Succession?

    public init(
      partition: PartitionID, highestEpoch: Epoch, logEpoch: Epoch = .none, logEnd: Offset = .zero, record: PartitionRecord? = nil,
      birth: Succession? = nil
    ) {
      self.partition = partition
      self.highestEpoch = highestEpoch
      self.logEpoch = logEpoch
      self.logEnd = logEnd
      self.record = record
      self.birth = birth
    }

    static let encodedSizeMin = 4 + 8 + 8 + 8 + 1 + 1

    public func write(to out: inout WireWriter) {
      out.write(partition.rawValue)
      out.write(highestEpoch.rawValue)
      out.write(logEpoch.rawValue)
      out.write(logEnd.rawValue)
      out.write(optional: record)
      out.write(optional: birth)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      let start = reader.position
      partition = PartitionID(try reader.read(UInt32.self))
      highestEpoch = Epoch(try reader.read(UInt64.self))
      logEpoch = Epoch(try reader.read(UInt64.self))
      logEnd = Offset(try reader.read(UInt64.self))
      record = try reader.read(optional: PartitionRecord.self)
      birth = try reader.read(optional: Succession.self)
      guard record == nil || record!.id == partition else { throw .invalid(at: start, "a record of another partition than \(partition)") }
    }
  }

  /// Copies a worker may tell of: those that it has, and those that it once had.
  static let copiesMax = 8 * ClusterLimit.partitions

  public var member: Member
  /// As in `Join`.
  public var intactSince: Incarnation
  /// The newest map that this process has heard.
  public var map: MapVersion
  /// Ascending by partition.
  public var copies: [Copy]

  public init(member: Member, intactSince: Incarnation, map: MapVersion, copies: [Copy]) {
    self.member = member
    self.intactSince = intactSince
    self.map = map
    self.copies = copies
  }

  public func write(to out: inout WireWriter) {
    member.write(to: &out)
    out.write(intactSince.rawValue)
    out.write(map.rawValue)
    out.write(copies)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    member = try Member(from: &reader)
    intactSince = Incarnation(try reader.read(UInt64.self))
    map = MapVersion(try reader.read(UInt64.self))
    copies = try reader.read([Copy].self, itemSize: Copy.encodedSizeMin, limit: Self.copiesMax)
  }
}
