/// The coordinator's view at one moment: the map, and what it knows beyond it.
public struct Status: ClusterMessage {
  public static var kind: FrameKind { .status }

  /// One worker's liveness.
  public struct Node: WireValue {
    public var id: NodeID
    public var state: NodeState
    /// Since the last heartbeat, ms; `UInt64.max` if this coordinator process has heard none.
    public var silenceMilliseconds: UInt64
    /// The map that the worker acts by.
    public var map: MapVersion
    public var diskFree: UInt64
    /// Whether it has loaded the map's candidate, or else the active bundle.
    public var bundleReady: Bool
    /// Why it can't load the candidate, or empty.
    public var bundleProblem: String

    public init(
      id: NodeID, state: NodeState, silenceMilliseconds: UInt64, map: MapVersion, diskFree: UInt64, bundleReady: Bool,
      bundleProblem: String
    ) {
      self.id = id
      self.state = state
      self.silenceMilliseconds = silenceMilliseconds
      self.map = map
      self.diskFree = diskFree
      self.bundleReady = bundleReady
      self.bundleProblem = bundleProblem
    }

    static let encodedSizeMin = 32

    public func write(to out: inout WireWriter) {
      out.write(id.rawValue)
      out.write(state.rawValue)
      out.write(silenceMilliseconds)
      out.write(map.rawValue)
      out.write(diskFree)
      out.write(bundleReady)
      out.write(bundleProblem)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      id = NodeID(try reader.read(UInt32.self))
      state = try reader.read(code: NodeState.self)
      silenceMilliseconds = try reader.read(UInt64.self)
      map = MapVersion(try reader.read(UInt64.self))
      diskFree = try reader.read(UInt64.self)
      bundleReady = try reader.readBool()
      bundleProblem = try reader.readString(limit: ClusterLimit.textLength)
    }
  }

  /// One replica's newest report. Lag = the primary's `end` less this one's.
  public struct Replica: WireValue {
    public var node: NodeID
    public var report: ReplicaReport

    public init(node: NodeID, report: ReplicaReport) {
      self.node = node
      self.report = report
    }

    static let encodedSize = 4 + ReplicaReport.encodedSize

    public func write(to out: inout WireWriter) {
      out.write(node.rawValue)
      report.write(to: &out)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      node = NodeID(try reader.read(UInt32.self))
      report = try ReplicaReport(from: &reader)
    }
  }

  public var map: ClusterMap
  /// As many as the map has, in its order.
  public var nodes: [Node]
  /// Ascending by partition, then node.
  public var replicas: [Replica]
  /// What the cluster waits for, a line each, in words: missing workers, partitions without a primary, an unloadable bundle.
  public var waitingFor: [String]

  public static let waitingMax = 64

  public init(map: ClusterMap, nodes: [Node], replicas: [Replica], waitingFor: [String]) {
    self.map = map
    self.nodes = nodes
    self.replicas = replicas
    self.waitingFor = waitingFor
  }

  public func write(to out: inout WireWriter) {
    map.write(to: &out)
    out.write(nodes)
    out.write(replicas)
    out.write(UInt8(waitingFor.count))
    for line in waitingFor { out.write(line) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    map = try ClusterMap(from: &reader)
    nodes = try reader.read([Node].self, itemSize: Node.encodedSizeMin, limit: ClusterLimit.nodes)
    replicas = try reader.read(
      [Replica].self, itemSize: Replica.encodedSize, limit: ClusterLimit.partitions * ClusterLimit.replicas)
    let at = reader.position
    let count = Int(try reader.read(UInt8.self))
    guard count <= Self.waitingMax else { throw .overLimit(at: at, count, limit: Self.waitingMax) }
    waitingFor = []
    for _ in 0..<count { waitingFor.append(try reader.readString(limit: ClusterLimit.textLength)) }
  }
}
