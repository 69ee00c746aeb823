/// The coordinator is there and takes this worker for alive. A heartbeat of a worker it takes for gone, or of another
/// incarnation, is answered by a `failure`; the worker joins again.
public struct HeartbeatAccepted: ClusterMessage {
  public static var kind: FrameKind { .heartbeatAccepted }

  /// The newest map; a worker that has an older one and no push under way asks by `MapRequest`.
  public var map: MapVersion

  public init(map: MapVersion) { self.map = map }

  public func write(to out: inout WireWriter) { out.write(map.rawValue) }

  public init(from reader: inout WireReader) throws(WireError) { map = MapVersion(try reader.read(UInt64.self)) }
}
