import Wire

/// A key of the metadata store. Texts, so that a person with `sqlite3` or `etcdctl` can find their way.
public struct MetadataKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let text: String
  public init(_ text: String) { self.text = text }
  public static func < (a: Self, b: Self) -> Bool { a.text < b.text }
  public var description: String { text }

  static let cluster = MetadataKey("cluster")
  static let settings = MetadataKey("settings")
  static let rollout = MetadataKey("rollout")
  static let nextPartition = MetadataKey("next-partition")
  static let nextTransfer = MetadataKey("next-transfer")
  static let restore = MetadataKey("restore")
  static let listCounter = MetadataKey("list-counter")
  static let listItemPrefix = "list-item/"
  static let nodePrefix = "node/"
  static let partitionPrefix = "partition/"
  static let operationPrefix = "operation/"
  /// Values under this prefix are megabytes: `load` leaves them out, `value(of:)` reads one.
  public static let bundlePrefix = "bundle/"

  static let auditPrefix = "audit/"

  static func audit(_ number: UInt64) -> MetadataKey {
    let digits = String(number)
    return MetadataKey(auditPrefix + String(repeating: "0", count: max(0, 12 - digits.count)) + digits)
  }
  static func listItem(_ version: UInt64) -> MetadataKey {
    let digits = String(version)
    return MetadataKey(listItemPrefix + String(repeating: "0", count: max(0, 20 - digits.count)) + digits)
  }
  static func node(_ id: NodeID) -> MetadataKey { MetadataKey(nodePrefix + padded(id.rawValue)) }
  static func partition(_ id: PartitionID) -> MetadataKey { MetadataKey(partitionPrefix + padded(id.rawValue)) }
  static func operation(_ id: OperationID) -> MetadataKey { MetadataKey(operationPrefix + padded(id.rawValue)) }
  public static func bundle(_ id: BundleID) -> MetadataKey { MetadataKey(bundlePrefix + id.description) }

  /// Ten digits, so that the order of keys is the order of ids.
  private static func padded(_ number: UInt32) -> String {
    let digits = String(number)
    return String(repeating: "0", count: 10 - digits.count) + digits
  }
}
