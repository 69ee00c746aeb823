/// A follower's answer to `Append`.
public struct Appended: Equatable, Sendable {
  /// One epoch of a log and the offset at which it ends (exclusive): the primary finds the point of divergence in a
  /// list of these (R8; the idea is Kafka's KIP-101).
  public struct EpochEnd: Equatable, Sendable {
    public var epoch: Epoch
    public var end: Offset
    public init(epoch: Epoch, end: Offset) {
      self.epoch = epoch
      self.end = end
    }
  }

  public enum Result: Equatable, Sendable {
    /// The log matches the primary's up to `matched`, and that prefix is durable up to it (R4).
    case accepted(matched: Offset)
    /// The follower has seen a higher epoch (R3).
    case fenced(highest: Epoch)
    /// The log does not hold the entry before `base`; these are its epochs, newest last.
    case diverged([EpochEnd])
  }

  public static var epochsMax: Int { 65_536 }

  public var partition: PartitionID
  public var epoch: Epoch
  public var sender: NodeID
  public var senderIncarnation: Incarnation
  public var senderStorage: StorageID
  public var result: Result

  public init(
    partition: PartitionID, epoch: Epoch, sender: NodeID, senderIncarnation: Incarnation, senderStorage: StorageID, result: Result
  ) {
    self.partition = partition
    self.epoch = epoch
    self.sender = sender
    self.senderIncarnation = senderIncarnation
    self.senderStorage = senderStorage
    self.result = result
  }

  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(sender.rawValue)
    out.write(epoch.rawValue)
    out.write(senderIncarnation.rawValue)
    out.write(senderStorage.high)
    out.write(senderStorage.low)
    switch result {
    case .accepted(let matched):
      out.write(0 as UInt8)
      out.write(matched.rawValue)
    case .fenced(let highest):
      out.write(1 as UInt8)
      out.write(highest.rawValue)
    case .diverged(let epochs):
      out.write(2 as UInt8)
      out.write(UInt32(epochs.count))
      for item in epochs {
        out.write(item.epoch.rawValue)
        out.write(item.end.rawValue)
      }
    }
  }

  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    partition = PartitionID(try reader.read(UInt32.self))
    sender = NodeID(try reader.read(UInt32.self))
    epoch = Epoch(try reader.read(UInt64.self))
    senderIncarnation = Incarnation(try reader.read(UInt64.self))
    senderStorage = StorageID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    let at = reader.position
    switch try reader.read(UInt8.self) {
    case 0: result = .accepted(matched: Offset(try reader.read(UInt64.self)))
    case 1: result = .fenced(highest: Epoch(try reader.read(UInt64.self)))
    case 2:
      let count = try reader.readCount(itemSize: 16, limit: Self.epochsMax)
      var epochs: [EpochEnd] = []
      epochs.reserveCapacity(count)
      for _ in 0..<count {
        epochs.append(EpochEnd(epoch: Epoch(try reader.read(UInt64.self)), end: Offset(try reader.read(UInt64.self))))
      }
      result = .diverged(epochs)
    default: throw .invalid(at: at, "unknown result of an append")
    }
    try reader.finish()
  }
}
