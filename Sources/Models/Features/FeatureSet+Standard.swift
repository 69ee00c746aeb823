extension FeatureSet {
  /// A good first set for card fraud: velocity and amounts over four windows, variety, novelty, and the moment.
  public static let standardYAML = """
    version: 1
    allowed_lateness: 1h
    events_per_entity_max: 4096
    features:
      # The transaction itself.
      - {name: amount, aggregate: field, of: amount}
      - {name: hour, aggregate: field, of: hour}
      - {name: mcc, aggregate: field, of: mcc}
      # Velocity and amounts.
      - {name: count_1m, aggregate: count, window: 1m}
      - {name: count_1h, aggregate: count, window: 1h}
      - {name: count_24h, aggregate: count, window: 24h}
      - {name: count_7d, aggregate: count, window: 7d}
      - {name: sum_1m, aggregate: sum, window: 1m}
      - {name: sum_1h, aggregate: sum, window: 1h}
      - {name: sum_24h, aggregate: sum, window: 24h}
      - {name: sum_7d, aggregate: sum, window: 7d}
      - {name: mean_1h, aggregate: mean, window: 1h}
      - {name: mean_24h, aggregate: mean, window: 24h}
      - {name: mean_7d, aggregate: mean, window: 7d}
      - {name: max_1h, aggregate: max, window: 1h}
      - {name: max_24h, aggregate: max, window: 24h}
      - {name: max_7d, aggregate: max, window: 7d}
      # This amount against the card's habit.
      - {name: amount_to_mean_7d, aggregate: ratio, of: amount, by: mean_7d}
      - {name: stddev_7d, aggregate: stddev, window: 7d}
      - {name: amount_zscore_7d, aggregate: zscore, window: 7d}
      # Variety.
      - {name: countries_24h, aggregate: distinct, of: country, window: 24h}
      - {name: merchants_24h, aggregate: distinct, of: merchant, window: 24h}
      - {name: terminals_24h, aggregate: distinct, of: terminal, window: 24h}
      - {name: devices_24h, aggregate: distinct, of: device, window: 24h}
      # Novelty and rhythm.
      - {name: seconds_since_last, aggregate: seconds_since_last}
      - {name: country_changed, aggregate: changed, of: country}
      - {name: new_country_7d, aggregate: is_new, of: country, window: 7d}
      - {name: new_merchant_7d, aggregate: is_new, of: merchant, window: 7d}
      - {name: new_device_7d, aggregate: is_new, of: device, window: 7d}
    """

  /// `standardYAML`, parsed. 29 features, 35 bytes an event kept.
  public static let standard: FeatureSet = {
    do {
      return try parse(yaml: standardYAML, schema: .standard)
    } catch {
      preconditionFailure("the standard features do not parse: \(error)")
    }
  }()
}
