import Wire

/// The text of one fixed field to its value. Details of a rejection tell the rule, never the value.
enum FieldValue {
  static func token(
    _ field: TransactionField, _ spelling: TransactionAssembler.Spelling, _ text: RawSpan, _ out: inout [UInt8]
  ) throws(Rejection) {
    switch spelling {
    case .string, .cell: break
    case .number:
      // Foreign files number their customers and merchants; a fraction or an exponent has no single spelling.
      guard isInteger(text) else { throw illTyped(field, "text or a whole number is expected") }
    case .yes, .no: throw illTyped(field, "text is expected")
    }
    guard text.byteCount <= TransactionView.tokenLengthMax else {
      throw Rejection(
        .valueOutOfRange, field: field.name,
        "the text has \(text.byteCount) bytes; at most \(TransactionView.tokenLengthMax) are taken")
    }
    guard !hasControl(text) else {
      throw Rejection(.valueOutOfRange, field: field.name, "the text holds a control character")
    }
    if !out.isEmpty { out.removeAll(keepingCapacity: true) }
    text.withUnsafeBytes { out.append(contentsOf: $0) }
  }

  static func time(
    _ spelling: TransactionAssembler.Spelling, _ text: RawSpan, _ format: FieldMapping.TimeFormat
  ) throws(Rejection) -> Int64 {
    let instant: Int64?
    do throws(Timestamp.Failure) {
      switch format {
      case .automatic:
        if spelling == .string || spelling == .cell && !isInteger(text) {
          instant = try Timestamp.parse(text)
        } else if spelling == .yes || spelling == .no {
          instant = nil
        } else {
          instant = wholeNumber(text)
        }
      case .iso8601(let defaultOffset): instant = try Timestamp.parse(text, defaultOffset: defaultOffset)
      case .epochMilliseconds: instant = DecimalNumber(text)?.truncated(by: 0)
      case .epochSeconds: instant = DecimalNumber(text)?.truncated(by: 3)
      case .pattern(let pattern, let offset): instant = try pattern.parse(text, offsetMinutes: offset)
      }
    } catch {
      switch error {
      case .outOfRange: throw timeOutOfRange()
      case .noOffset: throw illTyped(.eventTime, "the time has no offset from UTC; add Z or an offset")
      case .malformed: throw illTyped(.eventTime, expected(format))
      }
    }
    guard let instant else { throw illTyped(.eventTime, expected(format)) }
    guard Timestamp.range.contains(instant) else { throw timeOutOfRange() }
    return instant
  }

  static func amount(
    _ field: TransactionField, _ spelling: TransactionAssembler.Spelling, _ text: RawSpan
  ) throws(Rejection) -> DecimalNumber {
    guard spelling != .yes, spelling != .no, let decimal = DecimalNumber(text) else {
      throw illTyped(field, "a decimal number is expected, such as 12.34")
    }
    guard !decimal.isNegative || decimal.digits == 0 else {
      throw Rejection(.negativeAmount, field: field.name, "an amount is zero or more")
    }
    return decimal
  }

  static func minorAmount(_ spelling: TransactionAssembler.Spelling, _ text: RawSpan) throws(Rejection) -> Int64 {
    switch try amount(.amountMinor, spelling, text).scaled(by: 0) {
    case .exact(let value) where value <= TransactionAssembler.amountMax: return value
    case .exact, .tooLarge: throw overflow(.amountMinor)
    case .tooFine: throw illTyped(.amountMinor, "a whole number of minor units is expected")
    }
  }

  /// Three letters of an active currency, or its ISO 4217 number.
  static func currency(_ spelling: TransactionAssembler.Spelling, _ text: RawSpan) throws(Rejection) -> Currency {
    guard spelling != .yes, spelling != .no else { throw illTyped(.currency, "a currency code is expected") }
    if text.byteCount == 3, let currency = Currency(text.textByte(0), text.textByte(1), text.textByte(2)) {
      return currency
    }
    if let numeric = wholeNumber(text), (0..<1000).contains(numeric) {
      let currency = Currency(numeric: UInt16(numeric))
      if currency.isKnown { return currency }
    }
    throw Rejection(
      .unknownCurrency, field: TransactionField.currency.name, "not a code of ISO 4217's active currencies")
  }

  static func mcc(_ spelling: TransactionAssembler.Spelling, _ text: RawSpan) throws(Rejection) -> UInt16 {
    guard spelling != .yes, spelling != .no, let value = wholeNumber(text) else {
      throw illTyped(.mcc, "a merchant category code of four digits is expected")
    }
    guard (0...9999).contains(value) else {
      throw Rejection(.valueOutOfRange, field: TransactionField.mcc.name, "a merchant category code has four digits")
    }
    return UInt16(value)
  }

  /// Two letters, in either case.
  static func country(_ spelling: TransactionAssembler.Spelling, _ text: RawSpan) throws(Rejection) -> Country {
    guard spelling == .string || spelling == .cell, text.byteCount == 2,
      let country = Country(upper(text.textByte(0)), upper(text.textByte(1)))
    else { throw illTyped(.country, "two letters of ISO 3166-1 are expected, such as DE") }
    return country
  }

