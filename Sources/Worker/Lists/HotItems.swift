import Models
import Wire

/// A partition's hot items as a snapshot has them.
///
/// ```
/// 0 u64 version  8 u32 items, each a `ListItem`, by rising version
/// ```
public struct HotItems: WireValue {
  /// 0 where there never were any.
  public var version: UInt64
  public var items: [ListItem]
  /// Of all items, at the version.
  var digest: UInt64 = 0

  static let partMax = 1_000

  init(_ lists: HotLists) {
    version = lists.version
    items = lists.items
    digest = lists.digest
  }

  private init(version: UInt64, items: [ListItem]) {
    self.version = version
    self.items = items
  }

  /// One a block; none where there never were any items.
  var parts: [HotItems] {
    guard version > 0 else { return [] }
    return stride(from: 0, to: max(1, items.count), by: Self.partMax).map { start in
      HotItems(version: version, items: Array(items[start..<min(items.count, start + Self.partMax)]))
    }
  }

  public func write(to out: inout WireWriter) {
    out.write(version)
    out.write(items)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    version = try reader.read(UInt64.self)
    items = try reader.read([ListItem].self, itemSize: ListItem.encodedSizeMin, limit: Self.partMax)
    guard version > 0, items.isRising, items.allSatisfy({ $0.operation != .drop }) else {
      throw .invalid(at: 0, "hot items have rising versions, and none is a drop")
    }
  }
}
