/// Writes transaction records (see `TransactionView`) into a byte array that the caller keeps.
public struct TransactionBuilder {
  public var eventTime: Int64 = 0
  public var amount: Int64 = 0
  public var currency = Currency(numeric: 0)
  public var country = Country.none
  public var mcc: UInt16 = TransactionView.noMCC
  public var channel = Channel.unknown
  public var entryMode = EntryMode.unknown
  public var id: [UInt8] = []
  public var card: [UInt8] = []
  public var customer: [UInt8] = []
  public var merchant: [UInt8] = []
  public var terminal: [UInt8] = []
  public var device: [UInt8] = []
  /// 0, 4 or 16 bytes in network order.
  public var ip: [UInt8] = []
  /// Encoded extra fields (`ExtraField`) and their number.
  public var extras: [UInt8] = []
  public var extraCount = 0

  public init() {}

  /// Empties all fields, keeping their storage for the next record.
  public mutating func reset() {
    eventTime = 0
    amount = 0
    currency = Currency(numeric: 0)
    country = .none
    mcc = TransactionView.noMCC
    channel = .unknown
    entryMode = .unknown
    id.removeAll(keepingCapacity: true)
    card.removeAll(keepingCapacity: true)
    customer.removeAll(keepingCapacity: true)
    merchant.removeAll(keepingCapacity: true)
    terminal.removeAll(keepingCapacity: true)
    device.removeAll(keepingCapacity: true)
    ip.removeAll(keepingCapacity: true)
    extras.removeAll(keepingCapacity: true)
    extraCount = 0
  }

  /// Appends the record. Tokens of at most `TransactionView.tokenLengthMax` bytes; the caller has checked them.
  public func append(to out: inout [UInt8]) {
    let size =
      TransactionView.fixedSize + id.count + card.count + customer.count + merchant.count + terminal.count
      + device.count + ip.count + extras.count
    precondition(size <= TransactionView.sizeMax, "a transaction record has at most \(TransactionView.sizeMax) bytes")
    func put<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) } }
    put(UInt16(size))
    out.append(TransactionView.layoutVersion)
    out.append(channel.rawValue)
    out.append(entryMode.rawValue)
    out.append(UInt8(ip.count))
    put(currency.numeric)
    put(eventTime)
    put(amount)
    put(country.code)
    put(mcc)
    for token in [id.count, card.count, customer.count, merchant.count, terminal.count, device.count] {
      precondition(token <= TransactionView.tokenLengthMax, "a token has at most 128 bytes")
      out.append(UInt8(token))
    }
    out.append(UInt8(extraCount))
    out.append(0)
    out.append(contentsOf: id)
    out.append(contentsOf: card)
    out.append(contentsOf: customer)
    out.append(contentsOf: merchant)
    out.append(contentsOf: terminal)
    out.append(contentsOf: device)
    out.append(contentsOf: ip)
    out.append(contentsOf: extras)
  }

  /// Appends one extra field; call in rising order of `index`.
  public mutating func addExtra(_ index: UInt8, _ value: ExtraField.Value) {
    func put<T: FixedWidthInteger>(_ value: T, _ out: inout [UInt8]) {
      withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) }
    }
    extras.append(index)
    switch value {
    case .number(let x):
      extras.append(ExtraField.Kind.number.rawValue)
      put(x.bitPattern, &extras)
    case .integer(let x):
      extras.append(ExtraField.Kind.integer.rawValue)
      put(x, &extras)
    case .flag(let x):
      extras.append(ExtraField.Kind.flag.rawValue)
      extras.append(x ? 1 : 0)
    case .text(let x):
      extras.append(ExtraField.Kind.text.rawValue)
      precondition(x.utf8.count <= 255, "an extra text field has at most 255 bytes")
      extras.append(UInt8(x.utf8.count))
      extras.append(contentsOf: x.utf8)
    }
    extraCount += 1
  }
}
