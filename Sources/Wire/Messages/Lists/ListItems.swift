/// Hot items for the workers: all that are newer than `since`, those that were dropped included, or all there are.
public struct ListItems: ClusterMessage {
  public static var kind: FrameKind { .listItems }

  /// What the asker had; 0 where these are all items, which take the place of those that it had.
  public var since: UInt64
  /// The version that it has with these.
  public var version: UInt64
  /// Whoever has an older version than this may have missed drops that are not remembered: it begins anew with all items.
  public var floor: UInt64
  /// Versions rise.
  public var items: [ListItem]

  public init(since: UInt64, version: UInt64, floor: UInt64, items: [ListItem]) {
    self.since = since
    self.version = version
    self.floor = floor
    self.items = items
  }

  public func write(to out: inout WireWriter) {
    out.write(since)
    out.write(version)
    out.write(floor)
    out.write(items)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    since = try reader.read(UInt64.self)
    version = try reader.read(UInt64.self)
    floor = try reader.read(UInt64.self)
    items = try reader.read([ListItem].self, itemSize: ListItem.encodedSizeMin, limit: ListItem.countMax + ListItem.droppedMax)
    guard items.isRising, since <= version, floor <= version, items.last?.version ?? 0 <= version, items.first?.version ?? .max > since
    else { throw .invalid(at: start, "the versions of hot items rise from what is known to what they lead to") }
  }
}
