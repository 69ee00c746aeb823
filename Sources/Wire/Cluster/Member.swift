/// A replica by everything that makes it that replica: the node, the disk and the process (R1).
public struct Member: WireValue, Hashable, CustomStringConvertible {
  public var node: NodeID
  public var storage: StorageID
  public var incarnation: Incarnation

  public init(node: NodeID, storage: StorageID, incarnation: Incarnation) {
    self.node = node
    self.storage = storage
    self.incarnation = incarnation
  }

  /// Whether both name one holder of data: the same disk and, where data lives in memory only, the same process (R6).
  public func holdsSameData(as other: Member, _ durability: Durability) -> Bool {
    node == other.node && storage == other.storage
      && (durability == .fsync || incarnation == other.incarnation || planted(.replicatedByStorageOnly))
  }

  public var description: String { "\(node)/\(incarnation)" }

  static let encodedSize = 28

  public func write(to out: inout WireWriter) {
    out.write(node.rawValue)
    out.write(storage)
    out.write(incarnation.rawValue)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    node = NodeID(try reader.read(UInt32.self))
    storage = try reader.read(id: StorageID.self)
    incarnation = Incarnation(try reader.read(UInt64.self))
  }
}
