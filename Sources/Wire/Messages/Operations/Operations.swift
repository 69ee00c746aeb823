/// Operations, oldest first. In a list of all, `detail` is left out.
public struct Operations: ClusterMessage {
  public static var kind: FrameKind { .operations }

  public var records: [OperationRecord]

  /// Of the records in one answer: the newest are told.
  public static let recordsMax = 4_096

  public init(_ records: [OperationRecord]) { self.records = records }

  public func write(to out: inout WireWriter) { out.write(records) }

  public init(from reader: inout WireReader) throws(WireError) {
    records = try reader.read([OperationRecord].self, itemSize: OperationRecord.encodedSizeMin, limit: Self.recordsMax)
  }
}
