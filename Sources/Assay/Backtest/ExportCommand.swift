import ArgumentParser
import Foundation
import Models
import Wire

/// `assay export`.
struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a training set: each transaction's feature values as they were when it was decided.",
    discussion: """
      Values are those of the transaction's own time, computed by the code that computes them online. --online holds them against \
      what a cluster said of the same transactions (assay submit --decisions F.ndjson --with-features): both must have the same digest. \
      Features of labels count them from known_at on.
      """)

  @Flag(help: "Export feature values (the only thing there is to export as yet).") var features = false
  @Option(help: ArgumentHelp("A bundle's directory or file.", valueName: "B")) var bundle: String
  @OptionGroup(title: "Input") var input: ReplayOptions
  @Option(help: ArgumentHelp("Labels (transaction_id,label[,label_version][,known_at]): add a column 'label'.", valueName: "L.csv"))
  var labels: String?
  @Option(help: ArgumentHelp("Write here: CSV, or NDJSON by the name's end.", valueName: "F.csv|F.ndjson")) var out: String?
  @Option(help: ArgumentHelp("Decisions with features of a cluster, to compare the digest with.", valueName: "D.ndjson")) var online:
    String?
  @Flag(help: "Replace the file if it exists.") var force = false

  func validate() throws {
    guard features else { throw ValidationError("say what to export: --features") }
    guard out != nil || online != nil else {
      throw ValidationError("say where to: --out F.csv, or what to compare with: --online D.ndjson")
    }
  }

  func run() async throws {
    try await orOneLine {
      let stop = StopFlag()
      let interruption = Interruption { stop.set() }
      defer { interruption.cancel() }
      let source = try BundleSource(path: bundle).bundle
      let labelFile = try labels.map { try LabelFile(path: $0) }
      if let why = LabelFile.missing(labelFile, for: source.features) { Output.error("note: \(why)\n") }
      let replay = try input.replay(source.schema, for: [source])
      let format: ExportShard.Format = out?.hasSuffix(".ndjson") == true ? .ndjson : .csv
      let file = try out.map { try FreshFile($0, replacing: force) }
      if let file, format == .csv { try file.write(Array(ExportShard.header(source, hasLabels: labels != nil).utf8)) }
      let shards = (0..<replay.threads).map { _ in ExportShard(source, labels: labelFile, format: format) }
      let outcome = try replay.run(shards, stop) {
        if let file { try file.write(Self.inOrder(shards)) }
        for shard in shards { shard.clearRound() }
      }
      try file?.commit()
      var digest = FeatureDigest()
      for shard in shards { digest.add(shard.digest) }
      print(
        "exported    \(NumberText.grouped(digest.count)) transactions, \(source.features.count) features of \(source.name) (\(source.id))")
      if let bad = outcome.firstBadLine {
        print("unreadable  \(NumberText.grouped(outcome.badLines)) lines; line \(bad.number): \(bad.rejection)")
      }
      let refused = shards.reduce(0) { $0 + $1.refused }
      if refused > 0, let first = shards.compactMap(\.firstRefusal).first {
        print("refused     \(NumberText.grouped(refused)) by the schema; the first: \(first)")
      }
      var repeats = RepeatCounts()
      for shard in shards { repeats += shard.repeatCounts }
      for line in repeats.lines(width: 12) { print(line) }
      if let out { print("file        \(out)") }
      print("digest      \(digest)")
      guard let online else { return }
      let other = try OnlineFeatures.digest(online, names: source.features.names)
      print("online      \(other), \(NumberText.grouped(other.count)) transactions")
      guard other == digest else { throw OneLine("the digests differ: the cluster computed other values, or of other transactions") }
    }
  }

  /// The round's lines in the file's order: each shard's are in it already.
  private static func inOrder(_ shards: [ExportShard]) -> [UInt8] {
    var lines: [(number: Int, shard: Int, range: Range<Int>)] = []
    for (index, shard) in shards.enumerated() {
      shard.takeRound { lines.append(($0, index, $1.startIndex..<$1.endIndex)) }
    }
    lines.sort { $0.number < $1.number }
    var text: [UInt8] = []
    text.reserveCapacity(lines.reduce(0) { $0 + $1.range.count })
    for line in lines { text += shards[line.shard].text[line.range] }
    return text
  }
}
