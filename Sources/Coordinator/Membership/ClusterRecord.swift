import Wire

/// What was settled when the cluster was founded.
public struct ClusterRecord: WireValue {
  public var id: ClusterID
  /// The operator's name for the cluster; a coordinator that is configured for another one does not start on this store.
  public var name: String
  /// How often the store has been restored from a copy: the high half of every epoch (R2).
  public var restores: UInt32

  public init(id: ClusterID, name: String, restores: UInt32 = 0) {
    self.id = id
    self.name = name
    self.restores = restores
  }

  /// No more than this, so that no number runs out.
  static let restoresMax: UInt32 = 2_000
  /// Ids and revisions given since the backup was taken are not known: each restore goes on far above them (R2).
  var revisionMin: UInt64 { UInt64(restores) << 40 }
  var partitionsFrom: UInt32 { max(1, restores << 20) }
  var operationsFrom: UInt32 { max(1, restores << 20) }
  var nodesFrom: UInt32 { max(1, restores << 16) }
  /// The last list version that may have been given before the restore.
  var listVersionsAbove: UInt64 { UInt64(restores) << 40 }
  var transfersFrom: UInt64 { max(1, UInt64(restores) << 40) }

  public func write(to out: inout WireWriter) {
    out.write(id.high)
    out.write(id.low)
    out.write(name)
    out.write(restores)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    id = ClusterID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    name = try reader.readString()
    restores = try reader.read(UInt32.self)
    guard !id.isNone else { throw .invalid(at: 0, "a cluster has an id") }
  }
}
