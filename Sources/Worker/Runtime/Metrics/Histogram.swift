import Synchronization

/// Upper bounds of a histogram's buckets, in whole raw units (nanoseconds, bytes), and how many raw units make
/// the unit that is shown (seconds, bytes).
public struct HistogramBuckets: Hashable, Sendable {
  /// Rising; values above the last one fall into the bucket `+Inf`.
  public let bounds: [UInt64]
  public let rawPerUnit: Double

  public init(bounds: [UInt64], rawPerUnit: Double) {
    precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds rise")
    self.bounds = bounds
    self.rawPerUnit = rawPerUnit
  }

  /// Six a decade from 10 µs to 10 s, raw unit nanoseconds: a quantile read from them is at most a fourth off.
  public static let latency: HistogramBuckets = {
    var bounds: [UInt64] = []
    var decade: UInt64 = 1_000
    while decade < 1_000_000_000 {
      for tenths in [10, 15, 20, 30, 50, 70] as [UInt64] { bounds.append(decade * tenths) }
      decade *= 10
    }
    bounds.append(10_000_000_000)
    return HistogramBuckets(bounds: bounds, rawPerUnit: 1e9)
  }()

  /// Powers of `factor` from `first` on, `count` of them; raw and shown unit are the same.
  public static func powers(of factor: UInt64, from first: UInt64 = 1, count: Int) -> HistogramBuckets {
    var bounds = [first]
    while bounds.count < count { bounds.append(bounds.last! * factor) }
    return HistogramBuckets(bounds: bounds, rawPerUnit: 1)
  }

  /// Index of the first bucket whose bound is at least `value`; `bounds.count` for the bucket `+Inf`.
  func index(of value: UInt64) -> Int {
    var low = 0
    var high = bounds.count
    while low < high {
      let middle = (low + high) / 2
      if bounds[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// How often values fell between bounds, and their exact sum. As with `Counter`, each event loop has cells of its own.
public final class Histogram: @unchecked Sendable {
  public let buckets: HistogramBuckets
  // Behind a pointer, for an array can't hold atomics. The only unsafe part, and why `Sendable` is unchecked.
  private let counts: UnsafeMutableBufferPointer<Atomic<UInt64>>
  private let sum = Atomic<UInt64>(0)

  init(_ buckets: HistogramBuckets) {
    self.buckets = buckets
    counts = .allocate(capacity: buckets.bounds.count + 1)
    for i in counts.indices { counts.initializeElement(at: i, to: Atomic(0)) }
  }

  deinit {
    counts.deinitialize()
    counts.deallocate()
  }

  /// Takes a value in raw units.
  public func observe(_ value: UInt64) {
    counts[buckets.index(of: value)].wrappingAdd(1, ordering: .relaxed)
    sum.wrappingAdd(value, ordering: .relaxed)
  }

  /// Takes the same value `times` times, such as one batch's latency for each of its rows.
  public func observe(_ value: UInt64, times: Int) {
    counts[buckets.index(of: value)].wrappingAdd(UInt64(times), ordering: .relaxed)
    sum.wrappingAdd(value &* UInt64(times), ordering: .relaxed)
  }

  struct Reading {
    /// One a bucket, not cumulative; the last is `+Inf`.
    var counts: [UInt64]
    /// In raw units.
    var sum: UInt64
  }

  func add(to reading: inout Reading) {
    for i in counts.indices { reading.counts[i] += counts[i].load(ordering: .relaxed) }
    reading.sum &+= sum.load(ordering: .relaxed)
  }
}
