import ArgumentParser
import Client
import Foundation
import Models
import Wire

/// `assay label ...`.
struct LabelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "label", abstract: "Tell the cluster what has become known of transactions: fraud or legitimate.",
    subcommands: [LabelSubmitCommand.self])
}

/// `assay label submit FILE`.
struct LabelSubmitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "Send a file of labels to the cluster, each to its transaction.",
    discussion: """
      Each row is a transaction as it was submitted, NDJSON or CSV, with its label: fraud or legitimate, and label_version \
      where a label changes an earlier one (1 where it is missing; the highest holds). Or FILE is a CSV file with the \
      columns transaction_id, label and perhaps label_version, and --transactions has the transactions.

      Labels that can't be applied never stop the rest; the summary counts them by their reason. An interrupted \
      submission goes on where it stopped when the same command is run again.

      Exit codes:
        0   every label is applied
        1   the cluster can't be reached, or refuses this client
        2   the call is wrong, or a file can't be read or written (64 for options that don't exist)
        3   labels were not applied in time, or the submission was interrupted: run the same command again
        4   labels could not be read, were refused, or have no transaction in the file
      """)

  @Argument(help: "The file of labels.")
  var file: String

  @Option(help: ArgumentHelp("The transactions that FILE labels by their ids.", valueName: "FILE"))
  var transactions: String?

  @Option(help: "ndjson or csv, of the file with the transactions; else told by its name or first byte.")
  var format: SubmitCommand.InputFormat?

  @Option(help: ArgumentHelp("A YAML file that says which columns become which fields.", valueName: "M.yaml"))
  var mapping: String?

  @Option(help: ArgumentHelp("The bundle's schema.yaml, if it declares fields beyond the fixed ones.", valueName: "S.yaml"))
  var schema: String?

  @OptionGroup(title: "Cluster") var cluster: ClusterOptions

  @Option(help: ArgumentHelp("Seconds after which a label that is not applied counts as failed.", valueName: "S"))
  var deadline: Double = 60

  @Flag(help: "Start over, whatever was submitted before; what has been applied is not applied again.")
  var again = false

  @Option(help: ArgumentHelp("Keep the progress here instead of in FILE.assay-labels-progress.", valueName: "PATH"))
  var progress: String?

  @Option(help: ArgumentHelp("Write the summary here as JSON.", valueName: "PATH"))
  var jsonSummary: String?

  func validate() throws {
    guard deadline >= 0.1, deadline <= 86_400 else { throw ValidationError("--deadline is 0.1 to 86400 seconds") }
    try cluster.validate()
  }

  func run() async throws {
    let display = ProgressDisplay(file)
    do {
      let (options, labelCount) = try jobOptions()
      let summary = try await submit(options, display)
      display.finish()
      // Of labels by id, those that no row of the transactions has taken.
      let left = summary.isComplete ? labelCount.map { max(0, $0 - summary.counters.rows) } ?? 0 : 0
      print(LabelSummaryText.text(summary, file: file, transactions: transactions, left: left), terminator: "")
      try SubmitCommand.write(summary, to: jsonSummary)
      let code = SubmitCommand.exitCode(summary)
      if code != .success { throw code }
      if left > 0 { throw ExitCode(4) }
    } catch let error as ClientError {
      display.finish()
      FileHandle.standardError.write(Data("assay label submit: \(error)\n".utf8))
      throw ExitCode(error.isUsage ? 2 : 1)
    }
  }

  private func submit(_ options: SubmitJobOptions, _ display: ProgressDisplay) async throws -> SubmitSummary {
    let connection = try ClusterConnection(cluster, name: "label")
    defer { connection.close() }
    let map = try await connection.client.map()
    let job = SubmitJob(options, on: connection.eventLoop) { display.show($0) }
    let interruption = Interruption { job.stop() }
    defer { interruption.cancel() }
    return try await job.run(connection.client, cluster: map.cluster)
  }

  /// And how many transactions the labels name, where they come by id.
  private func jobOptions() throws -> (SubmitJobOptions, labels: Int?) {
    var options = try SubmitCommand.jobOptions(transactions ?? file, format, mapping: mapping, schema: schema)
    options.progressPath = progress ?? file + ".assay-labels-progress"
    options.again = again
    options.submit.rowDeadline = Int64(deadline * 1e9)
    // Labels are no payments; what the workers are busy with goes first.
    options.submit.framesInFlight = 4
    guard transactions != nil else {
      options.labels = .inRows
      return (options, nil)
    }
    let text = try SubmitCommand.read(file)
    do throws(LabelTable.Defect) {
      let table = try LabelTable(csv: Array(text.utf8))
      options.labels = .byTransaction(table)
      options.definitionText += text
      return (options, table.count)
    } catch {
      throw ClientError.usage("\(file), \(error)")
    }
  }
}

/// The end of a submission of labels in words.
enum LabelSummaryText {
  static func text(_ summary: SubmitSummary, file: String, transactions: String?, left: Int) -> String {
    let counters = summary.counters
    var text = ""
    func line(_ label: String, _ value: String) {
      text += "  \(label.padding(toLength: 18, withPad: " ", startingAt: 0))\(value)\n"
    }
    if summary.wasDone {
      text += "\(file) was submitted before: nothing was sent. (--again starts over.)\n"
    } else if summary.isComplete {
      text += "\(file) is done.\n"
    } else {
      text += "\(file) is not done: run the same command again to go on from line \(summary.nextLine) of \(transactions ?? file).\n"
    }
    line("applied", "\(counters.decided)")
    line("already applied", "\(counters.alreadyDecided)")
    if counters.quarantined > 0 { line("unreadable lines", "\(counters.quarantined), in the cluster's quarantine") }
    for (reason, count) in counters.unreadable.sorted(by: { $0.key < $1.key }) { line("", "\(count)  \(reason)") }
    for (reason, count) in counters.rejected.sorted(by: { $0.key < $1.key }) { line("rejected", "\(count)  \(reason)") }
    if left > 0, let transactions { line("not found", "\(left) labels are of transactions that \(transactions) does not have") }
    if summary.failed > 0 { line("failed", "\(summary.failed)") }
    if !summary.wasDone { line("time", "\(String(format: "%.2f", summary.elapsed)) s, \(Int(summary.rate)) labels/s") }
    if summary.resent > 0 { line("sent again", "\(summary.resent)") }
    for example in summary.examples { text += "  \(example)\n" }
    if let problem = summary.problem { text += "  The cluster's last word: \(problem)\n" }
    return text
  }
}
