/// What the coordinator believes of a worker. `alive` and `gone` are recorded; the others last seconds and stand only
/// in `Status`.
public enum NodeState: UInt8, Sendable, CaseIterable {
  /// Accepted, and no heartbeat since.
  case joined = 1
  case alive = 2
  /// Its connection closed or half its lease has passed; a probe is under way.
  case suspect = 3
  /// Its lease has passed, or a probe found nothing. It keeps its number and comes back by joining.
  case gone = 4
}

/// One worker in the cluster map.
public struct NodeRecord: WireValue {
  public var id: NodeID
  /// The operator's name for it, unique in the cluster.
  public var name: String
  /// `host:port` of the data listener (frames).
  public var address: String
  /// `host:port` of the HTTP listener, or empty.
  public var httpAddress: String
  /// Failure domain: replicas of a partition are spread over zones. May be empty.
  public var zone: String
  /// The disk that the node runs on now; another one takes its roles away (R1).
  public var storage: StorageID
  public var incarnation: Incarnation
  public var state: NodeState
  /// Takes no new role, and hands over those it has.
  public var draining: Bool

  public init(
    id: NodeID, name: String, address: String, httpAddress: String = "", zone: String = "", storage: StorageID,
    incarnation: Incarnation, state: NodeState = .alive, draining: Bool = false
  ) {
    self.id = id
    self.name = name
    self.address = address
    self.httpAddress = httpAddress
    self.zone = zone
    self.storage = storage
    self.incarnation = incarnation
    self.state = state
    self.draining = draining
  }

  /// The node as it is now, for a partition's record.
  public var member: Member { Member(node: id, storage: storage, incarnation: incarnation) }

  static let encodedSizeMin = 4 + 4 * 2 + 16 + 8 + 2

  public func write(to out: inout WireWriter) {
    out.write(id.rawValue)
    out.write(name)
    out.write(address)
    out.write(httpAddress)
    out.write(zone)
    out.write(storage)
    out.write(incarnation.rawValue)
    out.write(state.rawValue)
    out.write(draining)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    id = NodeID(try reader.read(UInt32.self))
    name = try reader.readString(limit: ClusterLimit.nameLength)
    address = try reader.readString(limit: ClusterLimit.addressLength)
    httpAddress = try reader.readString(limit: ClusterLimit.addressLength)
    zone = try reader.readString(limit: ClusterLimit.nameLength)
    storage = try reader.read(id: StorageID.self)
    incarnation = Incarnation(try reader.read(UInt64.self))
    state = try reader.read(code: NodeState.self)
    draining = try reader.readBool()
  }
}
