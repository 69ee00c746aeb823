/// The fixed fields of a transaction, by the names that they have in JSON, CSV and the schema.
public enum TransactionField: UInt8, CaseIterable, Sendable {
  case transactionID, eventTime, amount, amountMinor, currency, card
  case customer, merchant, mcc, terminal, country, ip, device, channel, entryMode

  public var name: String {
    switch self {
    case .transactionID: "transaction_id"
    case .eventTime: "event_time"
    case .amount: "amount"
    case .amountMinor: "amount_minor"
    case .currency: "currency"
    case .card: "card"
    case .customer: "customer"
    case .merchant: "merchant"
    case .mcc: "mcc"
    case .terminal: "terminal"
    case .country: "country"
    case .ip: "ip"
    case .device: "device"
    case .channel: "channel"
    case .entryMode: "entry_mode"
    }
  }

  public init?(name: String) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }

  /// Every transaction has these; the amount comes as `amount` or as `amount_minor`.
  public static let required: [TransactionField] = [.transactionID, .eventTime, .amount, .currency, .card]
}
