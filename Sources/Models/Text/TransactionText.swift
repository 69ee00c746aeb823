import Wire

/// Transaction records as NDJSON lines and CSV rows, under the canonical field names: what `TransactionJSON` and
/// `TransactionCSV` read gives the same record again.
public struct TransactionText: Sendable {
  private let extraFields: [ExtraFieldSpec]
  private let extraKeys: [[UInt8]]

  public init(extraFields: [ExtraFieldSpec] = []) {
    self.extraFields = extraFields
    extraKeys = extraFields.map { spec in
      let name = Array(spec.name.utf8)
      var key: [UInt8] = []
      key.appendText(bound: 6 * name.count + 4) {
        $0.put(UInt8(ascii: ","))
        $0.put(quoted: name.span.bytes)
        $0.put(UInt8(ascii: ":"))
      }
      return key
    }
  }

  /// Columns of the CSV form, extra fields last.
  public var csvColumns: [String] {
    [
      "transaction_id", "event_time", "amount", "currency", "card", "customer", "merchant", "mcc", "terminal",
      "country",
      "ip", "device", "channel", "entry_mode",
    ] + extraFields.map(\.name)
  }

  /// The CSV header with its line end.
  public var csvHeader: String { csvColumns.joined(separator: ",") + "\n" }

  /// Appends one line with its line feed; fields without a value are left out.
  public func appendJSON(_ view: TransactionView, to out: inout [UInt8]) {
    let extras = values(view)
    out.appendText(bound: 768 + 6 * view.length + extraKeys.reduce(0) { $0 + $1.count }) { cursor in
      cursor.put("{\"transaction_id\":")
      cursor.put(quoted: view.id)
      cursor.put(",\"event_time\":")
      cursor.put(instant: view.eventTime)
      cursor.put(",\"amount\":")
      cursor.put(minorUnits: view.amount, digits: view.currency.minorDigits)
      cursor.put(",\"currency\":\"")
      cursor.put(currency: view.currency)
      cursor.put("\",\"card\":")
      cursor.put(quoted: view.card)
      if view.customer.byteCount > 0 {
        cursor.put(",\"customer\":")
        cursor.put(quoted: view.customer)
      }
      if view.merchant.byteCount > 0 {
        cursor.put(",\"merchant\":")
        cursor.put(quoted: view.merchant)
      }
      if let mcc = view.mcc {
        cursor.put(",\"mcc\":\"")
        cursor.put(mcc: mcc)
        cursor.put("\"")
      }
      if view.terminal.byteCount > 0 {
        cursor.put(",\"terminal\":")
        cursor.put(quoted: view.terminal)
      }
      if view.country != .none {
        cursor.put(",\"country\":\"")
        cursor.put(country: view.country)
        cursor.put("\"")
      }
      if view.ip.byteCount > 0 {
        cursor.put(",\"ip\":\"")
        cursor.put(ip: view.ip)
        cursor.put("\"")
      }
      if view.device.byteCount > 0 {
        cursor.put(",\"device\":")
        cursor.put(quoted: view.device)
      }
      if view.channel != .unknown {
        cursor.put(",\"channel\":\"")
        cursor.put(FieldValue.name(view.channel))
        cursor.put("\"")
      }
      if view.entryMode != .unknown {
        cursor.put(",\"entry_mode\":\"")
        cursor.put(FieldValue.name(view.entryMode))
        cursor.put("\"")
      }
      for (index, value) in extras {
        cursor.put(extraKeys[index])
        cursor.put(value, isCell: false)
      }
      cursor.put("}\n")
    }
  }

