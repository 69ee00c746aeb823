import DequeModule
import Wire

/// What a home's primary owes to one partition, and what it has sent of it. Volatile: made anew from the ledger by each
/// primary, and when the map changes.
struct ExchangeLane: Sendable {
  struct Item: Sendable {
    let offset: Offset
    /// Not acknowledged.
    var owed: EntitySlots
    /// When it last left.
    var sentAt = Int64.min
  }

  var route: ExchangeRoute
  /// In order of offset. The first is never acknowledged; others may be.
  private(set) var items = Deque<Item>()
  /// Items before have been sent to this route.
  var sentCount = 0
  /// The newest offset that was ever owed, nil for none.
  private(set) var newest: Offset?
  /// What the other's primary is known to have logged, and when it was last told.
  var knownSettled = Offset.zero
  var toldAt: Int64?

  init(_ route: ExchangeRoute, newest: Offset? = nil) {
    self.route = route
    self.newest = newest
  }

  var isEmpty: Bool { items.isEmpty }
  var hasUnsent: Bool { sentCount < items.count }

  /// Oldest offset with a contribution that is not acknowledged.
  var firstOwed: Offset? { items.first?.offset }

  /// `offset` is the newest yet.
  mutating func owe(_ offset: Offset, _ slots: EntitySlots) {
    if items.last?.offset == offset {
      items[items.count - 1].owed.formUnion(slots)
    } else {
      items.append(Item(offset: offset, owed: slots))
    }
    newest = max(newest ?? offset, offset)
  }

  /// Answers whether it had been owed.
  mutating func acknowledge(_ offset: Offset, _ slot: EntitySlot) -> Bool {
    guard let place = place(offset), items[place].owed.contains(slot) else { return false }
    items[place].owed.remove(slot)
    while let first = items.first, first.owed.isEmpty {
      items.removeFirst()
      sentCount = max(0, sentCount - 1)
    }
    return true
  }

  mutating func sent(_ place: Int, now: Int64) {
    items[place].sentAt = now
    sentCount = max(sentCount, place + 1)
  }

  func place(_ offset: Offset) -> Int? {
    var low = items.startIndex
    var high = items.endIndex
    while low < high {
      let middle = (low + high) / 2
      if items[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low < items.endIndex && items[low].offset == offset ? low : nil
  }

  /// Whether the contribution of `offset` waits for the window to open.
  func isHeldBack(_ offset: Offset) -> Bool { place(offset).map { $0 >= sentCount } ?? false }
}
