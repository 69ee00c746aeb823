import Wire

/// Which partition owns a key, and which node is its primary: the part of a cluster map that every row needs.
public struct RoutingTable: Sendable {
  public struct Entry: Sendable {
    public var partition: PartitionID
    public var primary: NodeID?
    /// Last key of the partition.
    var last: KeyHash
  }

  /// Ascending by range.
  public let entries: [Entry]

  public init(_ map: ClusterMap) {
    entries = map.partitions.map { Entry(partition: $0.id, primary: $0.primary?.node, last: $0.range.last) }
  }

  private init() { entries = [] }
  public static let empty = RoutingTable()
  public var isEmpty: Bool { entries.isEmpty }

  /// Index of the owner of `key`. Ranges of equal width, the usual case, are found by one multiplication; others from
  /// there by a walk of a few steps.
  @inline(__always) public func index(of key: KeyHash) -> Int {
    var index = Int(key.rawValue.multipliedFullWidth(by: UInt64(entries.count)).high)
    while entries[index].last < key { index += 1 }
    while index > 0, entries[index - 1].last >= key { index -= 1 }
    return index
  }
}
