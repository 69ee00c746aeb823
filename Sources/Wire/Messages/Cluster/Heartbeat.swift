/// A worker's sign of life, every `heartbeatMilliseconds`, and how its replicas do.
public struct Heartbeat: ClusterMessage {
  public static var kind: FrameKind { .heartbeat }

  public var node: NodeID
  public var incarnation: Incarnation
  /// The map that the worker acts by.
  public var map: MapVersion
  /// Bundles loaded, verified and ready to decide (S1). At most 8.
  public var bundles: [BundleID]
  /// Why the map's candidate bundle can't be loaded, or empty.
  public var bundleProblem: String
  /// Bytes left on the log's disk; 0 while that is too full to take transactions.
  public var diskFree: UInt64
  /// Of this worker's replicas, ascending by partition. May be left out (empty) in most heartbeats.
  public var replicas: [ReplicaReport]

  public static let bundlesMax = 8

  public init(
    node: NodeID, incarnation: Incarnation, map: MapVersion, bundles: [BundleID] = [], bundleProblem: String = "",
    diskFree: UInt64 = 0, replicas: [ReplicaReport] = []
  ) {
    self.node = node
    self.incarnation = incarnation
    self.map = map
    self.bundles = bundles
    self.bundleProblem = bundleProblem
    self.diskFree = diskFree
    self.replicas = replicas
  }

  public func write(to out: inout WireWriter) {
    out.write(node.rawValue)
    out.write(incarnation.rawValue)
    out.write(map.rawValue)
    out.write(UInt8(bundles.count))
    for bundle in bundles { out.write(bundle) }
    out.write(bundleProblem)
    out.write(diskFree)
    out.write(replicas)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    node = NodeID(try reader.read(UInt32.self))
    incarnation = Incarnation(try reader.read(UInt64.self))
    map = MapVersion(try reader.read(UInt64.self))
    let at = reader.position
    let count = Int(try reader.read(UInt8.self))
    guard count <= Self.bundlesMax else { throw .overLimit(at: at, count, limit: Self.bundlesMax) }
    bundles = []
    for _ in 0..<count { bundles.append(try reader.read(id: BundleID.self)) }
    bundleProblem = try reader.readString(limit: ClusterLimit.textLength)
    diskFree = try reader.read(UInt64.self)
    replicas = try reader.read([ReplicaReport].self, itemSize: ReplicaReport.encodedSize, limit: ClusterLimit.partitions)
  }
}
