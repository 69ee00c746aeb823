/// The audit log, oldest first, as far back as the coordinator keeps it.
public struct AuditLog: ClusterMessage {
  public static var kind: FrameKind { .auditLog }

  public var records: [AuditRecord]

  public static let recordsMax = 4_096

  public init(_ records: [AuditRecord]) { self.records = records }

  public func write(to out: inout WireWriter) { out.write(records) }

  public init(from reader: inout WireReader) throws(WireError) {
    records = try reader.read([AuditRecord].self, itemSize: AuditRecord.encodedSizeMin, limit: Self.recordsMax)
  }
}
