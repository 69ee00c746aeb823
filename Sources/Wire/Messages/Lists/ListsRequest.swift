/// Asks the coordinator for its hot items. The answer is a `Lists`.
public struct ListsRequest: ClusterMessage {
  public static var kind: FrameKind { .listsRequest }

  public init() {}

  public func write(to out: inout WireWriter) {}

  public init(from reader: inout WireReader) throws(WireError) {}
}
