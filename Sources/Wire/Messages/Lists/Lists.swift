/// The hot items of all lists, oldest first; without those that were dropped.
public struct Lists: ClusterMessage {
  public static var kind: FrameKind { .lists }

  /// The last one that was given.
  public var version: UInt64
  public var records: [ListItemRecord]

  public init(version: UInt64, records: [ListItemRecord]) {
    self.version = version
    self.records = records
  }

  public func write(to out: inout WireWriter) {
    out.write(version)
    out.write(records)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    version = try reader.read(UInt64.self)
    records = try reader.read([ListItemRecord].self, itemSize: ListItemRecord.encodedSizeMin, limit: ListItem.countMax)
  }
}
