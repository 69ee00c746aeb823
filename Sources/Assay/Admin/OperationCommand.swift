import ArgumentParser
import Client
import Wire

/// `assay operation`.
struct OperationCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operation", abstract: "Long actions of the coordinator: drains, moves, splits, and how far they are.",
    subcommands: [List.self, Show.self, Abort.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List operations, oldest first.")
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @Flag(help: "Only those under way.") var open = false
    @Flag(help: "Only those whose records are kept for ever, because they may have cost acknowledged data.") var audited = false

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        let records = try await admin.operations().filter { (!open || !$0.state.isOver) && (!audited || $0.request.isAudited) }
        if records.isEmpty { print("none") }
        for record in records { print(OperationText.line(record, map)) }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show one operation.")
    @Argument(help: "Its number.") var id: UInt32
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @Flag(help: "Return only when it is over.") var wait = false
    @Option(help: ArgumentHelp("How long to wait.", valueName: "SECONDS")) var timeout = 600

    func run() async throws {
      try await cluster.asAdmin { admin in
        let map = try await admin.map()
        if wait { _ = try await admin.untilFinished(OperationID(id), timeout: .seconds(timeout)) }
        for line in OperationText.lines(try await admin.operation(OperationID(id)), map) { print(line) }
      }
    }
  }

  struct Abort: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give an operation up, and take back what it has begun.")
    @Argument(help: "Its number.") var id: UInt32
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let record = try await admin.abort(OperationID(id))
        print("operation \(id) is \(record.state)" + (record.note.isEmpty ? "" : ": \(record.note)"))
      }
    }
  }
}

extension ClusterOptions {
  /// Runs `body` with a connection that is closed afterwards; errors become one line.
  func asAdmin(_ body: (AdminClient) async throws -> Void) async throws {
    try await orOneLine {
      let admin = try await admin()
      do {
        try await body(admin)
      } catch {
        await admin.close()
        throw error
      }
      await admin.close()
    }
  }
}
