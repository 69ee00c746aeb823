import CEL
import Wire

/// All declared features of a policy bundle, in the order of the model's input columns.
///
/// Format of features.yaml:
/// ```yaml
/// version: 1
/// allowed_lateness: 1h          # default 1h: how far behind its card's newest event a transaction may still be inserted
/// retention: 90d                # default none: windows that reach further back are mistakes
/// events_per_entity_max: 4096   # default 4096, at most 8192: the oldest events beyond are dropped, results flagged
/// features:                     # at most 512
///   - {name: count_1h, aggregate: count, window: 1h}            # entity: card is the default
///   - {name: ecom_sum_24h, aggregate: sum, window: 24h, where: {channel: [ecommerce]}}
///   - {name: mean_7d_before, aggregate: mean, window: 7d, lag: 1d}
///   - {name: amount_zscore_7d, aggregate: zscore, window: 7d}
///   - {name: countries_24h, aggregate: distinct, of: country, window: 24h}
///   - {name: new_device_7d, aggregate: is_new, of: device, window: 7d}
///   - {name: seconds_since_last, aggregate: seconds_since_last} # window and where are optional
///   - {name: country_changed, aggregate: changed, of: country}
///   - {name: last_mcc, aggregate: last, of: mcc}
///   - {name: hour, aggregate: field, of: hour}
///   - {name: amount_to_mean_7d, aggregate: ratio, of: amount, by: mean_7d}
///   - {name: night, aggregate: night, zone: Europe/Paris, from: 22, to: 6}
///   - {name: weekend, aggregate: weekend, zone_of: customer_zone}
///   - {name: speed, aggregate: speed}                           # from: coordinates or ip
///   - {name: terminal_count_1h, entity: terminal, aggregate: count, window: 1h}
///   - {name: device_cards_24h, entity: device, aggregate: distinct, of: card, window: 24h}
///   - {name: amount_to_merchant_mean, aggregate: ratio, of: amount, by: merchant_mean_7d}
///   - {name: merchant_frauds_30d, entity: merchant, aggregate: fraud_count, window: 30d, lag: 1d}
///   - {name: terminal_risk_28d, entity: terminal, aggregate: fraud_share, window: 28d, lag: 7d}
/// ```
/// An entity is a card (the default), customer, merchant, terminal, device or ip. A transaction without one has that entity's
/// features missing. Fields of the transaction itself, calendar features and ratios have no entity; a ratio may divide values of
/// different ones.
///
/// Aggregates: count, sum, mean, min, max, stddev, zscore (of the amount), distinct, is_new, seconds_since_last, last,
/// changed, field, ratio, hour, day_of_week, weekend, night, distance, speed, fraud_count, fraud_share. Windows and lags
/// run from `1s` to `90d`.
///
/// Semantics: a window holds the events with time in `(t - lag - w, t - lag]`, where t is the transaction's own event
/// time. The transaction itself is such an event: with lag 0 it counts in its own features. Of events with the same
/// time those applied earlier are earlier. "The event before" is the last one in (time, order of application). For an
/// out-of-order transaction, t is still its own time: events after t do not count.
public struct FeatureSet: Sendable, Equatable {
  public static var featureCountMax: Int { 512 }
  public static var eventsPerEntityLimit: Int { 8192 }
  public static var allowedLatenessDefault: Int64 { 3_600_000 }
  public static var allowedLatenessMax: Int64 { 30 * 86_400_000 }

  public let features: [Feature]
  /// Whose history an `EntityTable` of this set keeps: the card's, but for the other parts of a set (`FeatureParts`).
  public let entity: EntityKind
  /// ms (W2).
  public let allowedLateness: Int64
  public let eventsPerEntityMax: Int
  /// The schema's extra fields that features read, by index.
  let extraFieldCount: Int
  /// Where the schema's coordinates stand, nil without.
  let coordinates: Schema.Coordinates?
  /// Those that calendar features may meet.
  let zones: ZoneTable
  /// What features ask of the IP address.
  let geo: FeatureGeo
  /// For how long events are kept so that a label finds its transaction, ms; 0: no labels are kept. Beyond what the set's own
  /// features ask for where it is the home's, which takes in the labels for all parts of a set.
  let labelReach: Int64
  /// Whether any feature counts labels.
  public var countsLabels: Bool { labelReach > 0 }

  public var count: Int { features.count }
  public var names: [String] { features.map(\.name) }
  public func index(of name: String) -> Int? { features.firstIndex { $0.name == name } }

  /// Trusts the references between features; `parse` checks them.
  init(
    features: [Feature], entity: EntityKind = .card, allowedLateness: Int64, eventsPerEntityMax: Int, extraFieldCount: Int,
    coordinates: Schema.Coordinates? = nil, zones: ZoneTable = ZoneTable(), geo: FeatureGeo = FeatureGeo(), labelReach: Int64 = 0
  ) {
    precondition((0...Self.allowedLatenessMax).contains(allowedLateness), "an allowed lateness of at most 30 days")
    precondition((1...Self.eventsPerEntityLimit).contains(eventsPerEntityMax), "1 to 8,192 events an entity")
    self.features = features
    self.entity = entity
    self.allowedLateness = allowedLateness
    self.eventsPerEntityMax = eventsPerEntityMax
    self.extraFieldCount = extraFieldCount
    self.coordinates = coordinates
    self.zones = zones
    self.geo = geo
    self.labelReach = features.reduce(labelReach) { max($0, $1.aggregate.labelReach) }
  }
}
