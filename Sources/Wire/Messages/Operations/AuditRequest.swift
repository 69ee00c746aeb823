/// Asks the coordinator for its audit log. The answer is an `AuditLog`.
public struct AuditRequest: ClusterMessage {
  public static var kind: FrameKind { .auditRequest }

  public init() {}

  public func write(to out: inout WireWriter) {}

  public init(from reader: inout WireReader) throws(WireError) {}
}