  /// Appends one row with its line feed; columns as in `csvColumns`.
  public func appendCSV(_ view: TransactionView, to out: inout [UInt8]) {
    let extras = values(view)
    out.appendText(bound: 768 + 2 * view.length + extraFields.count) { cursor in
      let comma = UInt8(ascii: ",")
      cursor.put(cell: view.id)
      cursor.put(comma)
      cursor.put(bareInstant: view.eventTime)
      cursor.put(comma)
      cursor.put(minorUnits: view.amount, digits: view.currency.minorDigits)
      cursor.put(comma)
      cursor.put(currency: view.currency)
      cursor.put(comma)
      cursor.put(cell: view.card)
      cursor.put(comma)
      cursor.put(cell: view.customer)
      cursor.put(comma)
      cursor.put(cell: view.merchant)
      cursor.put(comma)
      if let mcc = view.mcc { cursor.put(mcc: mcc) }
      cursor.put(comma)
      cursor.put(cell: view.terminal)
      cursor.put(comma)
      cursor.put(country: view.country)
      cursor.put(comma)
      cursor.put(ip: view.ip)
      cursor.put(comma)
      cursor.put(cell: view.device)
      cursor.put(comma)
      if view.channel != .unknown { cursor.put(FieldValue.name(view.channel)) }
      cursor.put(comma)
      if view.entryMode != .unknown { cursor.put(FieldValue.name(view.entryMode)) }
      var next = 0
      for (index, value) in extras {
        while next <= index {
          cursor.put(comma)
          next += 1
        }
        cursor.put(value, isCell: true)
      }
      while next < extraFields.count {
        cursor.put(comma)
        next += 1
      }
      cursor.put(UInt8(ascii: "\n"))
    }
  }

  /// Extra fields of a record that this writer has names for.
  private func values(_ view: TransactionView) -> [(Int, ExtraField.Value)] {
    guard view.extraCount > 0 else { return [] }
    var values: [(Int, ExtraField.Value)] = []
    try? ExtraField.forEach(in: view.extras, count: view.extraCount) { (index, value) throws(WireError) in
      if index < extraFields.count { values.append((index, value)) }
    }
    return values
  }
}

extension TextCursor {
  /// An amount in major units with all of its minor digits, such as `12.30`.
  mutating func put(minorUnits amount: Int64, digits: Int) {
    if amount < 0 { put(UInt8(ascii: "-")) }
    var unit: UInt64 = 1
    for _ in 0..<digits { unit *= 10 }
    put(decimal: amount.magnitude / unit)
    guard digits > 0 else { return }
    put(UInt8(ascii: "."))
    var rest = amount.magnitude % unit
    for _ in 0..<digits {
      unit /= 10
      put(UInt8(truncatingIfNeeded: rest / unit) &+ UInt8(ascii: "0"))
      rest %= unit
    }
  }

  /// Four digits.
  mutating func put(mcc: UInt16) {
    for unit: UInt16 in [1000, 100, 10, 1] { put(UInt8(truncatingIfNeeded: mcc / unit % 10) &+ UInt8(ascii: "0")) }
  }

  mutating func put(country: Country) {
    guard country != .none else { return }
    put(UInt8(truncatingIfNeeded: country.code))
    put(UInt8(truncatingIfNeeded: country.code >> 8))
  }

  mutating func put(currency: Currency) {
    for byte in currency.description.utf8 { put(byte) }
  }

  mutating func put(ip: RawSpan) {
    guard ip.byteCount == 4 else {
      for byte in IPAddressText.text(ip).utf8 { put(byte) }
      return
    }
    for i in 0..<4 {
      if i > 0 { put(UInt8(ascii: ".")) }
      put(decimal: UInt64(ip.textByte(i)))
    }
  }

  mutating func put(_ value: ExtraField.Value, isCell: Bool) {
    switch value {
    case .number(let number): put(shortest: number)
    case .integer(let integer): put(decimal: integer)
    case .flag(let flag): put(flag ? "true" : "false")
    case .text(let text):
      let bytes = Array(text.utf8)
      if isCell { put(cell: bytes.span.bytes) } else { put(quoted: bytes.span.bytes) }
    }
  }
}
