import Wire

extension HomeLedger {
  /// Bounds what a snapshot may say, before anything is allocated.
  static let intakesMax = 1 << 24

  /// ```
  /// u32 intakes, then each: u64 offset, u32 bundle, u8 owed slots, u8 kind (0 decided, 1 undecided, 2 label),
  ///   where undecided: u8 decision flags, u16 features, f64 each;  for a label: the `Label`;  then the transaction record
  /// ```
  public func write(to out: inout WireWriter) {
    out.write(UInt32(count))
    for intake in unfinished {
      out.write(intake.offset.rawValue)
      out.write(intake.bundle)
      out.write(intake.owed.rawValue)
      out.write((intake.label != nil ? 2 : intake.isDecided ? 0 : 1) as UInt8)
      intake.label?.write(to: &out)
      if let pending = intake.pending {
        out.write(pending.flags.rawValue)
        out.write(UInt16(pending.row.count))
        for value in pending.row { out.write(value) }
      }
      intake.transaction.withUnsafeBytes { out.write(raw: $0) }
    }
  }

  @_lifetime(reader: copy reader)
  public init(from reader: inout WireReader) throws(WireError) {
    self.init()
    var last: Offset?
    for _ in 0..<(try reader.readCount(itemSize: 14 + TransactionView.fixedSize, limit: Self.intakesMax)) {
      let at = reader.position
      let offset = Offset(try reader.read(UInt64.self))
      let bundle = try reader.read(UInt32.self)
      let owed = EntitySlots(rawValue: try reader.read(UInt8.self))
      let kind = try reader.read(UInt8.self)
      guard kind <= 2 else { throw .invalid(at: reader.position - 1, "an intake is decided, undecided or a label") }
      let pending = kind == 1 ? try Self.readPending(&reader) : nil
      let label = kind == 2 ? try Label(from: &reader) : nil
      if let last, offset <= last { throw .invalid(at: at, "intakes are out of order") }
      guard owed.isSubset(of: .foreign), pending != nil || !owed.isEmpty else {
        throw .invalid(at: at, "an intake that nothing is open of")
      }
      let transaction = try ContributionItem.readTransaction(&reader)
      let intake = Intake(offset: offset, bundle: bundle, owed: owed, pending: pending, transaction: transaction, label: label)
      let isWhole = transaction.withUnsafeBytes { TransactionView(trusted: RawSpan(_unsafeBytes: $0)).present(owed) == owed }
      guard isWhole else { throw .invalid(at: at, "an intake owes to an entity that it does not have") }
      take(intake)
      last = offset
    }
  }

  /// What is open, in parts of about `aim` bytes; at least one.
  func parts(_ aim: Int) -> [HomeLedger] {
    var parts = [HomeLedger()]
    for intake in unfinished {
      if parts[parts.count - 1].bytes >= aim { parts.append(HomeLedger()) }
      parts[parts.count - 1].take(intake)
    }
    return parts
  }

  /// Takes the next part; answers whether it is the next.
  mutating func append(_ part: HomeLedger) -> Bool {
    for intake in part.unfinished {
      guard newest.map({ $0 < intake.offset }) ?? true else { return false }
      take(intake)
    }
    return true
  }

  @_lifetime(reader: copy reader)
  private static func readPending(_ reader: inout WireReader) throws(WireError) -> Pending {
    let flags = Decision.Flags(rawValue: try reader.read(UInt8.self))
    let width = Int(try reader.read(UInt16.self))
    guard reader.remaining >= width * 8 else { throw .truncated(at: reader.position, needed: width * 8 - reader.remaining) }
    var row: [Double] = []
    row.reserveCapacity(width)
    for _ in 0..<width { row.append(try reader.readDouble()) }
    return Pending(row: row, flags: flags)
  }

  /// Equal for replicas that applied the same entries.
  public func digest() -> UInt64 {
    var out = WireWriter(capacity: 64 + bytes)
    write(to: &out)
    return out.bytes.withUnsafeBytes { hash64($0, seed: 0) }
  }
}
