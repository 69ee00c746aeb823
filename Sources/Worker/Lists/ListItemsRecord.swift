import Wire

/// Payload of a `listItems` log record: hot items of lists, by which decisions go from here on. One entry of one offset.
///
/// ```
/// 0 u64 version that they lead to  8 bool: what was there goes first  9 u32 items, each a `ListItem`, by rising version
/// ```
public struct ListItemsRecord: WireValue {
  /// In one entry.
  public static let itemsMax = 1_000

  public var version: UInt64
  /// The partition may have missed drops: these begin anew.
  public var isReplacing: Bool
  public var items: [ListItem]

  public init(version: UInt64, isReplacing: Bool, items: [ListItem]) {
    self.version = version
    self.isReplacing = isReplacing
    self.items = items
  }

  public func write(to out: inout WireWriter) {
    out.write(version)
    out.write(isReplacing)
    out.write(items)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    version = try reader.read(UInt64.self)
    isReplacing = try reader.readBool()
    items = try reader.read([ListItem].self, itemSize: ListItem.encodedSizeMin, limit: Self.itemsMax)
    guard version > 0, items.isRising, items.last?.version ?? 0 <= version else {
      throw .invalid(at: 0, "the versions of hot items rise to the one that they lead to")
    }
  }
}

extension PartitionState {
  func apply(_ record: ListItemsRecord) throws(WireError) {
    let newest = record.isReplacing ? 0 : hot.items.last?.version ?? 0
    guard record.version >= hot.version, record.items.first?.version ?? .max > newest else {
      throw .invalid(at: 0, "hot items of version \(record.version) behind version \(hot.version)")
    }
    hot.apply(record.items, version: record.version, replacing: record.isReplacing)
  }

  /// R14: decisions name the version that the log has at their place.
  func requireVersion(_ version: UInt64) throws(WireError) {
    guard version == hot.version else {
      throw .invalid(at: 0, "decided under list version \(version), where the log stands at \(hot.version)")
    }
  }
}