  static func ip(
    _ spelling: TransactionAssembler.Spelling, _ text: RawSpan, _ out: inout [UInt8]
  ) throws(Rejection) {
    if !out.isEmpty { out.removeAll(keepingCapacity: true) }
    guard spelling == .string || spelling == .cell, IPAddressText.parse(text, into: &out) else {
      throw illTyped(.ip, "an IPv4 or IPv6 address is expected")
    }
  }

  static func channel(_ spelling: TransactionAssembler.Spelling, _ text: RawSpan) throws(Rejection) -> Channel {
    for (name, channel) in channels where isEqual(text, name) { return channel }
    throw unknownName(.channel, spelling, Channel.allCases.map(\.name))
  }

  static func entryMode(_ spelling: TransactionAssembler.Spelling, _ text: RawSpan) throws(Rejection) -> EntryMode {
    for (name, mode) in entryModes where isEqual(text, name) { return mode }
    throw unknownName(.entryMode, spelling, EntryMode.allCases.map(\.name))
  }

  // MARK: Rejections

  @inline(never) static func overflow(_ field: TransactionField) -> Rejection {
    Rejection(.amountOverflow, field: field.name, "an amount has at most 10^15 minor units")
  }

  @inline(never) private static func illTyped(_ field: TransactionField, _ detail: String) -> Rejection {
    Rejection(.illTypedField, field: field.name, detail)
  }

  @inline(never) private static func timeOutOfRange() -> Rejection {
    Rejection(.timeOutOfRange, field: TransactionField.eventTime.name, "not a time between 2000 and 2200")
  }

  @inline(never) private static func unknownName(
    _ field: TransactionField, _ spelling: TransactionAssembler.Spelling, _ names: [String]
  ) -> Rejection {
    let known = names.joined(separator: ", ")
    guard spelling == .string || spelling == .cell else { return illTyped(field, "one of \(known) is expected") }
    return Rejection(.valueOutOfRange, field: field.name, "not one of \(known)")
  }

  private static func expected(_ format: FieldMapping.TimeFormat) -> String {
    switch format {
    case .automatic: "RFC 3339 text or a whole number of milliseconds since 1970 is expected"
    case .iso8601: "ISO 8601 text is expected, such as 2026-11-21T07:00:00Z"
    case .epochSeconds: "seconds since 1970 are expected"
    case .epochMilliseconds: "milliseconds since 1970 are expected"
    case .pattern(let pattern, _): "a time of the form \(pattern) is expected"
    }
  }

  // MARK: Bytes

  /// The value of a number without a fraction (`5411`, `5411.0`), nil for other text.
  static func wholeNumber(_ text: RawSpan) -> Int64? {
    guard let decimal = DecimalNumber(text), case .exact(let value) = decimal.scaled(by: 0) else { return nil }
    return value
  }

  private static func isInteger(_ text: RawSpan) -> Bool {
    let start = text.byteCount > 1 && text.textByte(0) == UInt8(ascii: "-") ? 1 : 0
    guard text.byteCount > start else { return false }
    for i in start..<text.byteCount where text.textByte(i) &- UInt8(ascii: "0") >= 10 { return false }
    return true
  }

  private static func hasControl(_ text: RawSpan) -> Bool {
    var at = 0
    while at &+ 8 <= text.byteCount {
      let word = text.textWord(at)
      let ones: UInt64 = 0x0101_0101_0101_0101
      let delete = word ^ (ones &* 0x7F)
      guard ((word &- ones &* 0x20) & ~word | (delete &- ones) & ~delete) & (ones &* 0x80) == 0 else { return true }
      at &+= 8
    }
    while at < text.byteCount {
      let byte = text.textByte(at)
      guard byte >= 0x20, byte != 0x7F else { return true }
      at &+= 1
    }
    return false
  }

  private static func upper(_ byte: UInt8) -> UInt8 { (97...122).contains(byte) ? byte - 32 : byte }

  private static func isEqual(_ text: RawSpan, _ name: StaticString) -> Bool {
    guard text.byteCount == name.utf8CodeUnitCount else { return false }
    for i in 0..<text.byteCount where text.textByte(i) != name.utf8Start[i] { return false }
    return true
  }

  /// `Channel.name` without an allocation; a test holds both to each other.
  static func name(_ channel: Channel) -> StaticString {
    switch channel {
    case .unknown: "unknown"
    case .pos: "pos"
    case .ecommerce: "ecommerce"
    case .atm: "atm"
    case .moto: "moto"
    case .recurring: "recurring"
    case .transfer: "transfer"
    }
  }

  static func name(_ mode: EntryMode) -> StaticString {
    switch mode {
    case .unknown: "unknown"
    case .chip: "chip"
    case .contactless: "contactless"
    case .magstripe: "magstripe"
    case .manual: "manual"
    case .credentialOnFile: "credential_on_file"
    case .wallet: "wallet"
    }
  }

  private static let channels: [(StaticString, Channel)] = Channel.allCases.map { (name($0), $0) }
  private static let entryModes: [(StaticString, EntryMode)] = EntryMode.allCases.map { (name($0), $0) }
}
