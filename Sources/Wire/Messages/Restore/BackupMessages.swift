/// Asks a coordinator for the contents of its store, as of one revision. The answer is a `BackupContent`.
public struct BackupRequest: ClusterMessage {
  public static var kind: FrameKind { .backupRequest }

  public init() {}
  public func write(to out: inout WireWriter) {}
  public init(from reader: inout WireReader) throws(WireError) {}
}

/// A backup's file (the coordinator's `BackupFile`) whose bundles have no contents yet: each is asked for by itself.
public struct BackupContent: ClusterMessage {
  public static var kind: FrameKind { .backupContent }

  public var file: [UInt8]

  public init(file: [UInt8]) { self.file = file }

  public func write(to out: inout WireWriter) { out.write(block: file) }

  public init(from reader: inout WireReader) throws(WireError) { file = try reader.readBlock(limit: FrameHeader.payloadMax) }
}
