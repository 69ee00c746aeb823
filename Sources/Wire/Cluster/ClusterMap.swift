/// Everything that a worker or a client needs to find its way: who is there, and who has what. One version, one map.
public struct ClusterMap: ClusterMessage {
  public static var kind: FrameKind { .clusterMap }

  public var cluster: ClusterID
  /// The metadata store's revision at which this map was made; a higher one replaces a lower one.
  public var version: MapVersion
  public var settings: ClusterSettings
  /// Ascending by id.
  public var nodes: [NodeRecord]
  /// Ascending by range. Empty until the first workers have joined, then they tile the key space.
  public var partitions: [PartitionRecord]
  /// The bundle that decides, once each primary has logged the switch.
  public var activeBundle: BundleID?
  /// The one that decided before; a roll-back goes there.
  public var previousBundle: BundleID?
  /// Published, and to become active as soon as every in-sync worker reports it loaded (S1). Load it now.
  public var candidateBundle: BundleID?

  public init(
    cluster: ClusterID, version: MapVersion, settings: ClusterSettings, nodes: [NodeRecord] = [],
    partitions: [PartitionRecord] = [], activeBundle: BundleID? = nil, previousBundle: BundleID? = nil,
    candidateBundle: BundleID? = nil
  ) {
    self.cluster = cluster
    self.version = version
    self.settings = settings
    self.nodes = nodes
    self.partitions = partitions
    self.activeBundle = activeBundle
    self.previousBundle = previousBundle
    self.candidateBundle = candidateBundle
  }

  public func write(to out: inout WireWriter) {
    out.write(cluster)
    out.write(version.rawValue)
    settings.write(to: &out)
    out.write(nodes)
    out.write(partitions)
    for bundle in [activeBundle, previousBundle, candidateBundle] { out.write(bundle ?? .none) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    cluster = try reader.read(id: ClusterID.self)
    version = MapVersion(try reader.read(UInt64.self))
    settings = try ClusterSettings(from: &reader)
    nodes = try reader.read([NodeRecord].self, itemSize: NodeRecord.encodedSizeMin, limit: ClusterLimit.nodes)
    partitions = try reader.read(
      [PartitionRecord].self, itemSize: PartitionRecord.encodedSizeMin, limit: ClusterLimit.partitions)
    activeBundle = try Self.readBundle(from: &reader)
    previousBundle = try Self.readBundle(from: &reader)
    candidateBundle = try Self.readBundle(from: &reader)
    if let problem { throw WireError.invalid(at: start, problem) }
  }

  private static func readBundle(from reader: inout WireReader) throws(WireError) -> BundleID? {
    let id = try reader.read(id: BundleID.self)
    return id.isNone ? nil : id
  }
}
