import ArgumentParser
import Client
import Models
import Wire

/// `assay list`.
struct ListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Hot items: single items of a bundle's lists, in effect in about a second, without a new bundle.",
    discussion: """
      Of the hot items that match a value the newest decides: one that was added makes it a member, one that was removed makes it none. \
      Where none matches, the bundle's own list holds. Hot items outlive a change of the bundle.
      """,
    subcommands: [Add.self, Remove.self, Drop.self, Show.self])

  /// What every edit takes.
  struct Item: ParsableArguments {
    @Argument(help: "The list, as the active bundle declares it.") var list: String
    @Argument(help: "A text, a beginning of one, a number, or an address or network: as the list's type says.") var item: String
    @Option(help: "Why: for the audit log.") var reason: String

    func validate() throws {
      guard (1...ClusterLimit.nameLength).contains(list.utf8.count) else { throw ValidationError("'\(list)' is no list's name") }
      guard (1...ListItem.itemLengthMax).contains(item.utf8.count) else {
        throw ValidationError("an item has 1 to \(ListItem.itemLengthMax) bytes")
      }
      guard (1...ListItemRecord.textLengthMax).contains(reason.utf8.count) else {
        throw ValidationError("a reason has 1 to \(ListItemRecord.textLengthMax) bytes")
      }
    }
  }

  struct Until: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "The first moment at which it counts no more, by a transaction's own event time, as in 2026-12-01T00:00:00Z.", valueName: "TIME"))
    var until: String?

    func validate() throws { _ = try time() }

    func time() throws -> Int64 {
      guard let until else { return ListItem.never }
      do throws(Timestamp.Failure) {
        return try Timestamp.parse(Array(until.utf8).span.bytes)
      } catch {
        throw ValidationError("'\(until)' is no time: write it as in 2026-12-31T23:00:00Z")
      }
    }
  }

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What the item matches is a member from now on.")
    @OptionGroup var item: Item
    @OptionGroup var until: Until
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws { try await cluster.edit(item, .add, until: try until.time()) }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "What the item matches is no member from now on, also where the bundle's list has it.")
    @OptionGroup var item: Item
    @OptionGroup var until: Until
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws { try await cluster.edit(item, .remove, until: try until.time()) }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Forget a hot item: the bundle's list holds again.")
    @OptionGroup var item: Item
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws { try await cluster.edit(item, .drop, until: ListItem.never) }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the hot items, oldest first.")
    @Argument(help: "Those of this list only.") var list: String?
    @Flag(help: "Lines of JSON, as 'assay backtest --list-items' reads them.") var json = false
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws {
      try await cluster.asAdmin { admin in
        let lists = try await admin.lists()
        let records = lists.records.filter { list == nil || $0.item.list == list }
        if json {
          for record in records { print(try ListEditLine(record).json) }
          return
        }
        for record in records {
          let item = record.item
          let until = item.until == ListItem.never ? "" : "  until \(OperationText.time(item.until))"
          print(
            "\(item.version)  \(item.list)  \(item.operation == .add ? "added" : "removed")  \(item.item)\(until)"
              + "  \(OperationText.time(record.time))  \(record.requester)  \(record.reason)")
        }
        print("\(records.count) hot items, at list version \(lists.version)")
      }
    }
  }
}

extension ClusterOptions {
  fileprivate func edit(_ item: ListCommand.Item, _ operation: ListItem.Operation, until: Int64) async throws {
    try await asAdmin { admin in
      let edited = try await admin.edit(
        EditList(list: item.list, item: item.item, operation: operation, until: until, reason: item.reason))
      print("list version \(edited.version); every partition goes by it within about a second")
    }
  }
}
