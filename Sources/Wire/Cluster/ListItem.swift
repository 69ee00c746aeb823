/// One hot item of a list: added to, or taken from, what a bundle's list of this name holds, without a new bundle.
///
/// Which texts it matches is for the list's type to say. Of the items that match a value the newest decides.
public struct ListItem: WireValue, Hashable {
  public enum Operation: UInt8, Sendable, CaseIterable {
    /// What it matches is a member.
    case add = 1
    /// What it matches is none, also where the bundle's list has it.
    case remove = 2
    /// There is no such item any more: the bundle's list holds.
    case drop = 3
  }

  /// Given once, rising: the version of all lists together from this item on.
  public var version: UInt64
  public var list: String
  public var item: String
  public var operation: Operation
  /// The first millisecond (Unix epoch) of a transaction's event time at which it counts no more; `never` for one that stays.
  public var until: Int64

  public static let never = Int64.max
  /// UTF-8 bytes.
  public static let itemLengthMax = 255
  public static let encodedSizeMin = 8 + 2 + 2 + 1 + 8
  /// Items that a cluster keeps.
  public static let countMax = 10_000
  /// Dropped ones that are remembered, so that whoever missed a drop is told of it alone.
  public static let droppedMax = 1_000

  public init(version: UInt64, list: String, item: String, operation: Operation, until: Int64 = ListItem.never) {
    self.version = version
    self.list = list
    self.item = item
    self.operation = operation
    self.until = until
  }

  public func isSame(as other: ListItem) -> Bool { list == other.list && item == other.item }

  public func write(to out: inout WireWriter) {
    out.write(version)
    out.write(list)
    out.write(item)
    out.write(operation.rawValue)
    out.write(until)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    version = try reader.read(UInt64.self)
    list = try reader.readString(limit: ClusterLimit.nameLength)
    item = try reader.readString(limit: Self.itemLengthMax)
    operation = try reader.read(code: Operation.self)
    until = try reader.read(Int64.self)
    guard version > 0, !list.isEmpty, !item.isEmpty else { throw .invalid(at: start, "a hot item has a version, a list and a text") }
  }
}

extension [ListItem] {
  /// Index of the first item above `version`, of items whose versions rise.
  public func firstIndex(above version: UInt64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) >> 1
      if self[middle].version <= version { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whether versions rise.
  public var isRising: Bool { zip(self, dropFirst()).allSatisfy { $0.version < $1.version } }
}
