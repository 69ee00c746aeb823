import Wire

/// The dedup key of a transaction, (transaction id, primary entity), as 128 bits: two independent 64-bit hashes, so
/// that a chance collision among a billion live transactions has a probability under 10^-20.
public struct Fingerprint: Hashable, Sendable {
  public let high: UInt64
  public let low: UInt64

  @inlinable public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// `card` is the key hash of the primary entity, already known from routing.
  @inlinable public init(id: borrowing RawSpan, card: KeyHash) {
    low = hash64(id, seed: card.rawValue)
    high = hash64(id, seed: ~card.rawValue &* 0x9e37_79b9_7f4a_7c15)
  }
}
