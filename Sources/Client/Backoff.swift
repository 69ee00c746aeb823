/// How long to wait before trying again: doubling from `base` to `limit`, of which a random half is taken off, so that
/// clients that failed together don't come back together.
public struct Backoff: Sendable, Equatable {
  /// Nanoseconds.
  public var base: Int64
  /// Nanoseconds.
  public var limit: Int64

  public init(base: Int64, limit: Int64) {
    precondition(base > 0 && base <= limit, "a back-off begins above 0 and ends at its limit")
    self.base = base
    self.limit = limit
  }

  /// Nanoseconds before the next try, after `attempts` (from 1) have failed: between half and all of the doubled time.
  public func delay(after attempts: Int, using generator: inout some RandomNumberGenerator) -> Int64 {
    let doublings = min(max(attempts, 1) - 1, 30)
    let (product, overflow) = base.multipliedReportingOverflow(by: 1 << doublings)
    let whole = overflow ? limit : min(limit, product)
    return whole - Int64.random(in: 0...whole / 2, using: &generator)
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the generator of every jitter, seeded by the shell.
public struct JitterGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
