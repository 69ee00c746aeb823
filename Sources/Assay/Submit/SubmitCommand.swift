import ArgumentParser
import Client
import Foundation
import Models
import Wire

/// `assay submit FILE`.
public struct SubmitCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "Send a file of transactions to the cluster and have each decided, once.",
    discussion: """
      The file is NDJSON (one transaction a line) or CSV (with a header). Lines that are no transactions go to the \
      cluster's quarantine and never stop the rest.

      An interrupted submission goes on where it stopped when the same command is run again; a finished one sends \
      nothing again. Progress is kept in FILE.assay-progress.

      Exit codes:
        0   every row was decided
        1   the cluster can't be reached, or refuses this client
        2   the call is wrong, or a file can't be read or written (64 for options that don't exist)
        3   rows were not decided in time, or the submission was interrupted: run the same command again
        4   rows could not be read, or were refused; they are in the cluster's quarantine with the reasons
      """)

  @Argument(help: "The file of transactions.")
  var file: String

  @Option(help: "ndjson or csv; else told by the file's name or first byte.")
  var format: InputFormat?

  @Option(help: ArgumentHelp("A YAML file that says which columns become which fields.", valueName: "M.yaml"))
  var mapping: String?

  @Option(help: ArgumentHelp("The bundle's schema.yaml, if it declares fields beyond the fixed ones.", valueName: "S.yaml"))
  var schema: String?

  @Option(help: ArgumentHelp("Transactions a second; else as fast as the cluster takes them.", valueName: "N"))
  var rate: Double?

  @Option(help: ArgumentHelp("Write the decisions here, in the file's order; .csv or .ndjson.", valueName: "OUT"))
  var decisions: String?

  @Flag(help: "Write each decision's features, too (NDJSON only).")
  var withFeatures = false

  @OptionGroup(title: "Cluster") var cluster: ClusterOptions

  @Option(help: ArgumentHelp("Seconds after which a row that is not decided counts as failed.", valueName: "S"))
  var deadline: Double = 60

  @Flag(help: "Start over, whatever was submitted before; what the cluster has decided it does not decide again.")
  var again = false

  @Option(help: ArgumentHelp("Keep the progress here instead of beside the file.", valueName: "PATH"))
  var progress: String?

  @Option(help: ArgumentHelp("Write the summary here as JSON.", valueName: "PATH"))
  var jsonSummary: String?

  enum InputFormat: String, ExpressibleByArgument, CaseIterable {
    case ndjson, csv
  }

  public init() {}

  public func validate() throws {
    if let rate, !(rate > 0 && rate <= 10_000_000) {
      throw ValidationError("--rate is a number of transactions a second, above 0 and at most 10000000")
    }
    guard deadline >= 0.1, deadline <= 86_400 else { throw ValidationError("--deadline is 0.1 to 86400 seconds") }
    if withFeatures, decisions == nil { throw ValidationError("--with-features needs --decisions OUT.ndjson") }
    if withFeatures, decisions?.hasSuffix(".csv") == true {
      throw ValidationError("features are written to NDJSON only: give --decisions a name that ends in .ndjson")
    }
    try cluster.validate()
  }

  public func run() async throws {
    let display = ProgressDisplay(file)
    do {
      let summary = try await submit(display)
      display.finish()
      SummaryText.print(summary, file: file, decisions: decisions, hasSchema: schema != nil)
      try writeSummary(summary)
      let code = Self.exitCode(summary)
      if code != .success { throw code }
    } catch let error as ClientError {
      display.finish()
      Self.complain("\(error)")
      throw ExitCode(error.isUsage ? 2 : 1)
    }
  }

  private func submit(_ display: ProgressDisplay) async throws -> SubmitSummary {
    var options = try jobOptions()
    options.rate = rate
    options.outputPath = decisions
    options.progressPath = progress
    options.again = again
    options.submit.rowDeadline = Int64(deadline * 1e9)
    options.submit.withFeatures = withFeatures
    let connection = try ClusterConnection(cluster, name: "submit")
    defer { connection.close() }
    let map = try await connection.client.map()
    let job = SubmitJob(options, on: connection.eventLoop) { display.show($0) }
    let interruption = Interruption { job.stop() }
    defer { interruption.cancel() }
    return try await job.run(connection.client, cluster: map.cluster)
  }

  private func jobOptions() throws -> SubmitJobOptions { try Self.jobOptions(file, format, mapping: mapping, schema: schema) }

  static func jobOptions(_ file: String, _ format: InputFormat?, mapping: String?, schema: String?) throws -> SubmitJobOptions {
    var options = SubmitJobOptions(path: file)
    options.format = format.flatMap { TransactionTextReader.Format(rawValue: $0.rawValue) }
    do {
      if let schema {
        let text = try read(schema)
        options.extraFields = try Schema.parse(yaml: text, file: schema).fields.map {
          ExtraFieldSpec(name: $0.name, kind: $0.kind, isRequired: $0.isRequired)
        }
        options.definitionText += text
      }
      if let mapping {
        let text = try read(mapping)
        options.mapping = try FieldMapping(yaml: text, extraFields: options.extraFields)
        options.definitionText += text
      }
    } catch let error as FieldMappingError {
      throw ClientError.configuration("\(mapping ?? ""): \(error)")
    } catch let error as DefinitionError {
      throw ClientError.configuration(error.description)
    }
    return options
  }

  static func read(_ path: String) throws(ClientError) -> String {
    guard let data = FileManager.default.contents(atPath: path) else { throw .file(path: path, "can't be read") }
    return String(decoding: data, as: UTF8.self)
  }

  private func writeSummary(_ summary: SubmitSummary) throws { try Self.write(summary, to: jsonSummary) }

  static func write(_ summary: SubmitSummary, to path: String?) throws {
    guard let path else { return }
    do {
      try SummaryText.json(summary).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw ClientError.file(path: path, "can't be written: \(error.localizedDescription)")
    }
  }

  static func exitCode(_ summary: SubmitSummary) -> ExitCode {
    if !summary.isComplete { return ExitCode(3) }
    return summary.counters.rejectedTotal + Int(summary.counters.quarantined) > 0 ? ExitCode(4) : .success
  }

  static func complain(_ text: String) {
    FileHandle.standardError.write(Data("assay submit: \(text)\n".utf8))
  }
}
