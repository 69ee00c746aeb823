import Wire

extension Schema {
  /// Proves an untrusted record: after nil, `TransactionView(trusted: bytes)` is safe and its values keep the schema's
  /// limits. `now` is the ms since the epoch that the event time is held against.
  ///
  /// Constant work but for one pass over the text; allocates only to reject.
  public func validate(_ bytes: RawSpan, now: Int64) -> Rejection? {
    let size = bytes.byteCount
    guard size <= TransactionView.sizeMax else {
      return Rejection(.tooLarge, "the record has \(size) bytes; at most \(TransactionView.sizeMax) are allowed")
    }
    guard size >= TransactionView.fixedSize else {
      return Rejection(.malformed, "the record is shorter than its fixed part")
    }
    return bytes.withUnsafeBytes { validate(fixedPartIn: $0, now: now) }
  }

  /// The same for the transaction that a label is of: it may be of any age.
  public func validateLabelled(_ bytes: RawSpan, now: Int64) -> Rejection? {
    guard bytes.byteCount >= TransactionView.fixedSize else { return validate(bytes, now: now) }
    return validate(bytes, now: min(now, TransactionView(trusted: bytes).eventTime))
  }

  /// `record` holds at least the fixed part.
  private func validate(fixedPartIn record: UnsafeRawBufferPointer, now: Int64) -> Rejection? {
    let base = record.baseAddress.unsafelyUnwrapped
    @inline(__always) func load<T: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _: T.Type) -> T {
      T(littleEndian: base.loadUnaligned(fromByteOffset: at, as: T.self))
    }
    @inline(__always) func byte(_ at: Int) -> Int { Int(base.load(fromByteOffset: at, as: UInt8.self)) }

    let idLength = byte(28)
    let cardLength = byte(29)
    let (third, fourth, fifth, sixth) = (byte(30), byte(31), byte(32), byte(33))
    let ipLength = byte(5)
    let tokensEnd = TransactionView.fixedSize + idLength + cardLength + third + fourth + fifth + sixth
    let extrasStart = tokensEnd + ipLength
    let longest = max(max(max(idLength, cardLength), max(third, fourth)), max(fifth, sixth))

    let time = load(8, Int64.self)
    let amount = load(16, Int64.self)
    let country = load(24, UInt16.self)
    let mcc = load(26, UInt16.self)
    let (latest, overflow) = now.addingReportingOverflow(futureTolerance)

    // One branch for a record without a fault; the reason is looked for only when there is one.
    let isSound =
      Int(load(0, UInt16.self)) == record.count && byte(2) == Int(TransactionView.layoutVersion) && byte(35) == 0
      && extrasStart <= record.count && longest <= TransactionView.tokenLengthMax && idLength > 0 && cardLength > 0
      && (ipLength == 0 || ipLength == 4 || ipLength == 16) && UInt64(bitPattern: amount) <= UInt64(Self.amountMax)
      && currencyBits.contains(load(6, UInt16.self)) && (mcc <= 9999 || mcc == TransactionView.noMCC)
      && Self.isCountry(country) && Channel(rawValue: UInt8(byte(3))) != nil
      && EntryMode(rawValue: UInt8(byte(4))) != nil
      && time >= Self.eventTimeMin && time <= Self.eventTimeMax && (time <= latest || overflow)
      && (oldestEventAge.map { time >= now &- $0 } ?? true)
    guard isSound else { return firstFault(in: record, latest: overflow ? .max : latest, now: now) }

