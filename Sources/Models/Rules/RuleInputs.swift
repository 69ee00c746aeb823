import CEL
import Wire

/// What rules may name, and where each comes from.
///
/// | name | type | |
/// |---|---|---|
/// | `tx.transaction_id`, `tx.card`, `tx.customer`, `tx.merchant`, `tx.terminal`, `tx.device` | string | tokens |
/// | `tx.amount` | double | in the currency's unit |
/// | `tx.amount_minor` | int | in its minor units |
/// | `tx.currency`, `tx.country`, `tx.channel`, `tx.entry_mode` | string | as in transactions |
/// | `tx.mcc` | int | |
/// | `tx.ip` | net.IP | |
/// | `tx.event_time` | timestamp | |
/// | `tx.NAME` | double, int, bool, string | a field that the schema declares |
/// | `card.NAME` | double | a feature; `terminal.NAME` and so on of another entity's |
/// | `geo.TABLE.NAME` | string, double, int, bool | what a geo table says of the IP address |
/// | `model.score` | double | what the model says, 0 without one |
///
/// What a transaction doesn't have, and a feature without a value, is missing: `has(tx.ip)` asks, and a rule that needs it fails.
public struct RuleInputs: Sendable {
  enum Source: Hashable, Sendable {
    case transactionID, card, customer, merchant, terminal, device, ip
    case amount, amountMinor, currency, country, mcc, channel, entryMode, eventTime
    case extra(Int, ExtraField.Kind)
    case feature(Int)
    case score
    case geo
  }

  public let declared: [ScalarInput]
  let sources: [Source]
  /// Place of an extra field's input, by the field's index; -1 where nobody asks.
  let extraPlaces: [Int]
  /// Tables that are asked, with the places of what each tells.
  let geo: [(reader: GeoReader, places: [Int])]
  private let tables: [GeoTable]

  public init(schema: Schema, features: FeatureSet, geo: [GeoTable] = []) {
    var all = Self.fixed
    for (index, field) in schema.fields.enumerated() {
      let input = ScalarInput("tx.\(field.name)", Self.type(of: field.kind), mayBeMissing: !field.isRequired)
      all.append((input, .extra(index, field.kind)))
    }
    for (index, feature) in features.features.enumerated() {
      // Other entities' values may be missing whatever they are (X4).
      let mayBeMissing = feature.entity != .card || feature.aggregate.mayBeMissing
      all.append((ScalarInput("\(feature.entity).\(feature.name)", .double, mayBeMissing: mayBeMissing), .feature(index)))
    }
    for table in geo {
      all += table.columns.map { (ScalarInput("geo.\(table.name).\($0.name)", $0.type), .geo) }
    }
    self.init(all, geo)
  }

  private init(_ inputs: [(ScalarInput, Source)], _ tables: [GeoTable]) {
    self.tables = tables
    declared = inputs.map(\.0)
    sources = inputs.map(\.1)
    var places: [Int] = []
    for (place, source) in sources.enumerated() {
      guard case .extra(let field, _) = source else { continue }
      while places.count <= field { places.append(-1) }
      places[field] = place
    }
    extraPlaces = places
    geo = tables.compactMap { table in
      let asked = table.columns.compactMap { column in
        inputs.firstIndex { $0.0.name == "geo.\(table.name).\(column.name)" }.map { (name: column.name, place: $0) }
      }
      return asked.isEmpty ? nil : (table.reader(asked.map(\.name)), asked.map(\.place))
    }
  }

  /// Only those that somebody names.
  func only(_ names: Set<String>) -> RuleInputs {
    RuleInputs(zip(declared, sources).filter { names.contains($0.0.name) }.map { ($0, $1) }, tables)
  }

  private static let fixed: [(ScalarInput, Source)] = [
    (ScalarInput("tx.transaction_id", .string, mayBeMissing: false), .transactionID),
    (ScalarInput("tx.card", .string, mayBeMissing: false), .card),
    (ScalarInput("tx.customer", .string), .customer), (ScalarInput("tx.merchant", .string), .merchant),
    (ScalarInput("tx.terminal", .string), .terminal), (ScalarInput("tx.device", .string), .device),
    (ScalarInput("tx.ip", .ip), .ip),
    (ScalarInput("tx.amount", .double, mayBeMissing: false), .amount),
    (ScalarInput("tx.amount_minor", .int, mayBeMissing: false), .amountMinor),
    (ScalarInput("tx.currency", .string, mayBeMissing: false), .currency),
    (ScalarInput("tx.country", .string), .country), (ScalarInput("tx.mcc", .int), .mcc),
    (ScalarInput("tx.channel", .string), .channel), (ScalarInput("tx.entry_mode", .string), .entryMode),
    (ScalarInput("tx.event_time", .timestamp, mayBeMissing: false), .eventTime),
    (ScalarInput("model.score", .double, mayBeMissing: false), .score),
  ]

  private static func type(of kind: ExtraField.Kind) -> ValueType {
    switch kind {
    case .number: .double
    case .integer: .int
    case .flag: .bool
    case .text: .string
    }
  }
}

extension Aggregate {
  /// False for what every transaction has, whatever its card's history.
  var mayBeMissing: Bool {
    switch self {
    case .statistic(.count, _, _), .statistic(.sum, _, _), .distinct, .own(.amount), .own(.hour), .own(.dayOfWeek): false
    case .calendar(let calendar): if case .field = calendar.place { true } else { false }
    default: true
    }
  }
}
