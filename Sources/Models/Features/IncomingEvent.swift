import Wire

/// The transaction at hand, as a ring stores events. One for a table, filled anew for each transaction.
struct IncomingEvent: ~Copyable {
  private(set) var time: Int64 = 0
  private(set) var amount: Int64 = 0
  /// By `EventField`; 0 is missing. Hashed fields only where the plan keeps them. An event comes without a label.
  let values: UnsafeMutablePointer<UInt64>

  init() {
    values = .allocate(capacity: EventField.count)
    values.initialize(repeating: 0, count: EventField.count)
  }

  deinit { values.deallocate() }

  @inline(__always) subscript(field: EventField) -> UInt64 {
    get { values[Int(field.rawValue)] }
    nonmutating set { values[Int(field.rawValue)] = newValue }
  }

  @inline(__always) mutating func decode(_ t: TransactionView, hashedFields: UInt16, coordinates: Schema.Coordinates?, geo: FeatureGeo?) {
    time = t.eventTime
    amount = t.amount
    self[.country] = UInt64(t.country.code)
    self[.mcc] = t.mcc.map { UInt64($0) + 1 } ?? 0
    self[.currency] = UInt64(t.currency.numeric)
    self[.channel] = UInt64(t.channel.rawValue)
    self[.entryMode] = UInt64(t.entryMode.rawValue)
    if let geo { (self[.ipCountry], self[.ipLocation]) = Self.geo(t, geo) }
    guard hashedFields != 0 else { return }
    if hashedFields & 1 << EventField.merchant.rawValue != 0 { self[.merchant] = Self.hash(t.merchant) }
    if hashedFields & 1 << EventField.terminal.rawValue != 0 { self[.terminal] = Self.hash(t.terminal) }
    if hashedFields & 1 << EventField.device.rawValue != 0 { self[.device] = Self.hash(t.device) }
    if hashedFields & 1 << EventField.ip.rawValue != 0 { self[.ip] = Self.hash(t.ip) }
    if hashedFields & 1 << EventField.card.rawValue != 0 { self[.card] = Self.hash(t.card) }
    if hashedFields & 1 << EventField.customer.rawValue != 0 { self[.customer] = Self.hash(t.customer) }
    if hashedFields & 1 << EventField.location.rawValue != 0 { self[.location] = Self.location(t, coordinates) }
    if hashedFields & 1 << EventField.transaction.rawValue != 0 { self[.transaction] = Self.hash(t.id) }
  }

  private static func geo(_ t: TransactionView, _ geo: FeatureGeo) -> (country: UInt64, location: UInt64) {
    let (country, location) = geo.read(t.ip)
    return (UInt64(country), location)
  }

  /// Missing unless both coordinates are there.
  private static func location(_ t: TransactionView, _ coordinates: Schema.Coordinates?) -> UInt64 {
    guard let coordinates, t.extraCount > 0 else { return 0 }
    return t.extras.withUnsafeBytes { bytes in
      guard let latitude = ExtraPlaces.number(coordinates.latitude, in: bytes, count: t.extraCount),
        let longitude = ExtraPlaces.number(coordinates.longitude, in: bytes, count: t.extraCount)
      else { return 0 }
      return Location.packed(latitude: latitude, longitude: longitude)
    }
  }

  @inline(__always) private static func hash(_ token: RawSpan) -> UInt64 {
    token.byteCount == 0 ? 0 : max(1, hash64(token, seed: 0))
  }
}
