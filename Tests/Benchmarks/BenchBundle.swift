import Models
import Wire

/// The bundle of all benchmarks: a card's count, sum, mean and maximum over 1 m, 1 h, 24 h and 7 d and a few more, scored
/// by 100 trees of depth 6.
enum BenchBundle {
  /// Event times of in-process loads begin here, a Monday at midnight.
  static let start: Int64 = 1_767_571_200_000

  static let featuresYAML: String = {
    var lines = ["version: 1", "features:", "  - {name: amount, aggregate: field, of: amount}"]
    for window in ["1m", "1h", "24h", "7d"] {
      for aggregate in ["count", "sum", "mean", "max"] {
        lines.append("  - {name: \(aggregate)_\(window), aggregate: \(aggregate), window: \(window)}")
      }
    }
    lines.append("  - {name: seconds_since_last, aggregate: seconds_since_last}")
    lines.append("  - {name: countries_1h, aggregate: distinct, of: country, window: 1h}")
    lines.append("  - {name: amount_to_mean_24h, aggregate: ratio, of: amount, by: mean_24h}")
    return lines.joined(separator: "\n") + "\n"
  }()

  /// The same, and features of the terminal, the device and the IP: 30 in all.
  static let entitiesYAML: String = {
    var lines: [String] = []
    for (entity, windows) in [("terminal", ["1h", "24h"]), ("device", ["1h", "24h"]), ("ip", ["1h", "24h"])] {
      for window in windows {
        lines.append("  - {name: \(entity)_count_\(window), entity: \(entity), aggregate: count, window: \(window)}")
      }
    }
    lines.append("  - {name: terminal_mean_24h, entity: terminal, aggregate: mean, window: 24h}")
    lines.append("  - {name: terminal_max_24h, entity: terminal, aggregate: max, window: 24h}")
    lines.append("  - {name: device_cards_24h, entity: device, aggregate: distinct, of: card, window: 24h}")
    lines.append("  - {name: ip_cards_24h, entity: ip, aggregate: distinct, of: card, window: 24h}")
    lines.append("  - {name: amount_to_terminal_mean, aggregate: ratio, of: amount, by: terminal_mean_24h}")
    return featuresYAML + lines.joined(separator: "\n") + "\n"
  }()

  /// The bundle's files; the model is trained on the first transactions of the load itself, so that its paths are real.
  static func archive(entities: Bool = false) throws -> BundleArchive {
    let featuresYAML = entities ? entitiesYAML : featuresYAML
    let features = try FeatureSet.parse(yaml: featuresYAML, schema: .standard)
    let rows = try trainingRows(features, count: 20_000)
    // A sample of 64 gives trees of depth 6.
    let forest = try IsolationForest.train(
      rows: rows, featureNames: features.names,
      options: .init(seed: 1, trees: 100, sampleSize: 64))
    let yaml = """
      version: 1
      name: benchmark
      features: features.yaml
      model: {file: model.json, format: assay-isolation-forest}
      thresholds: {review: 0.7, decline: 0.8}
      reasons:
        - {code: AMOUNT_ABOVE_HABIT, feature: amount_to_mean_24h, above: 5}
        - {code: BURST, feature: count_1m, above: 4}
      """
    return BundleArchive(files: [
      "bundle.yaml": Array(yaml.utf8), "features.yaml": Array(featuresYAML.utf8), "model.json": forest.encode(),
    ])
  }

  static func make() throws -> Bundle {
    let archive = try archive()
    return try Bundle(archive: archive, id: BundleID(contents: archive.encode()))
  }

  private static func trainingRows(_ features: FeatureSet, count: Int) throws -> [Float] {
    var source = LoadSource(seed: 7, prefix: 0, cards: 2_000)
    var table = FeatureHistories(features: features)
    var row = [Double](repeating: 0, count: features.count)
    var rows: [Float] = []
    var bytes: [UInt8] = []
    for step in 0..<count {
      bytes.removeAll(keepingCapacity: true)
      source.append(1, at: start + Int64(step) * 400, to: &bytes)
      let transaction = TransactionView(trusted: bytes.span.bytes)
      let key = transaction.keyHash
      _ = row.withUnsafeMutableBufferPointer { table.observe(transaction, keyHash: key, into: $0) }
      rows.append(contentsOf: row.map { Float($0) })
    }
    return rows
  }
}
