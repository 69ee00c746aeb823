#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The generator's own source of numbers: xoshiro256++ (Blackman and Vigna, public domain), seeded by SplitMix64. The
/// same seed gives the same numbers in every build; what goes through libm (`normal`, `pareto`) in the same build.
struct SyntheticRandom: Sendable {
  private var s0: UInt64
  private var s1: UInt64
  private var s2: UInt64
  private var s3: UInt64

  init(seed: UInt64) {
    s0 = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    s1 = Self.mix(s0 &+ 0x9E37_79B9_7F4A_7C15)
    s2 = Self.mix(s1 &+ 0x9E37_79B9_7F4A_7C15)
    s3 = Self.mix(s2 &+ 0x9E37_79B9_7F4A_7C15)
  }

  @inline(__always) mutating func next() -> UInt64 {
    let sum = s0 &+ s3
    let result = (sum << 23 | sum >> 41) &+ s0
    let t = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = s3 << 45 | s3 >> 19
    return result
  }

  /// In [0, 1).
  @inline(__always) mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
  @inline(__always) mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  /// In 0..<count, by multiplication; the bias is below count / 2^64.
  @inline(__always) mutating func below(_ count: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(count)).high)
  }

  mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

  /// Standard normal (Box and Muller 1958; the second value is not kept, so that every call takes two numbers).
  mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * Double.pi * uniform())
  }

  /// Pareto with minimum 1, cut off at `most`.
  mutating func pareto(shape: Double, most: Double) -> Double { min(pow(1 - uniform(), -1 / shape), most) }

  /// SplitMix64's finaliser: a bijection of 64 bits.
  @inline(__always) static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// A number that belongs to (seed, index, purpose): properties of things that aren't stored.
  @inline(__always) static func hash(_ seed: UInt64, _ index: UInt64, _ purpose: UInt64) -> UInt64 {
    mix(mix(seed ^ purpose &* 0xD6E8_FEB8_6659_FD93) &+ index &* 0x9E37_79B9_7F4A_7C15)
  }

  /// `hash` brought into 0..<count.
  @inline(__always) static func pick(_ count: Int, _ seed: UInt64, _ index: UInt64, _ purpose: UInt64) -> Int {
    Int(truncatingIfNeeded: hash(seed, index, purpose).multipliedFullWidth(by: UInt64(count)).high)
  }
}
