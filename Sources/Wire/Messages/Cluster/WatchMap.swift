/// Asks for the newest map now, if it is newer than `known`, and for each one to come, on this connection.
/// Every `ClusterMap` sent for it carries the watch's correlation id. Maps in between may be left out.
public struct WatchMap: ClusterMessage {
  public static var kind: FrameKind { .watchMap }

  /// The version that the asker has; `.none` for nothing yet.
  public var known: MapVersion

  public init(known: MapVersion = .none) { self.known = known }

  public func write(to out: inout WireWriter) { out.write(known.rawValue) }

  public init(from reader: inout WireReader) throws(WireError) { known = MapVersion(try reader.read(UInt64.self)) }
}
