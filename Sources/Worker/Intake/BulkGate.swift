/// How many bulk rows one loop has under way at most, so that a payment that somebody waits for finds short queues behind
/// the loop too: in the log, in the followers, in their disks. Whatever is more waits in front, where interactive batches
/// pass it by.
///
/// The bound follows what is seen: while answers take no longer than a few times what they take at the best, it grows;
/// when they take longer, the rows only wait in another place, and it shrinks (as TCP Vegas does; Brakmo, Peterson 1995).
/// Times are nanoseconds.
public struct BulkGate {
  static var windowMin: Double { 2_048 }
  static var windowMax: Double { 65_536 }
  /// How long one look at the answers lasts.
  static var round: Int64 { 50_000_000 }
  /// Answers may take this many times the best one seen of late, and this much more.
  static var tolerance: Double { 2 }
  static var slack: Double { 4_000_000 }
  /// What is not answered after this does not wait in a queue but for a failover: it holds nobody up any longer.
  static var stuckAfter: Int64 { 500_000_000 }
  private static var bucket: Int64 { stuckAfter / 2 }
  /// Rounds after which the best is looked for anew: disks and followers change.
  static var memory: Int { 200 }

  /// Rows under way, without those that are stuck.
  public private(set) var underWay = 0
  /// The same by when they went.
  private var buckets: [Int64: Int] = [:]
  /// Rows.
  public private(set) var window = 8_192.0
  private var wasFull = false
  private var roundEnd = Int64.min
  private var rows = 0
  private var total = 0.0
  private var best = Double.infinity
  /// The best of this memory and of the one before.
  private var baselines = (now: Double.infinity, before: Double.infinity)
  private var rounds = 0

  public init() {}

  /// Whether a batch of so many rows may go now. One always may when nothing is under way.
  public mutating func admits(_ rows: Int) -> Bool {
    if underWay == 0 || Double(underWay + rows) <= window { return true }
    wasFull = true
    return false
  }

  public mutating func began(_ rows: Int, now: Int64) {
    underWay += rows
    buckets[now / Self.bucket, default: 0] += rows
  }

  /// A batch that went at `began` has been answered.
  public mutating func ended(_ count: Int, began: Int64, now: Int64) {
    guard let left = buckets[began / Self.bucket] else { return }
    assert(left >= count, "what ends has begun")
    buckets[began / Self.bucket] = left == count ? nil : left - count
    underWay -= count
    let time = now - began
    rows += count
    total += Double(time) * Double(count)
    best = min(best, Double(time))
    if now >= roundEnd { review(now) }
  }

  /// To be called a few times in a `stuckAfter`.
  public mutating func tick(now: Int64) {
    for (bucket, rows) in buckets where (bucket + 1) * Self.bucket + Self.stuckAfter <= now {
      underWay -= rows
      buckets[bucket] = nil
    }
  }

  private mutating func review(_ now: Int64) {
    defer {
      roundEnd = now + Self.round
      (rows, total, best, wasFull) = (0, 0, .infinity, false)
    }
    guard roundEnd > .min, rows > 0 else { return }
    baselines.now = min(baselines.now, best)
    let limit = Self.tolerance * min(baselines.now, baselines.before) + Self.slack
    let mean = total / Double(rows)
    if mean > limit {
      window = max(Self.windowMin, window * max(0.7, limit / mean))
    } else if wasFull {
      window = min(Self.windowMax, window * 1.25)
    }
    rounds += 1
    guard rounds % Self.memory == 0 else { return }
    baselines = (.infinity, baselines.now)
  }
}

/// How fast something is done, of late, so that whoever is sent away can be told when to come again.
public struct DrainMeter {
  private var done = 0
  /// A second; nil before anything was seen.
  public private(set) var rate: Double?

  public init() {}

  public mutating func count(_ more: Int) { done += more }

  /// To be called at steady intervals, in seconds.
  public mutating func lap(_ interval: Double) {
    let sample = Double(done) / interval
    done = 0
    rate = rate.map { $0 + (sample - $0) * 0.1 } ?? (sample > 0 ? sample : nil)
  }

  /// Milliseconds until so many are done at that rate: 20 ms to 30 s.
  public func milliseconds(for count: Int) -> UInt32 {
    guard let rate else { return 100 }
    return UInt32(min(30_000, max(20, Double(count) / max(rate, 1) * 1_000)))
  }
}
