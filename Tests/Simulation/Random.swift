/// xoshiro256** (Blackman and Vigna 2018), seeded by SplitMix64: the one source of chance of a run.
struct Random: RandomNumberGenerator {
  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64

  init(seed: UInt64) {
    var state = seed
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    (a, b, c, d) = (next(), next(), next(), next())
  }

  mutating func next() -> UInt64 {
    let x = b &* 5
    let result = (x << 7 | x >> 57) &* 9
    let t = b << 17
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = d << 45 | d >> 19
    return result
  }

  /// 0 ..< `bound`.
  mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }
  mutating func within(_ range: ClosedRange<UInt64>) -> UInt64 {
    range.lowerBound + next().multipliedFullWidth(by: range.upperBound - range.lowerBound + 1).high
  }
  mutating func chance(_ percent: Double) -> Bool { Double(next() >> 11) * 0x1p-53 * 100 < percent }
  mutating func pick<T>(_ items: [T]) -> T { items[below(items.count)] }
}

/// Nanoseconds, for reading.
extension UInt64 {
  static func microseconds(_ count: UInt64) -> UInt64 { count * 1_000 }
  static func milliseconds(_ count: UInt64) -> UInt64 { count * 1_000_000 }
  static func seconds(_ count: UInt64) -> UInt64 { count * 1_000_000_000 }
}
