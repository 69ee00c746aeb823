import Models
import Wire

/// The policy bundles of all runs: two that differ in their model and thresholds, and one with other features.
enum Bundles {
  struct Made {
    var archive: [UInt8]
    var bundle: Bundle
  }

  nonisolated(unsafe) static let all: [Made] = [
    make("first", first, review: 0.55, seed: 1), make("second", first, review: 0.5, seed: 2), make("third", third, review: 0.5, seed: 3),
  ]
  /// The same with features of other entities: two whose features are alike, one with others, and one of cards alone.
  nonisolated(unsafe) static let mixed: [Made] = [
    make("mixed", fourth, review: 0.55, seed: 4), make("mixed again", fourth, review: 0.5, seed: 5),
    make("otherwise mixed", fifth, review: 0.5, seed: 6), make("cards", sixth, review: 0.5, seed: 7),
  ]
  /// With a list of cards that are declined: by whole texts, by beginnings, and with features of other entities.
  nonisolated(unsafe) static let listed: [Made] = [
    make("listed", first, review: 0.55, seed: 8, list: "text"), make("listed by beginnings", third, review: 0.5, seed: 9, list: "prefix"),
    make("listed and mixed", fourth, review: 0.5, seed: 10, list: "text"),
  ]
  /// What the list holds.
  static let blocked = ["card-1", "card-2"]
  static let byID = Dictionary((all + mixed + listed).map { ($0.bundle.id, $0) }) { first, _ in first }

  private static let first = [
    "{name: amount, aggregate: field, of: amount}", "{name: count_10s, aggregate: count, window: 10s}",
    "{name: count_1m, aggregate: count, window: 1m}", "{name: sum_1m, aggregate: sum, window: 1m}",
    "{name: since, aggregate: seconds_since_last}",
  ]
  private static let third = [
    "{name: sum_1m, aggregate: sum, window: 1m}", "{name: max_30s, aggregate: max, window: 30s}",
    "{name: amount, aggregate: field, of: amount}", "{name: since, aggregate: seconds_since_last}",
  ]

  private static let fourth = [
    "{name: amount, aggregate: field, of: amount}", "{name: count_10s, aggregate: count, window: 10s}",
    "{name: terminal_count_1m, entity: terminal, aggregate: count, window: 1m}",
    "{name: terminal_sum_10s, entity: terminal, aggregate: sum, window: 10s}",
    "{name: device_cards_1m, entity: device, aggregate: distinct, of: card, window: 1m}",
    "{name: share, aggregate: ratio, of: count_10s, by: terminal_count_1m}",
    "{name: frauds_1m, aggregate: fraud_count, window: 1m}",
    "{name: terminal_frauds_1m, entity: terminal, aggregate: fraud_count, window: 1m}",
    "{name: device_risk_30s, entity: device, aggregate: fraud_share, window: 30s}",
  ]
  private static let fifth = [
    "{name: amount, aggregate: field, of: amount}", "{name: sum_1m, aggregate: sum, window: 1m}",
    "{name: terminal_count_20s, entity: terminal, aggregate: count, window: 20s}",
    "{name: terminal_max_1m, entity: terminal, aggregate: max, window: 1m}",
    "{name: merchant_count_1m, entity: merchant, aggregate: count, window: 1m}",
    "{name: mean, aggregate: ratio, of: sum_1m, by: merchant_count_1m}",
    "{name: terminal_risk_1m, entity: terminal, aggregate: fraud_share, window: 1m}",
  ]
  /// Of the card alone; a card's history has labels under each of these, so that none is lost by a switch.
  private static let sixth = third + ["{name: risk_30s, aggregate: fraud_share, window: 30s}"]

  private static func make(_ name: String, _ features: [String], review: Double, seed: UInt64, list: String? = nil) -> Made {
    do {
      let yaml = "version: 1\nfeatures:\n" + features.map { "  - \($0)\n" }.joined()
      let set = try FeatureSet.parse(yaml: yaml, schema: .standard)
      var random = Random(seed: seed)
      let rows = (0..<64 * set.count).map { _ in Float(random.below(20_000)) }
      let forest = try IsolationForest.train(rows: rows, featureNames: set.names, options: .init(seed: seed, trees: 4, sampleSize: 16))
      var definition = """
        version: 1
        name: \(name)
        features: features.yaml
        model: {file: model.json, format: assay-isolation-forest}
        thresholds: {review: \(review), decline: 0.8}
        reasons:
          - {code: LARGE, feature: amount, above: 5000}
        """
      var files = ["features.yaml": Array(yaml.utf8), "model.json": forest.encode()]
      if let list {
        definition += "\nlists:\n  - {name: blocked, file: lists/blocked.csv, type: \(list)}\n"
        files["lists/blocked.csv"] = Array(("value\n" + blocked.map { "\($0)\n" }.joined()).utf8)
        files["rules/blocked.yaml"] = Array(
          "version: 1\nrules:\n  - {id: blocked, when: tx.card in lists.blocked, reason: BLOCKED, action: decline}\n".utf8)
      }
      files["bundle.yaml"] = Array(definition.utf8)
      let archive = BundleArchive(files: files)
      let bytes = archive.encode()
      return Made(archive: bytes, bundle: try Bundle(archive: archive, id: BundleID(contents: bytes)))
    } catch {
      fatalError("the simulator's bundle \(name) can't be made: \(error)")
    }
  }
}
