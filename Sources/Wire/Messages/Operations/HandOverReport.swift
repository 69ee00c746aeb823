/// A primary to the coordinator: how far it is with a hand-over (R12).
public struct HandOverReport: ClusterMessage {
  public static var kind: FrameKind { .handOverReport }

  public enum State: UInt8, Sendable, CaseIterable {
    /// Everything has committed, the successor holds it, and nothing more is taken: elect it.
    case drained = 1
    /// The successor did not get there in time, or the primary is busy with something else: it goes on.
    case resumed = 2
  }

  public var member: Member
  public var partition: PartitionID
  /// Of the command that it answers.
  public var version: RecordVersion
  public var state: State
  /// For how long it has taken no rows.
  public var pausedMilliseconds: UInt32

  public init(member: Member, partition: PartitionID, version: RecordVersion, state: State, pausedMilliseconds: UInt32) {
    self.member = member
    self.partition = partition
    self.version = version
    self.state = state
    self.pausedMilliseconds = pausedMilliseconds
  }

  public func write(to out: inout WireWriter) {
    member.write(to: &out)
    out.write(partition.rawValue)
    out.write(version.rawValue)
    out.write(state.rawValue)
    out.write(pausedMilliseconds)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    member = try Member(from: &reader)
    partition = PartitionID(try reader.read(UInt32.self))
    version = RecordVersion(try reader.read(UInt64.self))
    state = try reader.read(code: State.self)
    pausedMilliseconds = try reader.read(UInt32.self)
  }
}
