import Wire

/// Payload of a `forgotten` log record at the entities' partition: homes that stand in no map any more (X5).
///
/// ```
/// 0 u64 map version  8 u32 homes, then u32 each in rising order
/// ```
public struct ForgottenRecord: Equatable, Sendable {
  static let homesMax = 65_536

  public var map: MapVersion
  public var homes: [PartitionID]

  public init(map: MapVersion, homes: [PartitionID]) {
    self.map = map
    self.homes = homes
  }

  public func write(to out: inout WireWriter) {
    out.write(map.rawValue)
    out.write(UInt32(homes.count))
    for home in homes { out.write(home.rawValue) }
  }

  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    map = MapVersion(try reader.read(UInt64.self))
    homes = []
    for _ in 0..<(try reader.readCount(itemSize: 4, limit: Self.homesMax)) {
      let home = PartitionID(try reader.read(UInt32.self))
      if let last = homes.last, home <= last { throw .invalid(at: reader.position - 4, "homes are out of order") }
      homes.append(home)
    }
    try reader.finish()
  }
}
