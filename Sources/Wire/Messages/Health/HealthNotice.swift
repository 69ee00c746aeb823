/// Answers a `HealthReport`. A primary proposes none of these for an in-sync set that is large enough without: the
/// coordinator would refuse.
public struct HealthNotice: ClusterMessage {
  public static var kind: FrameKind { .healthNotice }

  /// Workers that are much slower than the others, ascending.
  public var limping: [NodeID]

  public init(limping: [NodeID]) { self.limping = limping }

  public func write(to out: inout WireWriter) { out.write(nodes: limping) }

  public init(from reader: inout WireReader) throws(WireError) { limping = try reader.readNodes() }
}
