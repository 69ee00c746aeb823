/// Asks the coordinator how the workers do.
public struct HealthRequest: ClusterMessage {
  public static var kind: FrameKind { .healthRequest }
  public init() {}
  public func write(to out: inout WireWriter) {}
  public init(from reader: inout WireReader) throws(WireError) {}
}

/// What the coordinator takes a worker for, beyond its being there. Lasts seconds, and stands in no record.
public enum NodeCondition: UInt8, Sendable, CaseIterable {
  case well = 1
  /// The log's disk gives no answer: it leads nothing, and no commit waits for it.
  case stalled = 2
  /// Its disk is much slower than the others': it leads nothing that another can lead, and no commit waits for it where
  /// enough others are in sync.
  case slowDisk = 3
  /// Its network is.
  case slowNetwork = 4
}

/// Answers `HealthRequest`.
public struct HealthStatus: ClusterMessage {
  public static var kind: FrameKind { .healthStatus }

  /// One worker.
  public struct Node: WireValue {
    public var id: NodeID
    public var condition: NodeCondition
    /// For how long it has been in it, ms; `UInt64.max` for as long as this coordinator knows it.
    public var sinceMilliseconds: UInt64
    public var disk: HealthReport.Disk
    /// Median over its links, microseconds; 0 where nothing was measured.
    public var roundTripMicroseconds: UInt32
    /// Workers that it can't reach, or that can't reach it.
    public var cutFrom: [NodeID]

    public init(
      id: NodeID, condition: NodeCondition, sinceMilliseconds: UInt64, disk: HealthReport.Disk, roundTripMicroseconds: UInt32,
      cutFrom: [NodeID]
    ) {
      self.id = id
      self.condition = condition
      self.sinceMilliseconds = sinceMilliseconds
      self.disk = disk
      self.roundTripMicroseconds = roundTripMicroseconds
      self.cutFrom = cutFrom
    }

    static let encodedSizeMin = 4 + 1 + 8 + 16 + 4 + 4

    public func write(to out: inout WireWriter) {
      out.write(id.rawValue)
      out.write(condition.rawValue)
      out.write(sinceMilliseconds)
      disk.write(to: &out)
      out.write(roundTripMicroseconds)
      out.write(nodes: cutFrom)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      id = NodeID(try reader.read(UInt32.self))
      condition = try reader.read(code: NodeCondition.self)
      sinceMilliseconds = try reader.read(UInt64.self)
      disk = try HealthReport.Disk(from: &reader)
      roundTripMicroseconds = try reader.read(UInt32.self)
      cutFrom = try reader.readNodes()
    }
  }

  /// Ascending; as many as the map has.
  public var nodes: [Node]

  public init(nodes: [Node]) { self.nodes = nodes }

  public func write(to out: inout WireWriter) { out.write(nodes) }

  public init(from reader: inout WireReader) throws(WireError) {
    nodes = try reader.read([Node].self, itemSize: Node.encodedSizeMin, limit: ClusterLimit.nodes)
  }
}
