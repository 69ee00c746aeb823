import ArgumentParser
import Client
import Foundation
import Wire

struct DevCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dev", abstract: "A cluster of real processes on this machine.", subcommands: [Up.self, Down.self, Status.self])

  struct Data: ParsableArguments {
    @Option(help: "Directory of the cluster.") var data = "assay-dev"
  }

  struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make the cluster where there is none, start what doesn't run, and wait until it serves.")
    @OptionGroup var place: Data
    @Option(help: "Workers (new clusters only).") var workers = 3
    @Option(help: "Partitions (new clusters only).") var partitions = 64
    @Option(help: "Copies of each partition (new clusters only; default 3 with 3 workers or more, else 1).") var replicas: Int?
    @Option(help: "fsync or replicated (new clusters only).") var durability = "fsync"
    @Option(help: "Coordinators, of which one leads (new clusters only; more than one keeps the metadata in etcd).") var coordinators = 1
    @Option(help: "embedded, or etcd: a real one, started here (new clusters only; default embedded with one coordinator).")
    var metadata: Metadata?
    @Option(help: "Members of that etcd, 1 or 3 (new clusters only).") var etcdMembers = 1
    @Option(help: "Policy bundle, a directory or file, to activate when none is active. Without it: the standard features and no model.")
    var bundle: String?

    enum Metadata: String, ExpressibleByArgument, CaseIterable { case embedded, etcd }

    private var isShared: Bool { metadata == .etcd || metadata == nil && coordinators > 1 }

    func validate() throws {
      guard (1...9).contains(coordinators) else { throw ValidationError("--coordinators must be 1 to 9") }
      guard coordinators == 1 || isShared else {
        throw ValidationError("several coordinators need --metadata etcd: an embedded store is one's own")
      }
      guard etcdMembers == 1 || etcdMembers == 3 else { throw ValidationError("--etcd-members is 1 or 3") }
      guard (1...64).contains(workers) else { throw ValidationError("--workers must be 1 to 64") }
      guard (1...ClusterLimit.partitions).contains(partitions) else {
        throw ValidationError("--partitions must be 1 to \(ClusterLimit.partitions)")
      }
      if let replicas, !(1...min(workers, ClusterLimit.replicas)).contains(replicas) {
        throw ValidationError("--replicas must be 1 to the number of workers, at most \(ClusterLimit.replicas)")
      }
      guard durability == "fsync" || durability == "replicated" else { throw ValidationError("--durability is fsync or replicated") }
    }

    func run() async throws {
      try await orOneLine {
        let options = LocalClusterOptions(
          workers: workers, partitions: partitions, replicas: replicas ?? (workers >= 3 ? 3 : 1), data: place.data,
          durability: durability == "fsync" ? .fsync : .replicated,
          coordinators: coordinators, etcdMembers: isShared ? etcdMembers : 0)
        if isShared { _ = try LocalEtcd.program() }
        let cluster = try await LocalCluster.up(options) { print($0) }
        try await DevBundle.activate(bundle, on: cluster)
        print("the cluster serves; 'assay dev status --data \(place.data)' shows it")
      }
    }
  }

  struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop the cluster in order. Its data stays.")
    @OptionGroup var place: Data

    func run() async throws {
      try await orOneLine {
        let cluster = try LocalCluster.open(place.data)
        let count = cluster.processes.count
        try await cluster.down()
        print("\(count) processes stopped; the data is in \(cluster.directory)")
      }
    }
  }

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show nodes, partitions, and which bundle decides.")
    @OptionGroup var place: Data
    @Flag(help: "One line for each partition.") var partitions = false

    func run() async throws {
      try await orOneLine {
        let cluster = try LocalCluster.open(place.data)
        for name in cluster.names { print("\(name): \(cluster.pid(of: name).map { "process \($0)" } ?? "not running")") }
        let admin = try await AdminClient.connect(try ClientConfig.admin(directory: cluster.directory))
        let status = try await admin.status()
        await admin.close()
        for line in StatusText.lines(status, partitions: partitions) { print(line) }
      }
    }
  }
}
