import ArgumentParser
import Coordinator
import Glibc
import Logging

/// `assay coordinator`.
struct CoordinatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinator", abstract: "Run the coordinator: it knows who is in the cluster and who leads what.",
    subcommands: [Run.self, Backup.self, Restore.self], defaultSubcommand: Run.self)

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run it (the default).")
    @Option(help: "Configuration file (YAML).") var config: String
    @Flag(help: "Check the configuration file and the files that it names, and do nothing else.") var checkConfig = false

    func run() async throws {
      try await orOneLine {
        let settings = try CoordinatorCommand.settings(config)
        try settings.check()
        if checkConfig { return print("\(config): ok") }
        ServerProcess.prepare()
        let logger = ServerProcess.logger("assay.coordinator", level: settings.logLevel)
        let (reasons, stop) = AsyncStream<String?>.makeStream()
        let interruption = Interruption { stop.yield(nil) }
        defer { interruption.cancel() }
        let server = try await Coordinator.start(settings, logger: logger, random: { .random(in: 0...UInt64.max) }) { stop.yield($0) }
        if let reason = await ServerProcess.untilStopped(reasons) {
          logger.critical("coordinator stops", metadata: ["reason": "\(reason)"])
          throw OneLine(reason)
        }
        logger.info("coordinator is shutting down")
        await server.shutdown()
      }
    }
  }

  static func settings(_ path: String) throws -> CoordinatorConfig {
    try CoordinatorConfig(yaml: try ServerProcess.readText(path), file: path).resolved(in: ServerProcess.directory(of: path))
  }
}
