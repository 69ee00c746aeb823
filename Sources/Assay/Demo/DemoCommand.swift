import ArgumentParser
import Foundation
import Glibc
import Wire

/// `assay demo`.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Start a cluster on this machine, stream invented transactions through it, and show how well it finds fraud.",
    discussion: """
      A coordinator and workers run as processes of their own, over TLS. A model is trained on generated history, the \
      stream is decided, and every decision is counted in the workers' files.

      Exit codes: 0 all is well; 1 something failed, or a transaction was lost or decided twice; 130 interrupted.
      """)

  @Option(help: ArgumentHelp("Transactions to stream.", valueName: "N")) var transactions = 300_000
  @Option(help: ArgumentHelp("Workers.", valueName: "N")) var workers = 3
  @Option(help: ArgumentHelp("Partitions.", valueName: "N")) var partitions = 12
  @Option(help: ArgumentHelp("Copies of each partition.", valueName: "R")) var replicas = 1
  @Option(help: ArgumentHelp("Transactions a second; else as fast as the cluster takes them.", valueName: "N")) var rate: Double?
  @Option(help: ArgumentHelp("Determines what is streamed and trained on.", valueName: "S")) var seed: UInt64 = 1
  @Option(help: ArgumentHelp("Transactions to train on.", valueName: "N")) var history = 100_000
  @Option(help: ArgumentHelp("Write the report here as JSON.", valueName: "FILE.json")) var report: String?
  @Option(help: ArgumentHelp("Directory of the cluster (default: a new one for temporary files).", valueName: "DIR")) var data: String?
  @Flag(help: "Leave the cluster up.") var keep = false

  func validate() throws {
    guard (1...100_000_000).contains(transactions) else { throw ValidationError("--transactions is 1 to 100000000") }
    guard (1...64).contains(workers) else { throw ValidationError("--workers is 1 to 64") }
    guard (1...ClusterLimit.partitions).contains(partitions) else {
      throw ValidationError("--partitions is 1 to \(ClusterLimit.partitions)")
    }
    guard (1...min(workers, ClusterLimit.replicas)).contains(replicas) else {
      throw ValidationError("--replicas is 1 to the number of workers, at most \(ClusterLimit.replicas)")
    }
    if let rate, !(rate > 0 && rate <= 10_000_000) { throw ValidationError("--rate is above 0 and at most 10000000") }
    guard (1_000...50_000_000).contains(history) else { throw ValidationError("--history is 1000 to 50000000") }
  }

  func run() async throws {
    try await orOneLine {
      let options = DemoOptions(
        transactions: transactions, workers: workers, partitions: partitions, replicas: replicas, rate: rate, seed: seed,
        history: history, keep: keep, data: try data ?? Self.temporaryDirectory())
      let work = Task { try await DemoRun(options: options).run() }
      let interruption = Interruption {
        Output.error("\ninterrupted: stopping (again to stop at once)\n")
        work.cancel()
      }
      defer { interruption.cancel() }
      do {
        let report = try await work.value
        Output.standard(report.text)
        if let path = self.report { try FreshFile.write(report.json(), to: path, replacing: true) }
        if !report.isGood { throw ExitCode(1) }
      } catch let code as ExitCode {
        throw code
      } catch {
        Output.error("the cluster's directory, with its files and logs, is \(options.data)\n")
        // Whatever a step says that was cut short: it was told to stop.
        throw work.isCancelled ? ExitCode(130) : error
      }
    }
  }

  private static func temporaryDirectory() throws -> String {
    var path = Array("\(FileManager.default.temporaryDirectory.path)/assay-demo-XXXXXX".utf8CString)
    guard mkdtemp(&path) != nil else { throw OneLine("can't make a directory for temporary files: \(String(cString: strerror(errno)))") }
    return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