    let tokens = UnsafeRawBufferPointer(rebasing: record[TransactionView.fixedSize..<tokensEnd])
    if !Self.isASCII(tokens), let fault = Self.invalidToken(in: record) { return fault }
    if extrasStart == record.count && byte(34) == 0 && requiredBits == 0 { return nil }
    return validateExtras(UnsafeRawBufferPointer(rebasing: record[extrasStart...]), count: byte(34))
  }

  @inline(__always) private static func isCountry(_ code: UInt16) -> Bool {
    let first = code & 0xFF
    let second = code >> 8
    return code == 0 || (first &- 65 < 26 && second &- 65 < 26)
  }

  /// Eight bytes a step; short texts and rests byte by byte.
  @inline(__always) private static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
    let base = text.baseAddress.unsafelyUnwrapped
    var bits: UInt64 = 0
    var at = 0
    while at + 8 <= text.count {
      bits |= base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      at += 8
    }
    while at < text.count {
      bits |= UInt64(base.load(fromByteOffset: at, as: UInt8.self))
      at += 1
    }
    return bits & 0x8080_8080_8080_8080 == 0
  }

  /// Each token is checked alone: a character must not be split between two.
  private static func invalidToken(in record: UnsafeRawBufferPointer) -> Rejection? {
    var at = TransactionView.fixedSize
    for (index, name) in tokenNames.enumerated() {
      let end = at + Int(record[28 + index])
      guard isUTF8(UnsafeRawBufferPointer(rebasing: record[at..<end])) else {
        return Rejection(.invalidUTF8, field: name, "the text is not UTF-8")
      }
      at = end
    }
    return nil
  }

  private static func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool { String(validating: text, as: UTF8.self) != nil }

  private static let tokenNames = ["id", "card", "customer", "merchant", "terminal", "device"]

  /// Names the first fault of the fixed part of a record that has one. Order: structure first, then values.
  private func firstFault(in record: UnsafeRawBufferPointer, latest: Int64, now: Int64) -> Rejection {
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _: T.Type) -> T {
      T(littleEndian: record.loadUnaligned(fromByteOffset: at, as: T.self))
    }
    if record[2] != TransactionView.layoutVersion {
      return Rejection(.malformed, "layout version \(record[2]) is not known")
    }
    if Int(load(0, UInt16.self)) != record.count {
      return Rejection(.malformed, "the record states another length than the \(record.count) bytes it has")
    }
    if record[35] != 0 { return Rejection(.malformed, "the reserved byte is not 0") }
    if ![0, 4, 16].contains(record[5]) { return Rejection(.malformed, field: "ip", "an address has 4 or 16 bytes") }
    let lengths = Self.tokenNames.indices.map { Int(record[28 + $0]) }
    for (name, length) in zip(Self.tokenNames, lengths) where length > TransactionView.tokenLengthMax {
      return Rejection(.tooLarge, field: name, "the text has more than \(TransactionView.tokenLengthMax) bytes")
    }
    if TransactionView.fixedSize + lengths.reduce(0, +) + Int(record[5]) > record.count {
      return Rejection(.malformed, "the fields' lengths exceed the record")
    }
    for (name, length) in zip(Self.tokenNames, lengths).prefix(2) where length == 0 {
      return Rejection(.missingField, field: name, "the field is required")
    }
    let amount = load(16, Int64.self)
    if amount < 0 { return Rejection(.negativeAmount, field: "amount", "the amount is below 0") }
    if amount > Self.amountMax {
      return Rejection(.amountOverflow, field: "amount", "the amount is above \(Self.amountMax) minor units")
    }
    let currency = Currency(numeric: load(6, UInt16.self))
    if !currency.isKnown {
      return Rejection(.unknownCurrency, field: "currency", "\(currency.numeric) is not an active ISO 4217 code")
    }
    if !currencyBits.contains(currency.numeric) {
      return Rejection(.unknownCurrency, field: "currency", "the schema does not allow \(currency)")
    }
    let mcc = load(26, UInt16.self)
    if mcc > 9999 && mcc != TransactionView.noMCC {
      return Rejection(.valueOutOfRange, field: "mcc", "a merchant category code has four digits")
    }
    if !Self.isCountry(load(24, UInt16.self)) {
      return Rejection(.valueOutOfRange, field: "country", "a country is two letters A to Z (ISO 3166-1 alpha-2)")
    }
    if Channel(rawValue: record[3]) == nil {
      return Rejection(.valueOutOfRange, field: "channel", "channel \(record[3]) is not known")
    }
    if EntryMode(rawValue: record[4]) == nil {
      return Rejection(.valueOutOfRange, field: "entry_mode", "entry mode \(record[4]) is not known")
    }
    let time = load(8, Int64.self)
    if time < Self.eventTimeMin || time > Self.eventTimeMax {
      return Rejection(
        .timeOutOfRange, field: "event_time", "not a time between 2000 and 2200; the unit is ms since 1970")
    }
    if time > latest {
      return Rejection(
        .timeInFuture, field: "event_time",
        "\(DurationText.rounded(milliseconds: time &- now)) ahead of the clock; at most \(DurationText.text(milliseconds: futureTolerance)) are allowed"
      )
    }
    return Rejection(.timeOutOfRange, field: "event_time", "older than the schema's oldest_event_age")
  }
}
