/// How a worker's disk and its links to others do: with every heartbeat, so that the coordinator can compare.
public struct HealthReport: ClusterMessage {
  public static var kind: FrameKind { .healthReport }

  /// One link, measured by pings.
  public struct Peer: WireValue {
    public var node: NodeID
    /// Since its last answer, or since it was first asked; ms.
    public var silenceMilliseconds: UInt32
    /// Median of the newest round trips, microseconds; 0 where there are none.
    public var roundTripMicroseconds: UInt32

    public init(node: NodeID, silenceMilliseconds: UInt32, roundTripMicroseconds: UInt32) {
      self.node = node
      self.silenceMilliseconds = silenceMilliseconds
      self.roundTripMicroseconds = roundTripMicroseconds
    }

    static let encodedSize = 12

    public func write(to out: inout WireWriter) {
      out.write(node.rawValue)
      out.write(silenceMilliseconds)
      out.write(roundTripMicroseconds)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      node = NodeID(try reader.read(UInt32.self))
      silenceMilliseconds = try reader.read(UInt32.self)
      roundTripMicroseconds = try reader.read(UInt32.self)
    }
  }

  /// The log's disk.
  public struct Disk: WireValue, Equatable {
    /// For how long it has owed the answer to a write or a sync, ms; 0 while it owes none.
    public var stalledMilliseconds: UInt32
    /// The newest syncs, at most some seconds old, that the times below are of.
    public var syncs: UInt32
    /// Of one fdatasync, microseconds.
    public var medianMicroseconds: UInt32
    public var p99Microseconds: UInt32

    public init(stalledMilliseconds: UInt32 = 0, syncs: UInt32 = 0, medianMicroseconds: UInt32 = 0, p99Microseconds: UInt32 = 0) {
      self.stalledMilliseconds = stalledMilliseconds
      self.syncs = syncs
      self.medianMicroseconds = medianMicroseconds
      self.p99Microseconds = p99Microseconds
    }

    public func write(to out: inout WireWriter) {
      out.write(stalledMilliseconds)
      out.write(syncs)
      out.write(medianMicroseconds)
      out.write(p99Microseconds)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      stalledMilliseconds = try reader.read(UInt32.self)
      syncs = try reader.read(UInt32.self)
      medianMicroseconds = try reader.read(UInt32.self)
      p99Microseconds = try reader.read(UInt32.self)
    }
  }

  public var node: NodeID
  public var incarnation: Incarnation
  public var disk: Disk
  /// Workers that hold replicas of the same partitions, ascending.
  public var peers: [Peer]

  public init(node: NodeID, incarnation: Incarnation, disk: Disk, peers: [Peer]) {
    self.node = node
    self.incarnation = incarnation
    self.disk = disk
    self.peers = peers
  }

  public func write(to out: inout WireWriter) {
    out.write(node.rawValue)
    out.write(incarnation.rawValue)
    disk.write(to: &out)
    out.write(peers)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    node = NodeID(try reader.read(UInt32.self))
    incarnation = Incarnation(try reader.read(UInt64.self))
    disk = try Disk(from: &reader)
    peers = try reader.read([Peer].self, itemSize: Peer.encodedSize, limit: ClusterLimit.nodes)
  }
}
