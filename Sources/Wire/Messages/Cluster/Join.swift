/// A worker's first message to the coordinator, on every new connection.
public struct Join: ClusterMessage {
  public static var kind: FrameKind { .join }

  /// The newest record of one partition that the worker has persisted (R2). A coordinator whose own record is older
  /// runs on a restored store, and must not elect.
  public struct SeenRecord: WireValue {
    public var partition: PartitionID
    public var epoch: Epoch
    public var version: RecordVersion

    public init(partition: PartitionID, epoch: Epoch, version: RecordVersion) {
      self.partition = partition
      self.epoch = epoch
      self.version = version
    }

    static let encodedSize = 20

    public func write(to out: inout WireWriter) {
      out.write(partition.rawValue)
      out.write(epoch.rawValue)
      out.write(version.rawValue)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      partition = PartitionID(try reader.read(UInt32.self))
      epoch = Epoch(try reader.read(UInt64.self))
      version = RecordVersion(try reader.read(UInt64.self))
    }
  }

  /// The cluster this disk belongs to; `.none` on a fresh disk.
  public var cluster: ClusterID
  public var name: String
  /// `host:port` at which other nodes and clients reach the data listener.
  public var address: String
  /// `host:port` of the HTTP listener, or empty.
  public var httpAddress: String
  public var zone: String
  public var storage: StorageID
  public var incarnation: Incarnation
  /// The oldest incarnation from which everything on this disk has been kept: each stop since was clean and fsynced.
  /// Equal to `incarnation` after a crash. Counts under `durability: replicated` only (R6).
  public var intactSince: Incarnation
  /// Build of the worker, for people.
  public var build: String
  /// Ascending by partition.
  public var seen: [SeenRecord]

  public init(
    cluster: ClusterID, name: String, address: String, httpAddress: String = "", zone: String = "", storage: StorageID,
    incarnation: Incarnation, intactSince: Incarnation, build: String = "", seen: [SeenRecord] = []
  ) {
    self.cluster = cluster
    self.name = name
    self.address = address
    self.httpAddress = httpAddress
    self.zone = zone
    self.storage = storage
    self.incarnation = incarnation
    self.intactSince = intactSince
    self.build = build
    self.seen = seen
  }

  public func write(to out: inout WireWriter) {
    out.write(cluster)
    out.write(name)
    out.write(address)
    out.write(httpAddress)
    out.write(zone)
    out.write(storage)
    out.write(incarnation.rawValue)
    out.write(intactSince.rawValue)
    out.write(build)
    out.write(seen)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    cluster = try reader.read(id: ClusterID.self)
    let start = reader.position
    name = try reader.readString(limit: ClusterLimit.nameLength)
    guard !name.isEmpty else { throw .invalid(at: start, "a worker has a name") }
    address = try reader.readString(limit: ClusterLimit.addressLength)
    httpAddress = try reader.readString(limit: ClusterLimit.addressLength)
    zone = try reader.readString(limit: ClusterLimit.nameLength)
    storage = try reader.read(id: StorageID.self)
    let incarnations = reader.position
    incarnation = Incarnation(try reader.read(UInt64.self))
    intactSince = Incarnation(try reader.read(UInt64.self))
    guard !storage.isNone, incarnation.rawValue > 0, intactSince <= incarnation else {
      throw .invalid(at: incarnations, "a worker has a storage id, and incarnations from 1")
    }
    build = try reader.readString(limit: ClusterLimit.nameLength)
    seen = try reader.read([SeenRecord].self, itemSize: SeenRecord.encodedSize, limit: ClusterLimit.partitions)
  }
}
