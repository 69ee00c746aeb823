/// The coordinator is there and takes this worker for alive. A heartbeat of a worker it takes for gone, or of another
/// incarnation, is answered by a `failure`; the worker joins again.
public struct HeartbeatAccepted: ClusterMessage {
  public static var kind: FrameKind { .heartbeatAccepted }

  /// The newest map; a worker that has an older one and no push under way asks by `MapRequest`.
  public var map: MapVersion
  /// Of the hot items of lists; a worker that has an older one asks by `ListItemsRequest`. 0 where there never were any, and then left out.
  public var lists: UInt64

  public init(map: MapVersion, lists: UInt64 = 0) {
    self.map = map
    self.lists = lists
  }

  public func write(to out: inout WireWriter) {
    out.write(map.rawValue)
    if lists > 0 { out.write(lists) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    map = MapVersion(try reader.read(UInt64.self))
    guard reader.remaining > 0 else {
      lists = 0
      return
    }
    lists = try reader.read(UInt64.self)
    // One way to write each message.
    guard lists > 0 else { throw WireError.invalid(at: reader.position - 8, "a list version of 0 is left out") }
  }
}
