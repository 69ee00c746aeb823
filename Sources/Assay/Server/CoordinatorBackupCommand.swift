import ArgumentParser
import Coordinator
import Foundation
import Glibc
import Logging
import Wire

extension CoordinatorCommand {
  struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy the coordinator's store into a file, while it runs.",
      discussion: """
        The file has the records of all workers and partitions, the bundles and the audit log as of one moment, with a checksum. \
        Take one after each change of the cluster and keep it on another machine: without its store a cluster can't elect anybody.
        """)
    @Option(help: "The coordinator's configuration file (YAML).") var config: String
    @Option(help: ArgumentHelp("The file to write.", valueName: "FILE")) var out: String
    @Flag(help: "Replace the file if it exists.") var force = false

    func run() async throws {
      try await orOneLine {
        let backup = try await Coordinator.backup(CoordinatorCommand.settings(config), logger: Logger(label: "assay.backup"))
        try FreshFile.write(backup.bytes, to: out, replacing: force)
        print("\(out): cluster '\(backup.name)', revision \(backup.contents.revision)")
      }
    }
  }

  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put a backup in the place of the coordinator's store, while no coordinator runs.",
      discussion: """
        For a store that is lost or damaged. When the coordinator is started afterwards, nothing is elected until every worker that has \
        copies has told what it knows: what the workers know and the backup does not is taken from them. Workers that serve go on serving. \
        One that never comes back is given up with 'assay node give-up'. The reason is kept in the audit log.
        """)
    @Argument(help: ArgumentHelp("The backup.", valueName: "FILE")) var file: String
    @Option(help: "The coordinator's configuration file (YAML).") var config: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @Flag(help: "Only say what would be done.") var dryRun = false

    func run() async throws {
      try await orOneLine {
        guard let bytes = FileManager.default.contents(atPath: file) else { throw OneLine("can't read \(file)") }
        let backup = try BackupFile(reading: [UInt8](bytes), place: file)
        let steps = try await Coordinator.restore(
          backup, CoordinatorCommand.settings(config), by: "operating system user \(NSUserName())", reason: reason, dryRun: dryRun,
          logger: Logger(label: "assay.restore"))
        for step in steps { print("- \(step)") }
        print(dryRun ? "nothing was done" : "done: start the coordinator; 'assay cluster status' shows what it waits for")
      }
    }

    func validate() throws {
      guard !reason.allSatisfy(\.isWhitespace), reason.utf8.count <= OperationRequest.reasonLength else {
        throw ValidationError("--reason: say why, in at most \(OperationRequest.reasonLength) bytes")
      }
    }
  }
}
