import Wire

/// A column of the entities' rings: what an event keeps beyond its time and amount, if a feature needs it.
///
/// Every value is an unsigned number in which 0 means missing. Codes are kept as they are (the MCC plus 1, as 0000 is a
/// code); tokens and addresses as their 64-bit wyhash (0 moved to 1). Two different tokens of one card are taken for
/// one with probability 2^-64 a pair: below 10^-12 for a full ring of 4,096 different ones. 32 bits would err once in
/// some 10^8 transactions, and collisions could be searched for by whoever chooses the token (a device id).
public enum EventField: UInt8, Sendable, CaseIterable {
  case country, mcc, currency, channel, entryMode, merchant, terminal, device, ip, card, customer
  /// The schema's coordinates (`Location`): for distances alone.
  case location
  /// What a geo table says of the IP address (`FeatureGeo`): the country, and the place, for distances alone.
  case ipCountry, ipLocation
  /// Which transaction the event is, and what is known of it by now (`Label`; 0 is nothing): for labels alone.
  case transaction, labelVersion, label

  public static var count: Int { 17 }

  /// What definitions may name.
  static let declarable = allCases.filter { $0 != .location && $0 != .ipLocation && !$0.isOfLabels }

  /// Those of them whose value is a number that a model can use.
  static let codes = declarable.filter { !$0.isHashed }

  /// What a card's features may be of: a card is one card, and its customer hardly changes.
  static let ofCard = declarable.filter { $0 != .card && $0 != .customer }

  /// What features of an entity may be of: not what it is itself.
  static func of(_ kind: EntityKind) -> [EventField] {
    kind == .card ? ofCard : declarable.filter { $0.name != "\(kind)" }
  }

  /// The word in definitions.
  public var name: String {
    switch self {
    case .country: "country"
    case .mcc: "mcc"
    case .currency: "currency"
    case .channel: "channel"
    case .entryMode: "entry_mode"
    case .merchant: "merchant"
    case .terminal: "terminal"
    case .device: "device"
    case .ip: "ip"
    case .card: "card"
    case .customer: "customer"
    case .location: "location"
    case .ipCountry: "ip_country"
    case .ipLocation: "ip_location"
    case .transaction: "transaction"
    case .labelVersion: "label_version"
    case .label: "label"
    }
  }

  /// Kept where labels are, and read by nothing else.
  var isOfLabels: Bool { self == .transaction || self == .labelVersion || self == .label }

  /// Bytes an event in the ring.
  var width: Int {
    switch self {
    case .channel, .entryMode, .label: 1
    case .country, .mcc, .currency, .ipCountry, .labelVersion: 2
    case .merchant, .terminal, .device, .ip, .card, .customer, .location, .ipLocation, .transaction: 8
    }
  }

  /// True for fields kept as a hash: their value means nothing but its equality.
  var isHashed: Bool { width == 8 }

  /// The ring's value as a feature's number; nil for missing.
  func number(_ stored: UInt64) -> Double { self == .mcc ? Double(stored) - 1 : Double(stored) }
}
