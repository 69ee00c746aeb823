import Models
import Wire

/// The bundles that decide: the same features under models of unlike seeds, so that a swap changes scores and nothing else.
enum ChaosBundle {
  static let featuresYAML: String = {
    var lines = ["version: 1", "features:", "  - {name: amount, aggregate: field, of: amount}"]
    for window in ["1m", "10m", "1h"] {
      for aggregate in ["count", "sum", "mean", "max"] {
        lines.append("  - {name: \(aggregate)_\(window), aggregate: \(aggregate), window: \(window)}")
      }
    }
    lines.append("  - {name: seconds_since_last, aggregate: seconds_since_last}")
    lines.append("  - {name: countries_1h, aggregate: distinct, of: country, window: 1h}")
    return lines.joined(separator: "\n") + "\n"
  }()

  /// Entities besides the card that have features.
  static let entities: [EntityKind] = [.terminal, .device, .ip]
  /// Of an entity with features: how many of its transactions, and of how much together, within the last hour.
  static func count(_ kind: EntityKind) -> String { "\(kind)_count_1h" }
  static func sum(_ kind: EntityKind) -> String { "\(kind)_sum_1h" }

  /// The same with features of other entities, and of several together.
  static let entitiesYAML: String = {
    var lines: [String] = []
    for kind in entities {
      lines.append("  - {name: \(count(kind)), entity: \(kind), aggregate: count, window: 1h}")
      lines.append("  - {name: \(sum(kind)), entity: \(kind), aggregate: sum, window: 1h}")
    }
    lines.append("  - {name: amount_to_terminal, aggregate: ratio, of: amount, by: \(sum(.terminal))}")
    lines.append("  - {name: card_to_device, aggregate: ratio, of: sum_1h, by: \(sum(.device))}")
    return featuresYAML + lines.joined(separator: "\n") + "\n"
  }()

  /// The first decides when a run begins.
  static func archives(entities: Bool) throws -> [BundleArchive] {
    try [1, 2].map { try archive(seed: $0, entities ? entitiesYAML : featuresYAML) }
  }

  private static func archive(seed: UInt64, _ featuresYAML: String) throws -> BundleArchive {
    let features = try FeatureSet.parse(yaml: featuresYAML, schema: .standard)
    let rows = try trainingRows(features, seed: seed)
    let forest = try IsolationForest.train(
      rows: rows, featureNames: features.names, options: .init(seed: seed, trees: 50, sampleSize: 64))
    let yaml = """
      version: 1
      name: chaos-\(seed)
      features: features.yaml
      model: {file: model.json, format: assay-isolation-forest}
      thresholds: {review: 0.6, decline: 0.7}
      reasons:
        - {code: BURST, feature: count_1m, above: 4}
      """
    return BundleArchive(files: [
      "bundle.yaml": Array(yaml.utf8), "features.yaml": Array(featuresYAML.utf8), "model.json": forest.encode(),
    ])
  }

  private static func trainingRows(_ features: FeatureSet, seed: UInt64) throws -> [Float] {
    let start: Int64 = 1_767_571_200_000
    var source = LoadSource(seed: seed, prefix: 0, cards: 1_000)
    var table = FeatureHistories(features: features)
    var row = [Double](repeating: 0, count: features.count)
    var rows: [Float] = []
    var bytes: [UInt8] = []
    for step in 0..<8_000 {
      bytes.removeAll(keepingCapacity: true)
      source.append(1, at: start + Int64(step) * 50, to: &bytes)
      let transaction = TransactionView(trusted: bytes.span.bytes)
      let key = transaction.keyHash
      _ = row.withUnsafeMutableBufferPointer { table.observe(transaction, keyHash: key, into: $0) }
      rows.append(contentsOf: row.map { Float($0) })
    }
    return rows
  }
}
