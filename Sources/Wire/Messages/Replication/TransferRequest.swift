/// A primary to the coordinator: a replica lacks what can't be read from the log any more, and needs a session in which it is
/// fed a snapshot (R13). Asked again, for a new session, when nothing comes of the last one.
public struct TransferRequest: ClusterMessage {
  public static var kind: FrameKind { .transferRequest }

  public var partition: PartitionID
  /// In which the source is the primary.
  public var epoch: Epoch
  public var source: Member
  public var target: Member

  public init(partition: PartitionID, epoch: Epoch, source: Member, target: Member) {
    self.partition = partition
    self.epoch = epoch
    self.source = source
    self.target = target
  }

  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(epoch.rawValue)
    source.write(to: &out)
    target.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    partition = PartitionID(try reader.read(UInt32.self))
    epoch = Epoch(try reader.read(UInt64.self))
    source = try Member(from: &reader)
    target = try Member(from: &reader)
  }
}
