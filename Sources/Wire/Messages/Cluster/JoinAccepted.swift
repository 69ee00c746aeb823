/// The coordinator's yes to `Join`; a no is a `failure`. The map follows on the same connection, and every later one:
/// a worker that has joined watches.
public struct JoinAccepted: ClusterMessage {
  public static var kind: FrameKind { .joinAccepted }

  /// To be persisted with the disk: it belongs to this cluster from now on.
  public var cluster: ClusterID
  public var node: NodeID
  public var settings: ClusterSettings

  public init(cluster: ClusterID, node: NodeID, settings: ClusterSettings) {
    self.cluster = cluster
    self.node = node
    self.settings = settings
  }

  public func write(to out: inout WireWriter) {
    out.write(cluster)
    out.write(node.rawValue)
    settings.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    cluster = try reader.read(id: ClusterID.self)
    node = NodeID(try reader.read(UInt32.self))
    settings = try ClusterSettings(from: &reader)
  }
}
