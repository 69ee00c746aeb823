import Wire

/// The hot items of lists as a worker knows them from the coordinator: what its partitions' logs are to come to.
struct ListCatalogue: Sendable {
  private(set) var version: UInt64 = 0
  /// Whoever has an older version begins anew: drops up to it are not remembered.
  private(set) var floor: UInt64 = 0
  /// By rising version, those that were dropped included.
  private(set) var items: [ListItem] = []

  /// Whether there is anything new in it. What was asked for on another standing than this is left.
  mutating func take(_ message: ListItems) -> Bool {
    guard message.version > version, message.since == 0 || message.since == version else { return false }
    if message.since == 0 {
      items = message.items
    } else {
      let texts = Set(message.items.map { Place(list: $0.list, item: $0.item) })
      items.removeAll { texts.contains(Place(list: $0.list, item: $0.item)) }
      items += message.items
    }
    version = message.version
    floor = message.floor
    items.removeAll { $0.operation == .drop && $0.version <= floor }
    return true
  }

  private struct Place: Hashable {
    var list: String
    var item: String
  }

  /// What brings a log from `known` to this version, entry by entry.
  func records(from known: UInt64) -> [ListItemsRecord] {
    guard version > known else { return [] }
    let isAnew = known < floor
    let due = isAnew ? items.filter { $0.operation != .drop } : Array(items[items.firstIndex(above: known)...])
    var records: [ListItemsRecord] = []
    var start = 0
    repeat {
      let part = Array(due[start..<min(due.count, start + ListItemsRecord.itemsMax)])
      start += part.count
      // The version never falls, also where items are older than what was given before the store was restored. Until the last entry of
      // those that begin anew it stays what it was or that of the part's last: either way whoever goes on from there misses nothing.
      let reached = start == due.count ? version : max(known, part.last!.version)
      records.append(ListItemsRecord(version: reached, isReplacing: isAnew && records.isEmpty, items: part))
    } while start < due.count
    return records
  }
}
