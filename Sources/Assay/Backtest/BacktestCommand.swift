import ArgumentParser
import Foundation
import Models
import Wire

/// `assay backtest`.
struct BacktestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backtest", abstract: "Run history through a bundle, without a cluster: what it flags, how often, and how rightly.",
    discussion: """
      The same code decides as on a worker, on all cores. With --labels, precision and recall are told for the bundle as a whole, for \
      the model alone and for each rule, those in shadow too. With --against, the same history is decided by another bundle as well, \
      and what changes is told. Features of labels count them from known_at on.

      With --list-items, rules go by the hot items that lists had: of each transaction by the list version that its decision in \
      --decisions names, else by the times of the edits. The file has every edit of that time, drops too, a line of JSON each as \
      'assay list show --json' writes those that are in effect.
      """)

  @Option(help: ArgumentHelp("A bundle's directory or file.", valueName: "B")) var bundle: String
  @OptionGroup(title: "Input") var input: ReplayOptions
  @Option(help: ArgumentHelp("Labels (transaction_id,label[,label_version][,known_at]).", valueName: "L.csv")) var labels: String?
  @Option(help: ArgumentHelp("The bundle to compare with, such as the one that decides now.", valueName: "B2")) var against: String?
  @Option(help: ArgumentHelp("Edits of lists' hot items, JSON lines.", valueName: "I.ndjson")) var listItems: String?
  @Option(help: ArgumentHelp("The cluster's decisions, by which list version each was made.", valueName: "D.ndjson")) var decisions: String?
  @Option(help: ArgumentHelp("Transactions, from the beginning, that only fill the windows.", valueName: "N")) var skip = 0

  func validate() throws {
    if decisions != nil, listItems == nil { throw ValidationError("--decisions tells which of --list-items were in effect: give both") }
  }

  func run() async throws {
    try await orOneLine {
      let stop = StopFlag()
      let interruption = Interruption { stop.set() }
      defer { interruption.cancel() }
      let source = try BundleSource(path: bundle).bundle
      let other = try against.map { try BundleSource(path: $0).bundle }
      if let other, other.schema.fields != source.schema.fields {
        throw OneLine("the bundles declare other fields in schema.yaml, so one file can't be read for both: compare those that agree")
      }
      let labelFile = try labels.map { try LabelFile(path: $0) }
      let lists = try listItems.map { try ListHistory(items: $0, decisions: decisions) }
      for judged in [source] + (other.map { [$0] } ?? []) {
        if let why = LabelFile.missing(labelFile, for: judged.features) { Output.error("note: \(judged.name): \(why)\n") }
      }
      let replay = try input.replay(source.schema, for: [source] + (other.map { [$0] } ?? []))
      let skip = skip
      let shards = (0..<replay.threads).map { _ in
        BacktestShard(source, against: other, labels: labelFile, lists: lists, isWarmUp: { $0 < skip })
      }
      let outcome = try replay.run(shards, stop)
      report(source, other, outcome, shards, lists)
    }
  }

  private func report(
    _ source: Models.Bundle, _ other: Models.Bundle?, _ outcome: ParallelReplay.Outcome, _ shards: [BacktestShard],
    _ lists: ListHistory?
  ) {
    for shard in shards { shard.finish() }
    var counts = BacktestCounts(rules: source.rules?.book.rules.count ?? 0)
    for shard in shards { counts.add(shard.counts) }
    print("bundle        \(source.name) (\(source.id))")
    print(
      "replayed      \(NumberText.grouped(outcome.transactions)) transactions in \(NumberText.fixed(outcome.seconds, 1)) s on "
        + "\(shards.count) threads: \(NumberText.grouped(Int(Double(outcome.transactions) / max(outcome.seconds, 1e-9))))/s")
    if let bad = outcome.firstBadLine {
      print("unreadable    \(NumberText.grouped(outcome.badLines)) lines; line \(bad.number): \(bad.rejection)")
    }
    let refused = shards.reduce(0) { $0 + $1.refused }
    if refused > 0, let first = shards.compactMap(\.firstRefusal).first {
      print("refused       \(NumberText.grouped(refused)) by the schema; the first: \(first)")
    }
    var repeats = RepeatCounts()
    for shard in shards { repeats += shard.repeatCounts }
    for line in repeats.lines(width: 14) { print(line) }
    if let lists { print("hot items     \(NumberText.grouped(lists.count)) edits of lists, up to list version \(lists.newest)") }
    let report = BacktestReport(bundle: source, counts: counts, hasLabels: labels != nil)
    for line in report.lines { print(line) }
    guard let other else { return }
    var otherCounts = BacktestCounts(rules: other.rules?.book.rules.count ?? 0)
    for shard in shards { if let counts = shard.otherCounts { otherCounts.add(counts) } }
    let otherReport = BacktestReport(bundle: other, counts: otherCounts, hasLabels: labels != nil)
    for line in report.difference(to: otherReport) { print(line) }
    for line in otherReport.lines { print("  \(line)") }
  }
}
