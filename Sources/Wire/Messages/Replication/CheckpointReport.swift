/// A worker to the coordinator: what its copy of a partition was at a checkpoint entry. Replicas have the same state at the same
/// offset, or one of them is wrong (R14).
public struct CheckpointReport: ClusterMessage {
  public static var kind: FrameKind { .checkpointReport }

  public var member: Member
  public var partition: PartitionID
  public var offset: Offset
  /// Of the state just behind the entry.
  public var digest: UInt64

  public init(member: Member, partition: PartitionID, offset: Offset, digest: UInt64) {
    self.member = member
    self.partition = partition
    self.offset = offset
    self.digest = digest
  }

  public func write(to out: inout WireWriter) {
    member.write(to: &out)
    out.write(partition.rawValue)
    out.write(offset.rawValue)
    out.write(digest)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    member = try Member(from: &reader)
    partition = PartitionID(try reader.read(UInt32.self))
    offset = Offset(try reader.read(UInt64.self))
    digest = try reader.read(UInt64.self)
  }
}
