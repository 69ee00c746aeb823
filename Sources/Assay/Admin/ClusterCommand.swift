import ArgumentParser
import Client
import Wire

/// `assay cluster`.
struct ClusterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster", abstract: "The cluster as a whole: how it does, which coordinator leads, spreading its load.",
    subcommands: [ShowStatus.self, Rebalance.self])

  struct ShowStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status", abstract: "Show which coordinator leads, the workers, what waits for what, and operations under way.")
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @Flag(help: "Show every partition, too.") var partitions = false

    func run() async throws {
      try await cluster.asAdmin { admin in
        let status = try await admin.status()
        print("coordinator \(await admin.answeredBy) leads")
        for line in StatusText.lines(status, partitions: partitions) { print(line) }
        for line in status.waitingFor { print("waits: \(line)") }
        let open = try await admin.operations().filter { !$0.state.isOver }
        for record in open { print("under way: \(OperationText.line(record, status.map))") }
      }
    }
  }

  struct Rebalance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Spread copies and leads evenly over the workers that are there.",
      discussion: """
        After workers have joined or come back. Copies move a few at a time, over as many zones as there are; then leads \
        are handed over. What has moved stays where it is when the operation is given up.
        """)
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @OptionGroup var options: OperationOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        try await admin.carryOut(.rebalance, dryRun: options.dryRun, wait: options.wait, timeout: options.timeout, map)
      }
    }
  }
}
