import Wire

/// What a transaction must look like: the fixed fields of `TransactionView`, the extra fields that a bank declares,
/// and the limits that its values keep. Part of the policy bundle; the same on every worker.
///
/// ```yaml
/// version: 1
/// fields:                      # at most 64, each beyond the fixed ones
///   - {name: loyalty_tier, type: text}
///   - {name: basket_items, type: integer, required: true}
/// coordinates: {latitude: lat, longitude: lon}   # two number fields, in degrees: what distances are measured by
/// limits:
///   future_tolerance: 5m       # how far an event time may lie ahead of the worker's clock (default 5m, at most 1d)
///   oldest_event_age: 90d      # older events are refused (default: none are)
/// currencies: [EUR, USD]       # default: every active currency of ISO 4217
/// ```
public struct Schema: Sendable, Equatable {
  /// A field beyond the fixed ones. Its place in `fields` is its index in a record's extra fields.
  public struct Field: Sendable, Equatable {
    public let name: String
    public let kind: ExtraField.Kind
    public let isRequired: Bool

    public init(name: String, kind: ExtraField.Kind, isRequired: Bool = false) {
      self.name = name
      self.kind = kind
      self.isRequired = isRequired
    }
  }

  /// Places of the two number fields.
  public struct Coordinates: Sendable, Equatable {
    public let latitude: Int
    public let longitude: Int
  }

  public static var fieldCountMax: Int { 64 }
  /// In minor units. Bounds the state: 8,192 events of it still sum without overflow.
  public static var amountMax: Int64 { 1_000_000_000_000_000 }
  /// 2000-01-01 and 2200-01-01 UTC: outside, a time is a unit error (seconds, microseconds) rather than a time.
  public static var eventTimeMin: Int64 { 946_684_800_000 }
  public static var eventTimeMax: Int64 { 7_258_118_400_000 }

  public let fields: [Field]
  public let futureTolerance: Int64
  public let oldestEventAge: Int64?
  /// nil allows every active currency.
  public let currencies: [Currency]?
  public let coordinates: Coordinates?

  /// Bit n: the currency with the numeric code n is allowed.
  let currencyBits: CurrencySet
  /// Bit i: field i is required.
  let requiredBits: UInt64

  /// Field names are distinct and at most `fieldCountMax`; milliseconds are not negative.
  init(
    fields: [Field], futureTolerance: Int64 = 300_000, oldestEventAge: Int64? = nil, currencies: [Currency]? = nil,
    coordinates: Coordinates? = nil
  ) {
    precondition(fields.count <= Self.fieldCountMax, "at most \(Self.fieldCountMax) extra fields")
    self.fields = fields
    self.futureTolerance = futureTolerance
    self.oldestEventAge = oldestEventAge
    self.currencies = currencies
    self.coordinates = coordinates
    currencyBits = CurrencySet(currencies)
    requiredBits = fields.indices.reduce(0) { $0 | (fields[$1].isRequired ? 1 << UInt64($1) : 0) }
  }

  /// The fixed fields only, with the default limits.
  public static let standard = Schema(fields: [])

  public func fieldIndex(named name: String) -> Int? { fields.firstIndex { $0.name == name } }

  /// Names of the fixed fields, which an extra field must not take.
  public static let fixedFieldNames = [
    "id", "transaction_id", "event_time", "amount", "currency", "country", "mcc", "channel", "entry_mode", "card",
    "customer", "merchant", "terminal", "device", "ip",
  ]
}

/// A set of ISO 4217 numeric codes with a test of one load.
struct CurrencySet: Sendable, Equatable {
  private let words: InlineArray<16, UInt64>

  /// nil is every active currency.
  init(_ currencies: [Currency]?) {
    var words = InlineArray<16, UInt64>(repeating: 0)
    for code in 0..<UInt16(1000) {
      let currency = Currency(numeric: code)
      if currencies?.contains(currency) ?? currency.isKnown { words[Int(code) >> 6] |= 1 << UInt64(code & 63) }
    }
    self.words = words
  }

  @inline(__always) func contains(_ numeric: UInt16) -> Bool {
    numeric < 1024 && words[Int(numeric) >> 6] >> UInt64(numeric & 63) & 1 == 1
  }

  static func == (a: Self, b: Self) -> Bool { a.words.indices.allSatisfy { a.words[$0] == b.words[$0] } }
}
