/// The target of a transfer to its source: a piece of the snapshot's file, please. One is under way at a time, so the target sets
/// the pace, and a transfer goes on where it stopped.
public struct TransferRead: ClusterMessage {
  public static var kind: FrameKind { .transferRead }
  /// Bytes asked for at a time, at most.
  public static let lengthMax = 1 << 20

  /// Comes first, so that the frame finds its loop.
  public var partition: PartitionID
  public var session: TransferID
  /// The snapshot's; zero for the newest there is.
  public var snapshot: Offset
  /// First byte wanted.
  public var at: UInt64
  /// 1 to `lengthMax`.
  public var length: UInt32

  public init(partition: PartitionID, session: TransferID, snapshot: Offset, at: UInt64, length: UInt32) {
    self.partition = partition
    self.session = session
    self.snapshot = snapshot
    self.at = at
    self.length = length
  }

  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(session.rawValue)
    out.write(snapshot.rawValue)
    out.write(at)
    out.write(length)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    partition = PartitionID(try reader.read(UInt32.self))
    session = TransferID(try reader.read(UInt64.self))
    snapshot = Offset(try reader.read(UInt64.self))
    at = try reader.read(UInt64.self)
    let position = reader.position
    length = try reader.read(UInt32.self)
    guard length > 0, length <= Self.lengthMax else {
      throw .overLimit(at: position, Int(length), limit: Self.lengthMax)
    }
  }
}
