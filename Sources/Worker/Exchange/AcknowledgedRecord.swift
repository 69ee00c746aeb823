import Wire

/// Payload of an `acknowledged` log record at the home partition: contributions whose replies came after the decision
/// (X4). One entry of one offset.
///
/// ```
/// 0 u32 rows, then each: u64 intake's offset, u8 slots
/// ```
public struct AcknowledgedRecord: Equatable, Sendable {
  public struct Row: Equatable, Sendable {
    public var offset: Offset
    public var slots: EntitySlots

    public init(offset: Offset, slots: EntitySlots) {
      self.offset = offset
      self.slots = slots
    }
  }

  static let rowsMax = 65_536

  public var rows: [Row]

  public init(rows: [Row]) { self.rows = rows }

  public func write(to out: inout WireWriter) {
    out.write(UInt32(rows.count))
    for row in rows {
      out.write(row.offset.rawValue)
      out.write(row.slots.rawValue)
    }
  }

  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    rows = []
    for _ in 0..<(try reader.readCount(itemSize: 9, limit: Self.rowsMax)) {
      let offset = Offset(try reader.read(UInt64.self))
      let slots = EntitySlots(rawValue: try reader.read(UInt8.self))
      guard !slots.isEmpty, slots.isSubset(of: .foreign) else { throw .invalid(at: reader.position - 1, "no such entities") }
      rows.append(Row(offset: offset, slots: slots))
    }
    try reader.finish()
  }
}
