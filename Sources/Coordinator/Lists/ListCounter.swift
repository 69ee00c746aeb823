import Wire

/// Versions of hot items of lists that have been given. In the store from the first item on.
public struct ListCounter: WireValue {
  /// The last one; versions are given once, rising, also over a restore of the store.
  public var last: UInt64
  /// Drops up to this one are forgotten: whoever has an older version begins anew with all items.
  public var floor: UInt64

  public init(last: UInt64 = 0, floor: UInt64 = 0) {
    self.last = last
    self.floor = floor
  }

  public func write(to out: inout WireWriter) {
    out.write(last)
    out.write(floor)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    last = try reader.read(UInt64.self)
    floor = try reader.read(UInt64.self)
    guard floor <= last else { throw .invalid(at: 8, "a drop is forgotten that was not given") }
  }
}

extension ClusterState {
  func listItem(_ version: UInt64) -> ListItemRecord? {
    var low = 0
    var high = listItems.count
    while low < high {
      let middle = (low + high) >> 1
      if listItems[middle].item.version < version { low = middle + 1 } else { high = middle }
    }
    return low < listItems.count && listItems[low].item.version == version ? listItems[low] : nil
  }

  /// For people: without what was dropped.
  var lists: Lists { Lists(version: listCounter.last, records: listItems.filter { $0.item.operation != .drop }) }

  /// For a worker that has what there was at `since`.
  func listItems(since known: UInt64) -> ListItems {
    let since = known < listCounter.floor || known > listCounter.last ? 0 : known
    return ListItems(
      since: since, version: listCounter.last, floor: listCounter.floor,
      items: listItems.lazy.map(\.item).filter { $0.version > since })
  }
}
