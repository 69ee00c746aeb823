import ArgumentParser
import CEL
import Models
import Wire

/// Lists of a million items: what they take, and how long a question takes.
struct ListsBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lists", abstract: "Memory and lookups of large lists, and rules over a transaction with its fields read.")

  func run() throws { _ = try measure() }

  func measure() throws -> [Figure] {
    var figures = try lists()
    figures += try rules()
    figures += try geo()
    return figures
  }

  private func lists() throws -> [Figure] {
    print(title: "lists: a million cards, 600,000 addresses; questions in random order, half of them members")
    var random = SeededGenerator(seed: 1)
    let cards = (0..<1_000_000).map { "c\(String(String($0 + 10_000_000).dropFirst()))" }
    let addresses = (0..<600_000).map { _ in UInt32(truncatingIfNeeded: random.next()) }
    let bundle = try Self.bundle([
      ("cards", "text", cards.joined(separator: "\n")), ("ips", "ip", addresses.map(Self.dotted).joined(separator: "\n")),
    ])
    let (texts, networks) = (bundle.lists[0], bundle.lists[1])
    let questions = (0..<4_096).map { index -> [UInt8] in
      let card = cards[Int(random.next() % UInt64(cards.count))]
      return Array((index % 2 == 0 ? card : "x" + card.dropFirst()).utf8)
    }
    let asked = (0..<4_096).map { index in
      index % 2 == 0 ? addresses[Int(random.next() % UInt64(addresses.count))] : UInt32(truncatingIfNeeded: random.next())
    }
    let figures = [
      Figure("cards: memory", Double(texts.memoryBytes) / Double(texts.count), "bytes/item", digits: 1),
      Figure("cards: a question", time(questions) { $0.withUnsafeBufferPointer { texts.contains($0, at: 0) } }, "ns", digits: 0),
      Figure("addresses: memory", Double(networks.memoryBytes) / Double(networks.count), "bytes/item", digits: 1),
      Figure(
        "addresses: a question", time(asked) { networks.contains((high: 0, low: UInt64($0) | 0xFFFF << 32), at: 0) }, "ns", digits: 0),
    ]
    Figure.print(figures)
    return figures
  }

  /// A transaction of the engine benchmark through the decider, with rules and without.
  private func rules() throws -> [Figure] {
    print(title: "rules on a transaction's way: ns a decision, without a model")
    let rule = "tx.amount > 5000.0 && card.count_1h >= 3.0 && tx.country != 'NO' && card.mean_24h > 2.5 && card.count_1m < 60.0"
    func bundle(_ count: Int) throws -> Bundle {
      let rules = (0..<count).map { "  - {id: r\($0), when: \"\(rule)\", reason: R\($0), action: review}\n" }.joined()
      return try Self.bundle([], features: BenchBundle.featuresYAML, rules: count == 0 ? nil : "version: 1\nrules:\n" + rules)
    }
    var figures: [Figure] = []
    for count in [0, 1, 20] {
      figures.append(Figure("\(count) rules of five comparisons", try decide(try bundle(count)), "ns", digits: 0))
    }
    Figure.print(figures)
    return figures
  }

  /// A table of records as large as a city database's, and a rule that asks three fields of it.
  private func geo() throws -> [Figure] {
    print(title: "geo: 262,144 networks, 20,000 records of 30 values; a rule over three of them, addresses in random order")
    let file = GeoBenchFile()
    var random = SeededGenerator(seed: 3)
    let addresses = (0..<1_024).map { _ in 11 << 24 | UInt32(truncatingIfNeeded: random.next()) & 0xFF_FFFF }
    var archive = BundleArchive(files: ["geo/city.mmdb": file.bytes])
    archive.files["bundle.yaml"] = Array("version: 1\nname: geo\nfeatures: features.yaml\ngeo: [{name: city, file: geo/city.mmdb}]\n".utf8)
    archive.files["features.yaml"] = Array("version: 1\nfeatures:\n  - {name: n, aggregate: count, window: 1h}\n".utf8)
    let without = try Bundle(archive: archive, id: BundleID(high: 1, low: 1))
    archive.files["rules/geo.yaml"] = Array(
      "version: 1\nrules:\n  - {id: g, when: geo.city.country == 'ZZ' && geo.city.latitude > 0.0 && geo.city.longitude > 0.0, reason: G, action: review}\n"
        .utf8)
    let opened = ProcessTimes.cpuSeconds { _ = try? Bundle(archive: archive, id: BundleID(high: 1, low: 1)) }
    let with = try Bundle(archive: archive, id: BundleID(high: 1, low: 1))
    let cost = try decide(with, addresses: addresses) - decide(without, addresses: addresses)
    let figures = [
      Figure("a file of \(file.bytes.count >> 20) MiB: read and proven", opened * 1e3, "ms", digits: 0),
      Figure("a rule over three fields", cost, "ns", digits: 0),
    ]
    Figure.print(figures)
    return figures
  }

  private func decide(_ bundle: Bundle, addresses: [UInt32] = []) throws -> Double {
    var source = LoadSource(seed: 7, prefix: 0, cards: 2_000)
    var records: [UInt8] = []
    var ranges: [Range<Int>] = []
    for step in 0..<1_024 {
      let start = records.count
      source.append(1, at: BenchBundle.start + Int64(step) * 400, to: &records)
      if !addresses.isEmpty {
        // The address is the record's end.
        let address = addresses[step]
        records.replaceSubrange((records.count - 4)..., with: (0..<4).map { UInt8(truncatingIfNeeded: address >> (24 - 8 * UInt32($0))) })
      }
      ranges.append(start..<records.count)
    }
    let width = bundle.features.count
    // All five are asked for every row but for the amount, which few have.
    let matrix = [Double](repeating: 5, count: width * ranges.count)
    let flags = [Decision.Flags](repeating: [], count: ranges.count)
    var decider = Decider()
    var decisions: [Decision] = []
    let rounds = (0..<5).map { _ in
      ProcessTimes.cpuSeconds {
        for _ in 0..<100 {
          decisions.removeAll(keepingCapacity: true)
          records.withUnsafeBytes { bytes in
            matrix.withUnsafeBufferPointer { matrix in
              decider.decide(
                bundle, records: bytes, record: { ranges[$0] }, matrix: matrix, rowCount: ranges.count, stride: width, flags: flags[...],
                into: &decisions)
            }
          }
        }
      } * 1e9 / 100 / Double(ranges.count)
    }
    return median(rounds)
  }

  private static func bundle(_ lists: [(name: String, type: String, lines: String)], features: String? = nil, rules: String? = nil) throws
    -> Bundle
  {
    var files: [String: [UInt8]] = [:]
    var yaml = "version: 1\nname: lists\n"
    if let features {
      yaml += "features: features.yaml\n"
      files["features.yaml"] = Array(features.utf8)
    }
    if let rules { files["rules/all.yaml"] = Array(rules.utf8) }
    if !lists.isEmpty { yaml += "lists:\n" }
    for list in lists {
      yaml += "  - {name: \(list.name), file: lists/\(list.name).csv, type: \(list.type)}\n"
      files["lists/\(list.name).csv"] = Array("value\n\(list.lines)\n".utf8)
    }
    files["bundle.yaml"] = Array(yaml.utf8)
    return try Bundle(archive: BundleArchive(files: files), id: BundleID(high: 1, low: 1))
  }

  private static func dotted(_ address: UInt32) -> String {
    [24, 16, 8, 0].map { String(address >> $0 & 0xFF) }.joined(separator: ".")
  }

  /// Median of five rounds, nanoseconds a question.
  private func time<T>(_ questions: [T], _ ask: (T) -> Bool) -> Double {
    var hits = 0
    let rounds = (0..<5).map { _ in
      ProcessTimes.cpuSeconds {
        for _ in 0..<50 { for question in questions where ask(question) { hits += 1 } }
      } * 1e9 / Double(50 * questions.count)
    }
    precondition(hits > 0)
    return median(rounds)
  }
}
