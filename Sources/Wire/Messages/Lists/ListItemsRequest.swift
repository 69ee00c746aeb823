/// A worker asks for the hot items that are newer than those it knows. The answer is a `ListItems`.
public struct ListItemsRequest: ClusterMessage {
  public static var kind: FrameKind { .listItemsRequest }

  /// The version that it has; 0 for nothing.
  public var since: UInt64

  public init(since: UInt64) { self.since = since }

  public func write(to out: inout WireWriter) { out.write(since) }

  public init(from reader: inout WireReader) throws(WireError) { since = try reader.read(UInt64.self) }
}
