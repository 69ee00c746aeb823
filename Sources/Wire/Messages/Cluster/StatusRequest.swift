/// Asks how the cluster does, for people and monitors. The answer is a `Status`.
public struct StatusRequest: ClusterMessage {
  public static var kind: FrameKind { .statusRequest }

  public init() {}

  public func write(to out: inout WireWriter) {}
  public init(from reader: inout WireReader) throws(WireError) {}
}
