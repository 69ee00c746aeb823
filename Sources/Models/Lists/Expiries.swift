/// Until when the items of a list count. Most lists have few different times: an item holds a 4-byte index of them, and
/// nothing where no item of the list expires.
struct Expiries: Sendable {
  /// An item counts before its time; this one always.
  static let never = Int64.max

  private var times: [Int64] = [never]
  private var places: [Int64: UInt32] = [never: 0]
  /// By item; empty as long as every item counts for ever.
  private var indices: [UInt32] = []
  private var count = 0

  /// For the next item: the first ms at which it counts no more.
  mutating func append(_ time: Int64) {
    if time != Self.never && indices.isEmpty { indices = [UInt32](repeating: 0, count: count) }
    count += 1
    // Before the first that expires there is nothing to keep.
    if times.count > 1 || time != Self.never { indices.append(place(of: time)) }
  }

  /// An item that stands in a list twice counts until the later time.
  mutating func raise(_ item: Int, to time: Int64) {
    if self[item] < time { indices[item] = place(of: time) }
  }

  private mutating func place(of time: Int64) -> UInt32 {
    if let known = places[time] { return known }
    times.append(time)
    places[time] = UInt32(times.count - 1)
    return UInt32(times.count - 1)
  }

  /// Drops what only building needs.
  mutating func finish() {
    places = [:]
    times = times.map { $0 }
    indices = indices.map { $0 }
  }

  @inline(__always) func holds(_ item: Int, at time: Int64) -> Bool { indices.isEmpty || times[Int(indices[item])] > time }

  subscript(item: Int) -> Int64 { indices.isEmpty ? Self.never : times[Int(indices[item])] }

  var memoryBytes: Int { indices.capacity * 4 + times.capacity * 8 }
}
