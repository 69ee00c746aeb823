import Wire

/// The last restore of the store, as the store itself has it.
public struct RestoreRecord: WireValue {
  /// A worker that an operator has given up: with this disk it does not come back.
  public struct GivenUp: WireValue {
    public var node: NodeID
    /// `.none` where the store does not know it.
    public var storage: StorageID

    public func write(to out: inout WireWriter) {
      out.write(node.rawValue)
      out.write(storage.high)
      out.write(storage.low)
    }

    public init(node: NodeID, storage: StorageID) {
      self.node = node
      self.storage = storage
    }

    public init(from reader: inout WireReader) throws(WireError) {
      node = NodeID(try reader.read(UInt32.self))
      storage = StorageID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    }
  }

  /// Until every copy's worker has told what it has, or has been given up: nothing is elected meanwhile (R2).
  public var isOpen: Bool
  /// When the backup was taken, milliseconds since the Unix epoch.
  public var takenAt: Int64
  public var givenUp: [GivenUp]

  public init(isOpen: Bool = true, takenAt: Int64, givenUp: [GivenUp] = []) {
    self.isOpen = isOpen
    self.takenAt = takenAt
    self.givenUp = givenUp
  }

  func isGivenUp(_ node: NodeID) -> Bool { givenUp.contains { $0.node == node } }

  public func write(to out: inout WireWriter) {
    out.write(isOpen)
    out.write(takenAt)
    out.write(UInt32(givenUp.count))
    for one in givenUp { one.write(to: &out) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    isOpen = try reader.readBool()
    takenAt = try reader.read(Int64.self)
    givenUp = []
    for _ in 0..<(try reader.readCount(itemSize: 20, limit: ClusterLimit.nodes)) { givenUp.append(try GivenUp(from: &reader)) }
  }
}
