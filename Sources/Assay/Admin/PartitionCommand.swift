import ArgumentParser
import Client
import Wire

/// `assay partition`.
struct PartitionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partition", abstract: "Partitions: what they are, who leads and holds them, splitting one, merging two.",
    subcommands: [List.self, HandOver.self, Move.self, Split.self, Merge.self, ForceElection.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the partitions by range.")
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        func name(_ id: NodeID) -> String { map.node(id)?.name ?? "\(id)" }
        for partition in map.partitions {
          let followers = partition.replicas.filter { $0 != partition.primary?.node }.map { node in
            name(node) + (partition.isr(node) == nil ? " (catching up)" : "")
          }
          print(
            "\(partition.id)  \(partition.range)  \(partition.epoch)  led by \(partition.primary.map { name($0.node) } ?? "nobody")"
              + "  copies on \(followers.isEmpty ? "-" : followers.joined(separator: ", "))")
        }
      }
    }
  }

  struct HandOver: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "hand-over", abstract: "Have another in-sync worker lead a partition.",
      discussion: """
        The present leader takes no rows of it for a moment, until the other has everything; clients send again by \
        themselves. If the other does not get there in time, everything stays as it is.
        """)
    @Argument(help: "The partition, such as 'p3' or '3'.") var partition: String
    @Option(help: ArgumentHelp("Name of the worker that is to lead it.", valueName: "NODE")) var to: String
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @OptionGroup var options: OperationOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let request = OperationRequest.handOver(try map.partition(called: partition).id, to: try map.node(called: to))
        try await admin.carryOut(request, dryRun: options.dryRun, wait: options.wait, timeout: options.timeout, map)
      }
    }
  }

  struct Move: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Move a partition's copy from one worker to another.",
      discussion: """
        The new copy catches up first; when it is in sync, the old one leaves. At no moment are there fewer copies in sync \
        than before. If the old one leads, the new one leads from then on.
        """)
    @Argument(help: "The partition, such as 'p3' or '3'.") var partition: String
    @Option(help: ArgumentHelp("Name of the worker whose copy goes.", valueName: "NODE")) var from: String
    @Option(help: ArgumentHelp("Name of the worker that gets one.", valueName: "NODE")) var to: String
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @OptionGroup var options: OperationOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let request = OperationRequest.move(
          try map.partition(called: partition).id, from: try map.node(called: from), to: try map.node(called: to))
        try await admin.carryOut(request, dryRun: options.dryRun, wait: options.wait, timeout: options.timeout, map)
      }
    }
  }

  struct Split: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Split one partition in two.",
      discussion: """
        Cards are spread evenly over the keys, so the middle of the range halves the load. Clients of its cards wait for \
        a moment; nothing is lost or decided again.
        """)
    @Argument(help: "The partition, such as 'p3' or '3'.") var partition: String
    @Option(help: ArgumentHelp("First key of the second half, 16 hexadecimal digits. The middle if left out.", valueName: "HASH")) var at:
      String?
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @OptionGroup var options: OperationOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let record = try map.partition(called: partition)
        let key = try at.map(Self.key) ?? Self.middle(record.range)
        try await admin.carryOut(
          .split(record.id, at: key), dryRun: options.dryRun, wait: options.wait, timeout: options.timeout, map)
      }
    }

    static func middle(_ range: KeyRange) -> KeyHash {
      KeyHash(range.first.rawValue + (range.last.rawValue - range.first.rawValue) / 2 + (range.first < range.last ? 1 : 0))
    }

    static func key(_ text: String) throws -> KeyHash {
      guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else {
        throw OneLine("'\(text)' is no key: give 16 hexadecimal digits, such as those that 'assay partition list' shows")
      }
      return KeyHash(value)
    }
  }

  struct ForceElection: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "force-election", abstract: "Have a copy go on that may lack acknowledged decisions, where no other can.",
      discussion: """
        For a partition that nobody leads because every copy that holds everything is gone for good, or, with durability \
        'replicated', because the power failed everywhere. Look at --dry-run first: it says what may be lost. The keys go on \
        under a new partition id. The reason is kept in the audit log.
        """)
    @Argument(help: "The partition, such as 'p3' or '3'.") var partition: String
    @Option(help: ArgumentHelp("Name of the worker whose copy goes on.", valueName: "NODE")) var node: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @Flag(help: "Acknowledged decisions may be lost, and that is accepted.") var yes = false
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @OptionGroup var options: OperationOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let request = OperationRequest.forceElection(
          try map.partition(called: partition).id, try map.node(called: node), reason: reason)
        guard yes || options.dryRun else {
          for line in OperationText.lines(try await admin.plan(request)) { print(line) }
          throw OneLine("nothing was done: give --yes if what may be lost is accepted")
        }
        try await admin.carryOut(request, dryRun: options.dryRun, wait: options.wait, timeout: options.timeout, map)
      }
    }

    func validate() throws {
      guard !reason.allSatisfy(\.isWhitespace), reason.utf8.count <= OperationRequest.reasonLength else {
        throw ValidationError("--reason: say why, in at most \(OperationRequest.reasonLength) bytes")
      }
    }
  }

  struct Merge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Merge two partitions that are side by side on the same workers.")
    @Argument(help: "One of them, such as 'p3' or '3'.") var first: String
    @Argument(help: "The other.") var second: String
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @OptionGroup var options: OperationOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let request = OperationRequest.merge(try map.partition(called: first).id, try map.partition(called: second).id)
        try await admin.carryOut(request, dryRun: options.dryRun, wait: options.wait, timeout: options.timeout, map)
      }
    }
  }
}

extension ClusterMap {
  /// By its number, with or without the `p`.
  func partition(called name: String) throws -> PartitionRecord {
    let digits = name.hasPrefix("p") ? name.dropFirst() : name[...]
    guard let number = UInt32(digits), let record = partitions.first(where: { $0.id == PartitionID(number) }) else {
      throw OneLine("there is no partition '\(name)': 'assay partition list' shows those that there are")
    }
    return record
  }
}
