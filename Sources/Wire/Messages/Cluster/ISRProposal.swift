/// A primary asks for another in-sync set. Until it sees a later record version, a member it proposed to add stays in
/// its maximal ISR (R4); a member it proposed to remove stays in it until the coordinator has committed the removal.
public struct ISRProposal: ClusterMessage {
  public static var kind: FrameKind { .isrProposal }

  public enum Change: UInt8, Sendable, CaseIterable {
    /// The member has caught up (R9).
    case add = 1
    /// The member lags or is silent.
    case remove = 2
  }

  public var partition: PartitionID
  /// The proposer's epoch: only the primary of that very epoch may propose.
  public var epoch: Epoch
  /// The record that the proposer acts by; any other one on record refuses the proposal.
  public var version: RecordVersion
  /// The proposer, as node and process.
  public var proposer: NodeID
  public var proposerIncarnation: Incarnation
  public var change: Change
  /// The disk and process whose acknowledgements the primary has counted.
  public var member: Member

  public init(
    partition: PartitionID, epoch: Epoch, version: RecordVersion, proposer: NodeID, proposerIncarnation: Incarnation,
    change: Change, member: Member
  ) {
    self.partition = partition
    self.epoch = epoch
    self.version = version
    self.proposer = proposer
    self.proposerIncarnation = proposerIncarnation
    self.change = change
    self.member = member
  }

  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(epoch.rawValue)
    out.write(version.rawValue)
    out.write(proposer.rawValue)
    out.write(proposerIncarnation.rawValue)
    out.write(change.rawValue)
    member.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    partition = PartitionID(try reader.read(UInt32.self))
    epoch = Epoch(try reader.read(UInt64.self))
    version = RecordVersion(try reader.read(UInt64.self))
    proposer = NodeID(try reader.read(UInt32.self))
    proposerIncarnation = Incarnation(try reader.read(UInt64.self))
    change = try reader.read(code: Change.self)
    member = try Member(from: &reader)
  }
}
