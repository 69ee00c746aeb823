import ArgumentParser
import Client
import Wire

/// `assay node`.
struct NodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node", abstract: "Workers: who is there, and taking one out of service.",
    subcommands: [List.self, Drain.self, Undrain.self, GiveUp.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the workers, what they lead and hold.")
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let status = try await admin.status()
        let health = try await admin.health()
        for (record, node) in zip(status.map.nodes, status.nodes) {
          let partitions = status.map.partitions
          let leads = partitions.count { $0.primary?.node == record.id }
          let inSync = partitions.count { $0.isr(record.id) != nil }
          let holds = partitions.count { $0.replicas.contains(record.id) }
          print(
            "\(record.name)  \(node.state)\(record.draining ? ", draining" : "")"
              + "  zone \(record.zone.isEmpty ? "-" : record.zone)  leads \(leads), in sync \(inSync), holds \(holds)"
              + "  \(NumberText.bytes(Int(clamping: node.diskFree))) free  \(record.address)")
          if record.state != .gone, let own = health.nodes.first(where: { $0.id == record.id }) {
            print("  " + HealthText.line(own, name: { id in status.map.node(id)?.name ?? "\(id)" }))
          }
        }
      }
    }
  }

  struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take all work off a worker, so that it can be stopped without a gap.",
      discussion: """
        Other workers, in sync and up to date, take over what it leads, each partition with a pause of a moment. Its copies \
        stay, so that it is up to date soon after a restart. When nothing depends on it any more, the operation is finished \
        and says so. With --remove its copies move to other workers first.
        """)
    @Argument(help: "The worker's name.") var name: String
    @Flag(help: "Move all its copies to other workers too, so that it can be stopped for good.") var remove = false
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @OptionGroup var options: OperationOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let node = try map.node(called: name)
        let request: OperationRequest = remove ? .remove(node) : .drain(node)
        try await admin.carryOut(request, dryRun: options.dryRun, wait: options.wait, timeout: options.timeout, map)
      }
    }
  }

  struct Undrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a drained worker have work again.")
    @Argument(help: "The worker's name.") var name: String
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @Flag(help: "Only say what would be done.") var dryRun = false

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let request = OperationRequest.undrain(try map.node(called: name))
        try await admin.carryOut(request, dryRun: dryRun, wait: true, timeout: 10, map)
      }
    }
  }

  struct GiveUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "give-up", abstract: "After a restore of the coordinator's store, go on without a worker that never comes back.",
      discussion: """
        A restored store waits until every worker with copies has told what it knows. Stop the worker for good first: with its \
        present disk it is not taken back. 'assay cluster status' shows who is waited for. The reason is kept in the audit log.
        """)
    @Argument(help: "The worker's name, or its number, such as 'n4'.") var name: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @Flag(help: "The worker is stopped, and does not come back.") var yes = false
    @Flag(help: "Only say what would be done.") var dryRun = false
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let number = name.hasPrefix("n") ? UInt32(name.dropFirst()).map { NodeID($0) } : nil
        let node = try map.nodes.first { $0.name == name }?.id ?? number ?? map.node(called: name)
        let request = OperationRequest.giveUp(node, reason: reason)
        guard yes || dryRun else {
          for line in OperationText.lines(try await admin.plan(request)) { print(line) }
          throw OneLine("nothing was done: give --yes if the worker is stopped for good")
        }
        try await admin.carryOut(request, dryRun: dryRun, wait: true, timeout: 10, map)
      }
    }
  }
}

extension ClusterMap {
  func node(called name: String) throws -> NodeID {
    guard let node = nodes.first(where: { $0.name == name }) else {
      throw OneLine("there is no worker '\(name)': the cluster has \(nodes.map(\.name).joined(separator: ", "))")
    }
    return node.id
  }
}
