/// Place of an entity key in the 64-bit key space `[0, 2^64)`.
///
/// The function is part of the disk and wire format and never changes: partitions are ranges of it.
/// It is the public-domain wyhash (final version 4, Wang Yi) with seed = the entity kind.
public struct KeyHash: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { hexadecimal(rawValue) }

  @inlinable public init(of token: borrowing RawSpan, kind: EntityKind) {
    rawValue = hash64(token, seed: UInt64(kind.rawValue))
  }
}

/// What has history. Part of the key, so that a card and a device of the same token are two entities.
public enum EntityKind: UInt8, Sendable, CaseIterable {
  case card = 1, customer, merchant, terminal, device, ip
}

/// A contiguous, inclusive range of the key space. Inclusive, so that the whole space has a name.
public struct KeyRange: Hashable, Sendable, CustomStringConvertible {
  public let first: KeyHash
  public let last: KeyHash

  @inlinable public init(first: KeyHash, last: KeyHash) {
    precondition(first <= last, "a key range holds at least one key")
    self.first = first
    self.last = last
  }

  @inlinable public func contains(_ key: KeyHash) -> Bool { first <= key && key <= last }
  public var description: String { "[\(first), \(last)]" }

  /// `count` ranges of equal width (but for rounding) that tile the key space, in order. 1 <= count <= 65,536.
  public static func tiles(_ count: Int) -> [KeyRange] {
    precondition((1...65_536).contains(count), "1 to 65,536 partitions")
    func start(_ i: Int) -> UInt64 {
      // i * 2^64 / count, exactly.
      UInt64(truncatingIfNeeded: (UInt128(i) << 64) / UInt128(count))
    }
    return (0..<count).map { i in
      KeyRange(first: KeyHash(start(i)), last: KeyHash(i == count - 1 ? .max : start(i + 1) - 1))
    }
  }
}
