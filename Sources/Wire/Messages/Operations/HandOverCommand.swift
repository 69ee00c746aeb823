/// The coordinator to a partition's primary: stop intake until the successor holds everything, so that it can lead without
/// a gap (R12). Sent again until it is answered. Grants nothing (R1): a primary that hears no more goes on by itself.
public struct HandOverCommand: ClusterMessage {
  public static var kind: FrameKind { .handOverCommand }

  public enum Action: UInt8, Sendable, CaseIterable {
    case pause = 1
    /// Nothing comes of it: take rows again.
    case resume = 2
  }

  public var action: Action
  public var partition: PartitionID
  /// Of the partition's record. A primary pauses once by one version, so that a late command pauses nothing again.
  public var version: RecordVersion
  /// Who is to lead; the primary itself where only its epoch is to change.
  public var successor: Member

  public init(_ action: Action, _ partition: PartitionID, version: RecordVersion, successor: Member) {
    self.action = action
    self.partition = partition
    self.version = version
    self.successor = successor
  }

  public func write(to out: inout WireWriter) {
    out.write(action.rawValue)
    out.write(partition.rawValue)
    out.write(version.rawValue)
    successor.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    action = try reader.read(code: Action.self)
    partition = PartitionID(try reader.read(UInt32.self))
    version = RecordVersion(try reader.read(UInt64.self))
    successor = try Member(from: &reader)
  }
}
