import Wire

/// Payload of a `labels` log record at the home partition: labels that hold from here on, each of one offset (X).
///
/// ```
/// 0 u32 rows, then each: the transaction record as it was labelled, its `Label`
/// ```
/// Without rows it stands for one offset and changes nothing: that it commits is what lets the primary say that a transaction is
/// unknown, or a label too old (R10).
public struct LabelsRecord: Equatable, Sendable {
  public struct Row: Equatable, Sendable {
    public var transaction: [UInt8]
    public var label: Label

    public init(transaction: [UInt8], label: Label) {
      self.transaction = transaction
      self.label = label
    }
  }

  public var rows: [Row]

  public init(rows: [Row]) { self.rows = rows }

  /// Offsets of the record.
  public var count: Int { max(1, rows.count) }

  public func write(to out: inout WireWriter) {
    out.write(UInt32(rows.count))
    for row in rows {
      row.transaction.withUnsafeBytes { out.write(raw: $0) }
      row.label.write(to: &out)
    }
  }

  /// Trusts what the record's checksum has proven, but never a length.
  public init(reading payload: RawSpan, count: Int) throws(WireError) {
    var reader = WireReader(payload)
    let rowCount = try reader.readCount(itemSize: TransactionView.fixedSize + Label.encodedSize, limit: 65_535)
    rows = []
    rows.reserveCapacity(rowCount)
    for _ in 0..<rowCount {
      let transaction = try ContributionItem.readTransaction(&reader)
      rows.append(Row(transaction: transaction, label: try Label(from: &reader)))
    }
    try reader.finish()
    guard self.count == count else { throw .invalid(at: 0, "\(rowCount) labels in a record of \(count) offsets") }
  }
}
