import ArgumentParser
import Models
import Wire

/// `assay generate`.
struct GenerateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Make transactions of an invented world, with planted fraud and the labels to it.",
    discussion: """
      Customers, cards, shops, terminals, devices and addresses with habits and places; fraud of seven patterns, each \
      named in the labels (transaction_id,label,pattern). The same options give the same bytes.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case ndjson, csv }

  @Option(help: ArgumentHelp("How many transactions.", valueName: "N")) var transactions = 300_000
  @Option(help: ArgumentHelp("Determines everything.", valueName: "S")) var seed: UInt64 = 1
  @Option(help: ArgumentHelp("Share of fraudulent transactions, 0 to 0.2.", valueName: "P")) var fraudRate = 0.005
  @Option(help: ArgumentHelp("Write the transactions here.", valueName: "F")) var out: String
  @Option(help: ArgumentHelp("Write the labels here (CSV).", valueName: "L")) var labels: String?
  @Option(help: ArgumentHelp("First instant, RFC 3339 (default 2026-01-05T00:00:00Z).", valueName: "T")) var start: String?
  @Option(help: ArgumentHelp("Length of the span.", valueName: "D")) var days = 30
  @Option(help: ArgumentHelp("Cards (default: one for 60 transactions).", valueName: "C")) var cards: Int?
  @Option(help: ArgumentHelp("Milliseconds by which transactions may come out of order.", valueName: "MS")) var jitter: Int64 = 0
  @Option(help: "ndjson or csv.") var format = Format.ndjson
  @Flag(help: "Replace files that exist.") var force = false

  func validate() throws {
    if let problem = try options().problem { throw ValidationError(problem) }
    if let labels, labels == out { throw ValidationError("--out and --labels are two files") }
  }

  private func options() throws -> GeneratorOptions {
    GeneratorOptions(
      seed: seed, transactions: transactions, fraudRate: fraudRate, start: try firstInstant(), days: days, cards: cards,
      jitterMilliseconds: jitter)
  }

  private func firstInstant() throws -> Int64 {
    guard let start else { return GeneratorOptions.defaultStart }
    do throws(Timestamp.Failure) {
      let bytes = Array(start.utf8)
      return try Timestamp.parse(bytes.span.bytes)
    } catch {
      throw ValidationError("--start \(start): write an instant such as 2026-01-05T00:00:00Z")
    }
  }

  func run() async throws {
    try await orOneLine {
      let stop = StopFlag()
      let interruption = Interruption { stop.set() }
      defer { interruption.cancel() }
      let made = try write(stop)
      print(
        "\(NumberText.grouped(transactions)) transactions in \(out), \(NumberText.grouped(made.frauds)) of them fraud; "
          + "\(NumberText.bytes(made.bytes)) in \(NumberText.fixed(made.seconds, 1)) s"
          + (labels.map { "; labels in \($0)" } ?? ""))
    }
  }

  private static let pieceSize = 1 << 18

  private func write(_ stop: StopFlag) throws -> (frauds: Int, bytes: Int, seconds: Double) {
    var progress = ProgressLine()
    let file = try FreshFile(out, replacing: force)
    let labelFile = try labels.map { try FreshFile($0, replacing: force) }
    let writer = TransactionText()
    var generator = TransactionGenerator(try options())
    var builder = TransactionBuilder()
    var pattern: FraudPattern?
    var record: [UInt8] = []
    var text = format == .csv ? Array(writer.csvHeader.utf8) : []
    var labelText = Array(LabelText.header.utf8)
    var (made, frauds, bytes) = (0, 0, 0)
    func flush() throws {
      bytes += text.count
      try file.write(text)
      try labelFile?.write(labelText)
      text.removeAll(keepingCapacity: true)
      labelText.removeAll(keepingCapacity: true)
    }
    while generator.next(into: &builder, label: &pattern) {
      record.removeAll(keepingCapacity: true)
      builder.append(to: &record)
      let view = TransactionView(trusted: record.span.bytes)
      if format == .csv { writer.appendCSV(view, to: &text) } else { writer.appendJSON(view, to: &text) }
      if labelFile != nil { LabelText.append(transactionID: view.id, pattern: pattern, to: &labelText) }
      made += 1
      if pattern != nil { frauds += 1 }
      guard text.count >= Self.pieceSize else { continue }
      try flush()
      try stop.check()
      progress.show { seconds in
        "\(made * 100 / transactions) %  \(NumberText.grouped(made)) transactions  \(NumberText.grouped(Int(Double(made) / seconds)))/s"
      }
    }
    try flush()
    try file.commit()
    try labelFile?.commit()
    progress.clear()
    return (frauds, bytes, progress.seconds)
  }
}
