import Models

/// The features of a first bundle for cards, and which of them an isolation forest takes.
///
/// A forest isolates what is rare in one feature at a time. Levels (sums, means, amounts) are heavy-tailed: their largest
/// genuine values are isolated before any fraud is, and raw codes (an hour, an MCC) say nothing by their size. So the
/// forest gets counts that are rare by themselves, one z-score and one novelty; the rest of the set is for the reasons
/// that people read. On generated data (1 % fraud, 100 trees, samples of 1,024 from 100,000 rows of history, two worlds of
/// 300,000 transactions that the forest has not seen, three seeds) its average precision is 0.36 to 0.46, 0.42 on average;
/// that of a forest on the standard set without its codes is 0.02. Skimmed terminals, impossible journeys and card testing
/// are found nearly whole; a stolen number used with patience is not, for no single feature of it is rare.
enum StarterFeatures {
  static let yaml = """
    version: 1
    allowed_lateness: 1h
    events_per_entity_max: 4096
    features:
      # How the card was read: a copied stripe is used where the chip can't be.
      - {name: magstripe_1h, aggregate: count, window: 1h, where: {entry_mode: [magstripe]}}
      - {name: magstripe_24h, aggregate: count, window: 24h, where: {entry_mode: [magstripe]}}
      - {name: manual_1h, aggregate: count, window: 1h, where: {entry_mode: [manual]}}
      # Tiny amounts in a row: does the card work?
      - {name: small_10m, aggregate: count, window: 10m, where: {amount_below: 300}}
      # This amount against the card's habit.
      - {name: amount_zscore_7d, aggregate: zscore, window: 7d}
      - {name: mean_30d, aggregate: mean, window: 30d}
      - {name: amount_to_mean_30d, aggregate: ratio, of: amount, by: mean_30d}
      # Velocity.
      - {name: count_1m, aggregate: count, window: 1m}
      - {name: count_1h, aggregate: count, window: 1h}
      - {name: count_24h, aggregate: count, window: 24h}
      - {name: sum_24h, aggregate: sum, window: 24h}
      - {name: seconds_since_last, aggregate: seconds_since_last}
      # Novelty and variety.
      - {name: new_device_30d, aggregate: is_new, of: device, window: 30d}
      - {name: new_merchant_30d, aggregate: is_new, of: merchant, window: 30d}
      - {name: new_country_30d, aggregate: is_new, of: country, window: 30d}
      - {name: countries_24h, aggregate: distinct, of: country, window: 24h}
      - {name: devices_24h, aggregate: distinct, of: device, window: 24h}

    """

  static let modelFeatures = ["magstripe_1h", "magstripe_24h", "manual_1h", "small_10m", "amount_zscore_7d", "new_device_30d"]

  static let schemaYAML = """
    # The fixed fields only. Fields and limits that a schema may have: docs/bundles.md.
    version: 1

    """

  /// Raw codes, whose size means nothing to a tree that splits at random.
  static let codes = ["hour", "mcc", "day_of_week", "country", "currency", "channel", "entry_mode"]
}
