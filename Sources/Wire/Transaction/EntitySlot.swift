/// The place that an entity has in a transaction. Part of a contribution's identity, because two entities of one
/// transaction may share a kind (X1). Today each kind has one place, and its number is the kind's.
public struct EntitySlot: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt8

  @inlinable public init(_ kind: EntityKind) { rawValue = kind.rawValue }

  /// Nil for a number that no slot has.
  @inlinable public init?(rawValue: UInt8) {
    guard EntityKind(rawValue: rawValue) != nil else { return nil }
    self.rawValue = rawValue
  }

  @inlinable public var kind: EntityKind { EntityKind(rawValue: rawValue).unsafelyUnwrapped }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "\(kind)" }
}

/// Some of a transaction's slots: one byte, the bit of a slot is that of its number.
public struct EntitySlots: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
  @inlinable public init(_ slot: EntitySlot) { rawValue = 1 << slot.rawValue }

  /// Every slot of an entity that has a partition other than the transaction's own.
  @inlinable public static var foreign: EntitySlots {
    var all = EntitySlots()
    for kind in EntityKind.allCases where kind != .card { all.insert(EntitySlots(EntitySlot(kind))) }
    return all
  }

  @inlinable public func contains(_ slot: EntitySlot) -> Bool { rawValue & (1 << slot.rawValue) != 0 }
  @inlinable public mutating func insert(_ slot: EntitySlot) { formUnion(EntitySlots(slot)) }
  @inlinable public mutating func remove(_ slot: EntitySlot) { subtract(EntitySlots(slot)) }
  @inlinable public var count: Int { rawValue.nonzeroBitCount }

  /// In rising order.
  @inlinable public func forEach<E: Error>(_ body: (EntitySlot) throws(E) -> Void) throws(E) {
    var rest = rawValue
    while rest != 0 {
      try body(EntitySlot(rawValue: UInt8(rest.trailingZeroBitCount)).unsafelyUnwrapped)
      rest &= rest - 1
    }
  }
}

extension TransactionView {
  /// The entity's token; empty where the transaction has none. For an IP its 4 or 16 bytes.
  @inlinable @_lifetime(copy self) public func token(_ slot: EntitySlot) -> RawSpan {
    switch slot.kind {
    case .card: card
    case .customer: customer
    case .merchant: merchant
    case .terminal: terminal
    case .device: device
    case .ip: ip
    }
  }

  /// The entity's place in the key space; the transaction has it.
  @inlinable public func key(_ slot: EntitySlot) -> KeyHash { KeyHash(of: token(slot), kind: slot.kind) }

  /// Those of `slots` that the transaction has an entity for.
  @inlinable public func present(_ slots: EntitySlots) -> EntitySlots {
    var present = EntitySlots()
    slots.forEach { if token($0).byteCount > 0 { present.insert($0) } }
    return present
  }
}
