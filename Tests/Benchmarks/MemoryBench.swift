import ArgumentParser
import Glibc
import Models
import Wire

/// Memory of a card's state with its events kept.
struct MemoryBench: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "memory", abstract: "Bytes a card with its events kept.")

  @Option var cards = 20_000
  @Option(help: "Events kept of each card.") var events = 100

  func run() throws { _ = try measure() }

  func measure() throws -> [Figure] {
    let features = try FeatureSet.parse(yaml: BenchBundle.featuresYAML, schema: .standard)
    let residentBefore = ProcessTimes.residentBytes(getpid())
    var table = EntityTable(features: features)
    fill(&table, features.count)
    precondition(table.count == cards, "every card is in the table")
    let resident = ProcessTimes.residentBytes(getpid()) - residentBefore
    let figures = [
      Figure("state, as the table counts it", Double(table.memoryBytes) / Double(cards), "bytes/card", digits: 0, goal: .atMost(1_200)),
      Figure("state, by resident memory", Double(resident) / Double(cards), "bytes/card", digits: 0, goal: .atMost(1_200)),
      // 1 m, 1 h, 24 h and 7 d in buckets of 1 s, 1 min, 1 h and 1 h: count, sum and maximum of each.
      Figure("baseline: windows of buckets", Double((60 + 60 + 24 + 168) * 3 * 8), "bytes/card", digits: 0),
    ]
    print(title: "memory: \(cards) cards with \(events) events each over a week, the features of the engine benchmark")
    Figure.print(figures)
    return figures
  }

  /// Spread over six days, so that the longest window keeps them all.
  private func fill(_ table: inout EntityTable, _ width: Int) {
    var builder = TransactionBuilder()
    builder.currency = .euro
    builder.merchant = Array("m_00000001".utf8)
    var bytes: [UInt8] = []
    var row = [Double](repeating: 0, count: width)
    let step = Int64(6 * 86_400_000 / events)
    for event in 0..<events {
      for card in 0..<cards {
        builder.id = Array("\(event)-\(card)".utf8)
        builder.card = Array(("c_" + String(String(card + 100_000_000).dropFirst())).utf8)
        builder.amount = Int64(1_000 + (event * 37 + card) % 9_000)
        builder.country = Country(event % 10 == 0 ? "FR" : "DE")!
        builder.eventTime = BenchBundle.start + Int64(event) * step + Int64(card % 1_000)
        bytes.removeAll(keepingCapacity: true)
        builder.append(to: &bytes)
        let view = TransactionView(trusted: bytes.span.bytes)
        let key = view.keyHash
        _ = row.withUnsafeMutableBufferPointer { table.observe(view, keyHash: key, into: $0) }
      }
    }
  }
}
