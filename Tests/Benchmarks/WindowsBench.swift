import ArgumentParser
import Models
import Wire

/// The windows of one card that stays in the cache: a transaction enters them, the oldest leave, and all are read.
struct WindowsBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "windows", abstract: "Update and read of a card's four windows, in cache; and of other kinds of features.")

  private static let windows = ["1m", "1h", "24h", "7d"]

  private static let sets: [(name: String, features: [String], goal: Double?)] = [
    ("count over 4 windows", windows.map { "name: count_\($0), aggregate: count, window: \($0)" }, 250),
    (
      "count, sum and mean over 4 windows",
      windows.flatMap { window in ["count", "sum", "mean"].map { "name: \($0)_\(window), aggregate: \($0), window: \(window)" } }, nil
    ),
    ("maximum over 4 windows", windows.map { "name: max_\($0), aggregate: max, window: \($0)" }, nil),
    ("distinct countries over 4 windows", windows.map { "name: n_\($0), aggregate: distinct, of: country, window: \($0)" }, nil),
    ("hour, weekend and night at +01:00", ["hour", "weekend", "night"].map { "name: \($0), aggregate: \($0), zone: '+01:00'" }, nil),
  ]

  func run() throws { _ = try measure() }

  func measure() throws -> [Figure] {
    print(title: "windows: ns a transaction of one card with some 400 events kept, update and read, on one thread")
    var figures: [Figure] = []
    for set in Self.sets {
      let yaml = "version: 1\nfeatures:\n" + set.features.map { "  - {\($0)}\n" }.joined()
      let features = try FeatureSet.parse(yaml: yaml, schema: .standard)
      figures.append(Figure(set.name, time(features), "ns", digits: 0, goal: set.goal.map { .atMost($0) }))
    }
    figures += try hot()
    Figure.print(figures)
    return figures
  }

  /// A merchant with twenty transactions a second, of which 4,096 are kept one by one and the others by minutes.
  private func hot() throws -> [Figure] {
    let sets = [
      (
        "hot, by minutes: count, sum and mean over 1h and 24h",
        ["count", "sum", "mean"].flatMap { aggregate in
          ["1h", "24h"].map { "name: \(aggregate)_\($0), aggregate: \(aggregate), window: \($0), resolution: 1m" }
        }
      ),
      ("hot, by minutes: maximum over 24h", ["name: max, aggregate: max, window: 24h, resolution: 1m"]),
      ("hot, by minutes: distinct devices over 24h", ["name: n, aggregate: distinct, of: device, window: 24h, resolution: 1m"]),
    ]
    var figures: [Figure] = []
    for (name, features) in sets {
      let yaml = "version: 1\nfeatures:\n" + features.map { "  - {\($0)}\n" }.joined()
      var table = EntityTable(features: try FeatureSet.parse(yaml: yaml, schema: .standard))
      var row = [Double](repeating: 0, count: features.count)
      var builder = TransactionBuilder()
      builder.currency = .euro
      builder.id = [1]
      builder.card = Array("m_00000001".utf8)
      builder.amount = 1_000
      builder.device = [UInt8](repeating: 0, count: 8)
      var record: [UInt8] = []
      builder.append(to: &record)
      let key = TransactionView(trusted: record.span.bytes).keyHash
      // The device stands last but for the address, which there is none of.
      let device = record.count - 8
      var time = BenchBundle.start
      var number: UInt64 = 0
      let rounds = (0..<5).map { _ in
        ProcessTimes.cpuSeconds {
          for _ in 0..<100_000 {
            time += 50
            number += 1
            record.withUnsafeMutableBytes {
              $0.storeBytes(of: time.littleEndian, toByteOffset: 8, as: Int64.self)
              $0.storeBytes(of: number, toByteOffset: device, as: UInt64.self)
            }
            let view = TransactionView(trusted: record.span.bytes)
            _ = row.withUnsafeMutableBufferPointer { table.observe(view, keyHash: key, into: $0) }
          }
        } * 1e9 / 100_000
      }
      figures.append(Figure(name, median(Array(rounds.dropFirst())), "ns", digits: 0))
      figures.append(Figure("memory of it after 500,000 events", Double(table.memoryBytes) / 1024, "KiB", digits: 0))
    }
    return figures
  }

  /// Median of five rounds of 200,000 transactions, 25 minutes apart on the average: 2 or 3 an hour, 400 a week.
  private func time(_ features: FeatureSet) -> Double {
    var table = EntityTable(features: features)
    var row = [Double](repeating: 0, count: features.count)
    var builder = TransactionBuilder()
    builder.currency = .euro
    builder.id = [1]
    builder.card = Array("c_00000001".utf8)
    var records: [UInt8] = []
    var ends: [Int] = []
    let count = 1_024
    for number in 0..<count {
      builder.amount = Int64(1_000 + number * 37 % 9_000)
      builder.country = Country(["DE", "FR", "NL", "SE"][number * 7 % 4])!
      builder.append(to: &records)
      ends.append(records.count)
    }
    let size = records.count / count
    precondition(ends.last == size * count, "records are of one size")
    var time = BenchBundle.start
    let rounds = (0..<6).map { _ in
      ProcessTimes.cpuSeconds {
        for step in 0..<200_000 {
          let at = step % count * size
          time += Int64(60_000 * (step * 13 % 49 + 1))
          records.withUnsafeMutableBytes { $0.storeBytes(of: time.littleEndian, toByteOffset: at + 8, as: Int64.self) }
          let view = TransactionView(trusted: records.span.bytes.extracting(at..<at + size))
          let key = view.keyHash
          _ = row.withUnsafeMutableBufferPointer { table.observe(view, keyHash: key, into: $0) }
        }
      } * 1e9 / 200_000
    }
    // The first round fills the windows.
    return median(Array(rounds.dropFirst()))
  }
}
