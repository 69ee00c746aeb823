/// Where a record begins in a worker's journal: segment number (1, 2, ...) and byte offset in that segment's file.
///
/// A position is never reused and never moves, so that whole old segments can go without touching the others. The
/// records of one appended batch stand directly behind each other: the second begins at the first's position plus its length.
public struct JournalPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let segment: UInt32
  public let offset: UInt32

  public init(segment: UInt32, offset: UInt32) {
    self.segment = segment
    self.offset = offset
  }

  /// One word for compact indexes; its order is the order of positions.
  public var packed: UInt64 { UInt64(segment) << 32 | UInt64(offset) }
  public init(packed: UInt64) { self.init(segment: UInt32(packed >> 32), offset: UInt32(truncatingIfNeeded: packed)) }

  public static func < (a: Self, b: Self) -> Bool { a.packed < b.packed }
  public static func + (a: Self, bytes: Int) -> Self { Self(segment: a.segment, offset: a.offset + UInt32(bytes)) }
  public var description: String { "\(segment):\(offset)" }
}

/// Number of a journal block; the first is 1 and there are no gaps. `none` stands before the first.
public struct JournalSequence: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public static var none: Self { Self(0) }
  public var next: Self { Self(rawValue + 1) }
  public var description: String { "#\(rawValue)" }
}
