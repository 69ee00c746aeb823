/// Ids are types: no bare integer crosses a function's edge (DESIGN.md, *Words*).

/// One partition for its whole life. Never reused: a split, a merge and a forced election make new ids (R2, R12).
public struct PartitionID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt32
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "p\(rawValue)" }
}

/// Raised by the coordinator whenever a partition's primary changes. The high 32 bits count restores of the
/// coordinator's store, so that an epoch issued after a restore is above every epoch issued before it (R2).
public struct Epoch: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public init(restore: UInt32, number: UInt32) { rawValue = UInt64(restore) << 32 | UInt64(number) }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  @inlinable public static var none: Epoch { Epoch(0) }
  @inlinable public var next: Epoch { Epoch(rawValue + 1) }
  public var description: String { rawValue >> 32 == 0 ? "e\(rawValue)" : "e\(rawValue >> 32).\(rawValue & 0xFFFF_FFFF)" }
}

/// Index of one transaction (or one control entry) in a partition's log; the first is 0. An *end* offset is exclusive.
public struct Offset: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  @inlinable public static func + (a: Self, n: Int) -> Self { Offset(a.rawValue + UInt64(n)) }
  @inlinable public static func - (a: Self, b: Self) -> Int { Int(a.rawValue) - Int(b.rawValue) }
  @inlinable public static var zero: Offset { Offset(0) }
  public var description: String { "\(rawValue)" }
}

/// Version of one partition's coordinator record; every change, and every refusal of a proposal, raises it (R1, R4).
public struct RecordVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  @inlinable public var next: Self { Self(rawValue + 1) }
  public var description: String { "v\(rawValue)" }
}

/// Version of the whole cluster map: the metadata store's revision at which it was made.
public struct MapVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  @inlinable public static var none: Self { Self(0) }
  public var description: String { "m\(rawValue)" }
}

/// One operation of the coordinator's, in the order of their starts. Never reused.
public struct OperationID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt32
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "o\(rawValue)" }
}

/// A worker's number, given by the coordinator at its first join and kept for the life of the cluster.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt32
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "n\(rawValue)" }
}

/// Counts a node's process starts; persisted before the node speaks. A lower one than known is distrusted storage (R6).
public struct Incarnation: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "i\(rawValue)" }
}

/// 128 random bits with a text form of 32 hexadecimal digits.
public protocol RandomIdentifier: Hashable, Sendable, CustomStringConvertible {
  var high: UInt64 { get }
  var low: UInt64 { get }
  init(high: UInt64, low: UInt64)
}

extension RandomIdentifier {
  public var description: String { hexadecimal(high) + hexadecimal(low) }
  public var isNone: Bool { high == 0 && low == 0 }
  public static var none: Self { Self(high: 0, low: 0) }

  /// Reads the 32-digit form; nil for anything else.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }
}

/// Lower-case hexadecimal of 16 digits.
public func hexadecimal(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}

/// Numbers transfer sessions in the order in which the coordinator has issued them, in the whole cluster and for ever (R13).
public struct TransferID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "t\(rawValue)" }
}

/// Names one cluster for ever; a node refuses messages and data directories of another (R3).
public struct ClusterID: RandomIdentifier {
  public let high: UInt64, low: UInt64
  @inlinable public init(high: UInt64, low: UInt64) { self.high = high; self.low = low }
}

/// Names the contents of a node's disk: new whenever the disk was wiped or is distrusted (R1, R15).
public struct StorageID: RandomIdentifier {
  public let high: UInt64, low: UInt64
  @inlinable public init(high: UInt64, low: UInt64) { self.high = high; self.low = low }
}

/// First 128 bits of the SHA-256 over a policy bundle's canonical contents.
public struct BundleID: RandomIdentifier {
  public let high: UInt64, low: UInt64
  @inlinable public init(high: UInt64, low: UInt64) { self.high = high; self.low = low }
}
