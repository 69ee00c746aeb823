import Wire

/// 128 bits over feature vectors, in whatever order they come: equal for an export and for what the cluster computed, if each
/// transaction's values are the same to the last bit (W3).
public struct FeatureDigest: Hashable, Sendable, CustomStringConvertible {
  private var high: UInt64 = 0
  private var low: UInt64 = 0
  public private(set) var count = 0

  public init() {}

  /// A value that is missing is NaN, whatever its bits.
  public mutating func add(id: UnsafeRawBufferPointer, card: UnsafeRawBufferPointer, _ values: UnsafeBufferPointer<Double>) {
    var hash = hash64(card, seed: hash64(id, seed: 0))
    for value in values {
      let bits = (value.isNaN ? UInt64.max : value == 0 ? 0 : value.bitPattern).littleEndian
      hash = withUnsafeBytes(of: bits) { hash64($0, seed: hash) }
    }
    high &+= hash
    low &+= hash &* hash &* 0xA076_1D64_78BD_642F &+ (hash >> 29 ^ hash)
    count += 1
  }

  public mutating func add(_ other: FeatureDigest) {
    high &+= other.high
    low &+= other.low
    count += other.count
  }

  /// 32 hexadecimal digits.
  public var description: String { hexadecimal(high) + hexadecimal(low) }
}
