/// What one transaction contributes to the entities of one partition. Its identity is (home partition, offset, slot),
/// with the home partition named beside it (X1).
///
/// ```
/// 0 u64 offset  8 u8 slots; bit 7: a label follows  9 transaction record, whose first two bytes are its length
/// then, with bit 7, a `Label`
/// ```
public struct ContributionItem: Equatable, Sendable {
  public static var encodedSizeMin: Int { 9 + TransactionView.fixedSize }

  /// Of the transaction's intake, in its home partition's log.
  public var offset: Offset
  /// At least one.
  public var slots: EntitySlots
  /// A transaction record that has passed the schema. Those of one message share their memory.
  public var transaction: ArraySlice<UInt8>
  /// Where it is no event, but a label of one that the entities have had before. Its own offset is what identifies it.
  public var label: Label?

  private static var labelBit: UInt8 { 0x80 }

  public init(offset: Offset, slots: EntitySlots, transaction: [UInt8], label: Label? = nil) {
    self.init(offset: offset, slots: slots, transaction: transaction[...], label: label)
  }

  public init(offset: Offset, slots: EntitySlots, transaction: ArraySlice<UInt8>, label: Label? = nil) {
    self.offset = offset
    self.slots = slots
    self.transaction = transaction
    self.label = label
  }

  public var encodedSize: Int { 9 + transaction.count + (label == nil ? 0 : Label.encodedSize) }

  public func write(to out: inout WireWriter) {
    out.write(offset.rawValue)
    out.write(slots.rawValue | (label == nil ? 0 : Self.labelBit))
    transaction.withUnsafeBytes { out.write(raw: $0) }
    label?.write(to: &out)
  }

  /// `bytes` is what the reader reads.
  @_lifetime(reader: copy reader)
  public init(from reader: inout WireReader, of bytes: [UInt8]) throws(WireError) {
    offset = Offset(try reader.read(UInt64.self))
    let at = reader.position
    let bits = try reader.read(UInt8.self)
    slots = EntitySlots(rawValue: bits & ~Self.labelBit)
    guard !slots.isEmpty, slots.isSubset(of: .foreign) else { throw .invalid(at: at, "no such entities") }
    let start = reader.position
    try Self.skipTransaction(&reader)
    transaction = bytes[start..<reader.position]
    let missing = transaction.withUnsafeBytes { bytes in
      TransactionView(trusted: RawSpan(_unsafeBytes: bytes)).present(slots) != slots
    }
    if missing { throw .invalid(at: at, "a contribution to an entity that the transaction does not have") }
    label = bits & Self.labelBit == 0 ? nil : try Label(from: &reader)
  }

  /// A whole transaction record; its length is believed only as far as there are bytes, its parts as far as it goes.
  @_lifetime(reader: copy reader)
  public static func readTransaction(_ reader: inout WireReader) throws(WireError) -> [UInt8] {
    let at = reader.position
    var copy = reader
    try skipTransaction(&reader)
    return try copy.readRaw(reader.position - at).withUnsafeBytes { [UInt8]($0) }
  }

  @_lifetime(reader: copy reader)
  private static func skipTransaction(_ reader: inout WireReader) throws(WireError) {
    let at = reader.position
    let low = try reader.read(UInt8.self)
    let high = try reader.read(UInt8.self)
    let length = Int(low) | Int(high) << 8
    guard length >= TransactionView.fixedSize, length <= TransactionView.sizeMax else {
      throw .invalid(at: at, "a transaction record has \(TransactionView.fixedSize) to \(TransactionView.sizeMax) bytes")
    }
    let rest = try reader.readRaw(length - 2)
    let parts = rest.withUnsafeBytes { rest in
      // The record's bytes 5 and 28 to 33.
      (26..<32).reduce(TransactionView.fixedSize + Int(rest[3])) { $0 + Int(rest[$1]) }
    }
    guard parts <= length else { throw .invalid(at: at, "a transaction's tokens overrun it") }
  }
}
