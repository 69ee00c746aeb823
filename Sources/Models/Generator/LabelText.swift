/// Labels of generated transactions as CSV: which are fraud, and of which pattern (empty for a genuine one).
public enum LabelText {
  /// With its line end.
  public static let header = "transaction_id,label,pattern\n"

  public static func append(transactionID: RawSpan, pattern: FraudPattern?, to out: inout [UInt8]) {
    out.appendText(bound: 2 * transactionID.byteCount + 64) { cursor in
      cursor.put(cell: transactionID)
      cursor.put(pattern == nil ? ",0," : ",1,")
      if let pattern {
        for byte in pattern.name.utf8 { cursor.put(byte) }
      }
      cursor.put(UInt8(ascii: "\n"))
    }
  }
}
