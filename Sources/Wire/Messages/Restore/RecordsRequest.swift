/// A coordinator whose store was restored from a backup asks a worker what it has on record (R2). Until every copy's worker has told,
/// nothing is elected and no map is told.
public struct RecordsRequest: ClusterMessage {
  public static var kind: FrameKind { .recordsRequest }

  /// How often the store has been restored.
  public var restores: UInt32

  public init(restores: UInt32) { self.restores = restores }

  public func write(to out: inout WireWriter) { out.write(restores) }

  public init(from reader: inout WireReader) throws(WireError) { restores = try reader.read(UInt32.self) }
}
