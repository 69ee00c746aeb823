import ArgumentParser
import Glibc
import Logging
import Synchronization
import Wire
import Worker

struct WorkerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "worker", abstract: "Run a worker: it keeps partitions and decides.")

  @Option(help: "Configuration file (YAML).") var config: String
  @Flag(help: "Check the configuration file and the files that it names, and do nothing else.") var checkConfig = false

  func run() async throws {
    try await orOneLine {
      let settings = try WorkerConfig(yaml: try ServerProcess.readText(config), file: config)
        .resolved(in: ServerProcess.directory(of: config))
      try settings.check()
      if checkConfig { return print("\(config): ok") }
      ServerProcess.prepare()
      let logger = ServerProcess.logger("assay.worker", level: settings.logLevel)
      if !ThreadScheduling.preferBatches() { logger.info("the system does not schedule this process in batches") }
      let (reasons, stop) = AsyncStream<String?>.makeStream()
      let isRunning = Atomic(false)
      // Before it runs, a worker may be waiting for its coordinator: then there is nothing to put in order.
      let interruption = Interruption {
        if isRunning.load(ordering: .relaxed) { stop.yield(nil) } else { Glibc.exit(0) }
      }
      defer { interruption.cancel() }
      let worker = try await Worker.start(settings, logger: logger, random: { .random(in: 0...UInt64.max) }) { stop.yield($0) }
      isRunning.store(true, ordering: .relaxed)
      if let reason = await ServerProcess.untilStopped(reasons) {
        // Not an orderly end: what is on disk is what counts, and the log says what that is.
        logger.critical("worker stops", metadata: ["reason": "\(reason)"])
        throw OneLine(reason)
      }
      logger.info("worker is shutting down")
      await worker.shutdown()
    }
  }
}
