import Wire

/// The dedup key of a transaction, (transaction id, primary entity), as 128 bits: the card's place in the key space, so
/// that a split can tell which child an entry belongs to (R12), and a hash of the transaction's id seeded with it.
///
/// Two transactions of one card are taken for each other if their ids collide in 64 bits: among the at most 10^6 that a
/// card has within the horizon with a probability under 10^-7, and that only for such a card. Those of different cards
/// need cards that collide in the 64-bit key hash (3 * 10^-4 that any two of 10^8 do) *and* ids that are equal or
/// collide. Even then nobody gets another's decision: the content's hash differs, and the answer is a conflict.
public struct Fingerprint: Hashable, Sendable {
  /// The key hash of the card.
  public let high: UInt64
  public let low: UInt64

  @inlinable public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// `card` is the key hash of the primary entity, already known from routing.
  @inlinable public init(id: borrowing RawSpan, card: KeyHash) {
    high = card.rawValue
    low = hash64(id, seed: card.rawValue)
  }
}
