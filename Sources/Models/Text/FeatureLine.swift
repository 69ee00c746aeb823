import Wire

/// A transaction's feature values as one line of a training set. Values are written so that they are read back to the last bit.
public enum FeatureLine {
  /// CSV: id, time, card, values, label; a missing value is an empty cell. NDJSON: the same by names; a missing value is null.
  public static func append(
    _ view: TransactionView, names: [String], _ values: Span<Double>, isFraud: Bool?, asCSV: Bool, to out: inout [UInt8]
  ) {
    let (id, card, time) = (view.id, view.card, view.eventTime)
    let bound = 128 + 6 * (id.byteCount + card.byteCount) + values.count * 40 + (asCSV ? 0 : names.reduce(0) { $0 + $1.utf8.count + 4 })
    out.appendText(bound: bound) { cursor in
      if asCSV {
        cursor.put(cell: id)
        cursor.put(UInt8(ascii: ","))
        cursor.put(bareInstant: time)
        cursor.put(UInt8(ascii: ","))
        cursor.put(cell: card)
        for index in 0..<values.count {
          cursor.put(UInt8(ascii: ","))
          if values[index].isFinite { cursor.put(shortest: values[index]) }
        }
        if let isFraud { cursor.put(isFraud ? ",1" : ",0") }
      } else {
        cursor.put("{\"transaction_id\":")
        cursor.put(quoted: id)
        cursor.put(",\"event_time\":")
        cursor.put(instant: time)
        cursor.put(",\"card\":")
        cursor.put(quoted: card)
        cursor.put(",\"features\":{")
        for index in 0..<values.count {
          if index > 0 { cursor.put(UInt8(ascii: ",")) }
          cursor.put(UInt8(ascii: "\""))
          for byte in names[index].utf8 { cursor.put(byte) }
          cursor.put("\":")
          cursor.put(shortest: values[index])
        }
        cursor.put(UInt8(ascii: "}"))
        if let isFraud { cursor.put(isFraud ? ",\"label\":1" : ",\"label\":0") }
        cursor.put(UInt8(ascii: "}"))
      }
      cursor.put("\n")
    }
  }
}
