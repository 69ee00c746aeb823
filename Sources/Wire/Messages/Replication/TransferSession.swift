/// The coordinator to the source and the target of a transfer: the one may give, and the other take, what a snapshot of the
/// partition holds (R13). It ends with the epoch, with either process, and when a later one is issued for the same target.
public struct TransferSession: ClusterMessage {
  public static var kind: FrameKind { .transferSession }

  public var id: TransferID
  public var partition: PartitionID
  public var epoch: Epoch
  public var source: Member
  public var target: Member

  public init(id: TransferID, partition: PartitionID, epoch: Epoch, source: Member, target: Member) {
    self.id = id
    self.partition = partition
    self.epoch = epoch
    self.source = source
    self.target = target
  }

  public func write(to out: inout WireWriter) {
    out.write(id.rawValue)
    out.write(partition.rawValue)
    out.write(epoch.rawValue)
    source.write(to: &out)
    target.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    id = TransferID(try reader.read(UInt64.self))
    partition = PartitionID(try reader.read(UInt32.self))
    epoch = Epoch(try reader.read(UInt64.self))
    source = try Member(from: &reader)
    target = try Member(from: &reader)
  }
}
