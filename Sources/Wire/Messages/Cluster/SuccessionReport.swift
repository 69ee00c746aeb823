/// A worker to the coordinator: how far its copies are in a split or a merge. Only what has changed or was asked for.
public struct SuccessionReport: ClusterMessage {
  public static var kind: FrameKind { .successionReport }

  public struct Parent: WireValue {
    public var partition: PartitionID
    /// This worker leads it and serves.
    public var isPrimary: Bool
    /// Its log ends intake for this operation. An `unsealed` that has not committed does not count.
    public var isSealed: Bool
    /// The seal has committed, and every decision before it stands in closed files of this worker's sinks.
    public var isDelivered: Bool

    public init(partition: PartitionID, isPrimary: Bool, isSealed: Bool, isDelivered: Bool) {
      self.partition = partition
      self.isPrimary = isPrimary
      self.isSealed = isSealed
      self.isDelivered = isDelivered
    }

    public func write(to out: inout WireWriter) {
      out.write(partition.rawValue)
      for flag in [isPrimary, isSealed, isDelivered] { out.write(flag) }
    }

    public init(from reader: inout WireReader) throws(WireError) {
      partition = PartitionID(try reader.read(UInt32.self))
      isPrimary = try reader.readBool()
      isSealed = try reader.readBool()
      isDelivered = try reader.readBool()
    }
  }

  /// A child that is durable here.
  public struct Child: WireValue {
    public var partition: PartitionID
    /// Of its state at birth: equal on every replica (R14).
    public var digest: UInt64

    public init(partition: PartitionID, digest: UInt64) {
      self.partition = partition
      self.digest = digest
    }

    public func write(to out: inout WireWriter) {
      out.write(partition.rawValue)
      out.write(digest)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      partition = PartitionID(try reader.read(UInt32.self))
      digest = try reader.read(UInt64.self)
    }
  }

  public var member: Member
  public var succession: Succession
  public var parents: [Parent]
  public var children: [Child]

  public init(member: Member, succession: Succession, parents: [Parent], children: [Child]) {
    self.member = member
    self.succession = succession
    self.parents = parents
    self.children = children
  }

  public func write(to out: inout WireWriter) {
    member.write(to: &out)
    succession.write(to: &out)
    out.write(parents)
    out.write(children)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    member = try Member(from: &reader)
    succession = try Succession(from: &reader)
    parents = try reader.read([Parent].self, itemSize: 7, limit: 2)
    children = try reader.read([Child].self, itemSize: 12, limit: 2)
  }
}
