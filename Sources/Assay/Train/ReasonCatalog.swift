import Models

/// Reasons that people understand, for features of the standard and the starter set; gravest first.
enum ReasonCatalog {
  struct Entry {
    var code: String
    var text: String
    /// The first of these that the feature set has.
    var features: [String]
    var above: Double?
    var below: Double?
  }

  static let entries = [
    Entry(code: "CARD_TESTING", text: "Several tiny amounts within minutes", features: ["small_10m"], above: 2.5),
    Entry(code: "MAGSTRIPE_USED", text: "Paid by magnetic stripe", features: ["magstripe_1h"], above: 0.5),
    Entry(code: "COUNTRIES_IN_ONE_DAY", text: "Used in several countries within a day", features: ["countries_24h"], above: 2.5),
    Entry(
      code: "AMOUNT_ABOVE_HABIT", text: "Amount far above the card's habit", features: ["amount_zscore_7d"], above: 3),
    Entry(
      code: "AMOUNT_MANY_TIMES_MEAN", text: "Amount many times the card's mean",
      features: ["amount_to_mean_30d", "amount_to_mean_7d"], above: 4),
    Entry(code: "CARD_VELOCITY", text: "Many transactions within an hour", features: ["count_1h"], above: 5.5),
    Entry(code: "MANUAL_ENTRY_BURST", text: "Card number typed in several times within an hour", features: ["manual_1h"], above: 2.5),
    Entry(code: "MANY_DEVICES", text: "Several devices within a day", features: ["devices_24h"], above: 2.5),
    Entry(
      code: "NEW_DEVICE", text: "A device that this card has not used before", features: ["new_device_30d", "new_device_7d"],
      above: 0.5),
    Entry(
      code: "NEW_COUNTRY", text: "A country that this card has not been used in before",
      features: ["new_country_30d", "new_country_7d"], above: 0.5),
    Entry(code: "RAPID_SUCCESSION", text: "Seconds after the transaction before", features: ["seconds_since_last"], below: 30),
    Entry(
      code: "NEW_MERCHANT", text: "A merchant that this card has not paid before",
      features: ["new_merchant_30d", "new_merchant_7d"], above: 0.5),
  ]

  /// The `reasons` of bundle.yaml for a feature set, a line each; empty where no entry fits.
  static func yaml(for features: FeatureSet) -> String {
    var text = ""
    for entry in entries {
      guard let feature = entry.features.first(where: { features.index(of: $0) != nil }) else { continue }
      let bounds = [entry.above.map { "above: \($0)" }, entry.below.map { "below: \($0)" }].compactMap { $0 }
      text += "  - {code: \(entry.code), text: \"\(entry.text)\", feature: \(feature), \(bounds.joined(separator: ", "))}\n"
    }
    return text.isEmpty ? "" : "reasons:\n" + text
  }
}
