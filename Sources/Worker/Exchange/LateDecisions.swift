import Wire

/// Payload of a `decidedLater` log record at the home partition: decisions on intakes that stand before it in the log
/// (X4). One entry of one offset; a decision's own place is its intake's offset.
///
/// ```
/// 0 u32 rows  4 u32 reserved (0)  8 rows: u64 intake's offset each, rising  then u8 slots each: what was not acknowledged yet
///   then a `DecidedBatch` of as many rows, features of all entities in it
/// ```
/// The transactions are in it once more, so that whoever delivers decisions needs no other record.
public struct LateDecisions: ~Escapable {
  public static var rowsMax: Int { 65_535 }

  public let batch: DecidedBatch
  let bytes: RawSpan

  @_lifetime(copy payload)
  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    let rows = Int(try reader.read(UInt32.self))
    guard rows >= 1, rows <= Self.rowsMax else { throw .overLimit(at: 0, rows, limit: Self.rowsMax) }
    guard try reader.read(UInt32.self) == 0 else { throw .invalid(at: 4, "reserved bytes are not 0") }
    guard reader.remaining >= rows * 9 else { throw .truncated(at: 8, needed: rows * 9 - reader.remaining) }
    bytes = payload
    batch = try DecidedBatch(reading: payload.extracting((8 + rows * 9)...), rowCount: rows)
    for row in 0..<rows {
      if row > 0, offset(row) <= offset(row - 1) { throw .invalid(at: 8 + row * 8, "intakes are out of order") }
      guard owed(row).isSubset(of: .foreign) else { throw .invalid(at: 8 + rows * 8 + row, "no such entities") }
    }
  }

  public var rowCount: Int { batch.rowCount }

  public func offset(_ row: Int) -> Offset {
    Offset(UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8 + row * 8, as: UInt64.self)))
  }

  public func owed(_ row: Int) -> EntitySlots {
    EntitySlots(rawValue: bytes.unsafeLoad(fromByteOffset: 8 + batch.rowCount * 8 + row, as: UInt8.self))
  }

  /// Bytes in front of the batch.
  public static func prefixSize(rowCount: Int) -> Int { 8 + rowCount * 9 }

  /// What stands in front of the batch.
  public static func writePrefix(_ rows: [(offset: Offset, owed: EntitySlots)], to out: inout WireWriter) {
    out.write(UInt32(rows.count))
    out.write(0 as UInt32)
    for row in rows { out.write(row.offset.rawValue) }
    for row in rows { out.write(row.owed.rawValue) }
  }
}
