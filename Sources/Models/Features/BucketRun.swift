import Wire

/// What is known of events that are no longer kept one by one: totals of those that fell into the same stretch of time. Stretches
/// are `resolution` long and begin at its multiples; those without an event take no room. Integers alone (R14).
///
/// Memory: 80 bytes for a stretch with an event.
struct BucketRun: Sendable {
  struct Totals: Equatable {
    var count: Int64 = 0
    var sum: Int128 = 0
    /// Of amounts of at most 10^15: exact for the first 3 * 10^8 of them.
    var squares: UInt128 = 0
    var min = Int64.max
    var max = Int64.min

    mutating func add(_ amount: Int64) {
      count += 1
      sum &+= Int128(amount)
      squares &+= UInt128(amount.magnitude) &* UInt128(amount.magnitude)
      min = Swift.min(min, amount)
      max = Swift.max(max, amount)
    }

    mutating func add(_ other: Totals) {
      count += other.count
      sum &+= other.sum
      squares &+= other.squares
      min = Swift.min(min, other.min)
      max = Swift.max(max, other.max)
    }
  }

  /// With the sums of everything up to and including it, so that a window's is a difference.
  private struct Bucket {
    var number: Int64
    var count: Int64
    var sum: Int128
    var squares: UInt128
    var min: Int64
    var max: Int64
  }

  private var buckets: [Bucket] = []
  /// What has been dropped from the front.
  private var gone = Totals()

  var count: Int { buckets.count }
  var memoryBytes: Int { buckets.capacity * MemoryLayout<Bucket>.stride }

  static func number(_ time: Int64, _ resolution: Int64) -> Int64 {
    let quotient = time / resolution
    return time % resolution < 0 ? quotient - 1 : quotient
  }

  mutating func add(_ number: Int64, amount: Int64) {
    let at = firstIndex(after: number - 1)
    if at == buckets.count || buckets[at].number != number {
      let before = totals(before: at)
      buckets.insert(
        Bucket(number: number, count: before.count, sum: before.sum, squares: before.squares, min: .max, max: .min), at: at)
    }
    let square = UInt128(amount.magnitude) &* UInt128(amount.magnitude)
    // Nearly always the last: events are dropped in the order of their times.
    for later in at..<buckets.count {
      buckets[later].count += 1
      buckets[later].sum &+= Int128(amount)
      buckets[later].squares &+= square
    }
    buckets[at].min = Swift.min(buckets[at].min, amount)
    buckets[at].max = Swift.max(buckets[at].max, amount)
  }

  /// Forgets what lies at or before a stretch.
  mutating func drop(upTo number: Int64) {
    guard let first = buckets.first, first.number <= number else { return }
    let at = firstIndex(after: number)
    gone = totals(before: at)
    buckets.removeFirst(at)
  }

  private func totals(before index: Int) -> Totals {
    guard index > 0 else { return Totals(count: gone.count, sum: gone.sum, squares: gone.squares) }
    let last = buckets[index - 1]
    return Totals(count: last.count, sum: last.sum, squares: last.squares)
  }

  private func firstIndex(after number: Int64) -> Int {
    if let last = buckets.last, last.number <= number { return buckets.count }
    var (low, high) = (0, buckets.count)
    while low < high {
      let middle = (low + high) >> 1
      if buckets[middle].number <= number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Of the stretches behind `left`, up to and including `right`. The extremes only where they are asked for: they are looked
  /// for one by one.
  func totals(after left: Int64, upTo right: Int64, withExtremes: Bool) -> Totals {
    let (low, high) = (firstIndex(after: left), firstIndex(after: right))
    guard low < high else { return Totals() }
    let (before, end) = (totals(before: low), buckets[high - 1])
    var totals = Totals(count: end.count - before.count, sum: end.sum &- before.sum, squares: end.squares &- before.squares)
    guard withExtremes else { return totals }
    for bucket in buckets[low..<high] {
      totals.min = Swift.min(totals.min, bucket.min)
      totals.max = Swift.max(totals.max, bucket.max)
    }
    return totals
  }

  // MARK: Codec

  /// `u32 stretches; each: i64 number, i64 count, i128 sum, u128 squares (low word first), i64 min, i64 max`.
  func write(to out: inout WireWriter) {
    out.write(UInt32(buckets.count))
    var before = totals(before: 0)
    for bucket in buckets {
      out.write(bucket.number)
      out.write(bucket.count - before.count)
      for word in [UInt128(truncatingIfNeeded: bucket.sum &- before.sum), bucket.squares &- before.squares] {
        out.write(UInt64(truncatingIfNeeded: word))
        out.write(UInt64(truncatingIfNeeded: word >> 64))
      }
      out.write(bucket.min)
      out.write(bucket.max)
      before = Totals(count: bucket.count, sum: bucket.sum, squares: bucket.squares)
    }
  }

  init() {}

  init(from reader: inout WireReader) throws(WireError) {
    var total = Totals()
    for _ in 0..<(try reader.readCount(itemSize: 64, limit: CoarsePlan.stretchesLimit)) {
      let at = reader.position
      let number = try reader.read(Int64.self)
      let count = try reader.read(Int64.self)
      let sum = UInt128(try reader.read(UInt64.self)) | UInt128(try reader.read(UInt64.self)) << 64
      let squares = UInt128(try reader.read(UInt64.self)) | UInt128(try reader.read(UInt64.self)) << 64
      let (min, max) = (try reader.read(Int64.self), try reader.read(Int64.self))
      guard number > buckets.last?.number ?? .min, count > 0, min <= max, total.count < .max - count else {
        throw .invalid(at: at, "a summary's stretches contradict each other")
      }
      total.count += count
      total.sum &+= Int128(truncatingIfNeeded: sum)
      total.squares &+= squares
      buckets.append(Bucket(number: number, count: total.count, sum: total.sum, squares: total.squares, min: min, max: max))
    }
  }
}
