/// Asks for the newest map, once. The answer is a `ClusterMap`, whatever version the asker has.
public struct MapRequest: ClusterMessage {
  public static var kind: FrameKind { .mapRequest }

  public init() {}

  public func write(to out: inout WireWriter) {}
  public init(from reader: inout WireReader) throws(WireError) {}
}
