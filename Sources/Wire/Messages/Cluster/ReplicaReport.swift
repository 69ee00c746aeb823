/// One replica as its worker sees it.
public struct ReplicaReport: WireValue {
  public enum Role: UInt8, Sendable, CaseIterable {
    case primary = 1
    case follower = 2
    case learner = 3
  }

  public var partition: PartitionID
  public var role: Role
  /// The highest epoch that the replica has persisted.
  public var epoch: Epoch
  /// End of its log (exclusive).
  public var end: Offset
  /// What it knows to be committed (exclusive).
  public var commit: Offset

  public init(partition: PartitionID, role: Role, epoch: Epoch, end: Offset, commit: Offset) {
    self.partition = partition
    self.role = role
    self.epoch = epoch
    self.end = end
    self.commit = commit
  }

  static let encodedSize = 29

  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(role.rawValue)
    out.write(epoch.rawValue)
    out.write(end.rawValue)
    out.write(commit.rawValue)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    partition = PartitionID(try reader.read(UInt32.self))
    role = try reader.read(code: Role.self)
    epoch = Epoch(try reader.read(UInt64.self))
    end = Offset(try reader.read(UInt64.self))
    commit = Offset(try reader.read(UInt64.self))
  }
}
