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
    @Option(help: "Workers (new clusters only; default 3).") var workers: Int?
    @Option(help: "Partitions (new clusters only; default 64).") var partitions: Int?
    @Option(help: "Copies of each partition (new clusters only; default 3 with 3 workers or more, else 1).") var replicas: Int?
    @Option(help: "fsync or replicated (new clusters only; default fsync).") var durability: LocalDurability?
    @Option(help: "Coordinators, of which one leads (new clusters only; default 1; more than one keeps the metadata in etcd).")
    var coordinators: Int?
    @Option(help: "embedded, or etcd: a real one, started here (new clusters only; default embedded with one coordinator).")
    var metadata: Metadata?
    @Option(help: "Members of that etcd, 1 or 3 (new clusters only; default 1).") var etcdMembers: Int?
    @Option(help: "Policy bundle, a directory or file, to activate when none is active. Without it: the standard features and no model.")
    var bundle: String?

    enum Metadata: String, ExpressibleByArgument, CaseIterable { case embedded, etcd }

    private var isShared: Bool { metadata == .etcd || metadata == nil && coordinators ?? 1 > 1 }

    func validate() throws {
      guard (1...9).contains(coordinators ?? 1) else { throw ValidationError("--coordinators must be 1 to 9") }
      guard coordinators ?? 1 == 1 || isShared else {
        throw ValidationError("several coordinators need --metadata etcd: an embedded store is one's own")
      }
      guard [1, 3].contains(etcdMembers ?? 1) else { throw ValidationError("--etcd-members is 1 or 3") }
      guard (1...64).contains(workers ?? 3) else { throw ValidationError("--workers must be 1 to 64") }
      guard (1...ClusterLimit.partitions).contains(partitions ?? 64) else {
        throw ValidationError("--partitions must be 1 to \(ClusterLimit.partitions)")
      }
      if let replicas, !(1...min(workers ?? 3, ClusterLimit.replicas)).contains(replicas) {
        throw ValidationError("--replicas must be 1 to the number of workers, at most \(ClusterLimit.replicas)")
      }
    }

    func run() async throws {
      try await orOneLine {
        // What founds a cluster says nothing of one that is there.
        if let existing = try? LocalCluster.open(place.data) {
          let asked = LocalClusterShape(
            workers: workers, partitions: partitions, replicas: replicas, durability: durability, coordinators: coordinators,
            isShared: metadata.map { $0 == .etcd }, etcdMembers: etcdMembers)
          if let refusal = asked.refusal(by: try existing.shape(), in: existing.directory) { throw OneLine(refusal) }
        }
        let count = workers ?? 3
        let options = LocalClusterOptions(
          workers: count, partitions: partitions ?? 64, replicas: replicas ?? (count >= 3 ? 3 : 1), data: place.data,
          durability: durability?.value ?? .fsync, coordinators: coordinators ?? 1, etcdMembers: isShared ? etcdMembers ?? 1 : 0)
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
