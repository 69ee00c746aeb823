/// Log records from a primary to one follower or learner; without records a heartbeat that carries the commit offset.
///
/// The records are the primary's own bytes (`LogRecord`, each with partition, epoch, offset and checksum). `previous`
/// names the entry just before the first of them, so that the follower can tell whether its log matches (R8).
public struct Append: Equatable, Sendable {
  public static var headerSize: Int { 64 }

  public var partition: PartitionID
  public var epoch: Epoch
  public var sender: NodeID
  public var senderIncarnation: Incarnation
  /// Coordinator's record version that the sender acts on.
  public var recordVersion: RecordVersion
  /// Epoch of the last entry below `base`; `Epoch.none` when `base` is 0.
  public var previousEpoch: Epoch
  public var base: Offset
  public var commitOffset: Offset

  public init(
    partition: PartitionID, epoch: Epoch, sender: NodeID, senderIncarnation: Incarnation, recordVersion: RecordVersion,
    previousEpoch: Epoch, base: Offset, commitOffset: Offset
  ) {
    self.partition = partition
    self.epoch = epoch
    self.sender = sender
    self.senderIncarnation = senderIncarnation
    self.recordVersion = recordVersion
    self.previousEpoch = previousEpoch
    self.base = base
    self.commitOffset = commitOffset
  }

  public func write(records: borrowing RawSpan, to out: inout WireWriter) {
    write(length: records.byteCount, to: &out)
    out.write(raw: records)
  }

  /// The header alone; exactly `length` bytes of records follow.
  public func write(length: Int, to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(sender.rawValue)
    out.write(epoch.rawValue)
    out.write(senderIncarnation.rawValue)
    out.write(recordVersion.rawValue)
    out.write(previousEpoch.rawValue)
    out.write(base.rawValue)
    out.write(commitOffset.rawValue)
    out.write(UInt64(length))
  }

  /// Reads the header; the records are the rest of `payload` from `headerSize` on.
  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    partition = PartitionID(try reader.read(UInt32.self))
    sender = NodeID(try reader.read(UInt32.self))
    epoch = Epoch(try reader.read(UInt64.self))
    senderIncarnation = Incarnation(try reader.read(UInt64.self))
    recordVersion = RecordVersion(try reader.read(UInt64.self))
    previousEpoch = Epoch(try reader.read(UInt64.self))
    base = Offset(try reader.read(UInt64.self))
    commitOffset = Offset(try reader.read(UInt64.self))
    let length = try reader.read(UInt64.self)
    guard length == UInt64(reader.remaining) else {
      throw length > UInt64(reader.remaining)
        ? .truncated(at: reader.position, needed: Int(clamping: length) - reader.remaining)
        : .leftOver(at: reader.position + Int(length), reader.remaining - Int(length))
    }
  }
}
