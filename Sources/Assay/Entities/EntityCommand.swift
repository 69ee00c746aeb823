import ArgumentParser
import Client
import Wire

/// `assay entity`.
struct EntityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "entity", abstract: "Show what the cluster knows of a card, merchant, terminal or other entity now.",
    discussion: """
      Its events, newest first, and the value of each feature with a window as of its newest event. Read from what has committed \
      at the partition's primary; nothing is changed. Tokens inside events are shown as the hashes that are kept of them.
      """)
  @Argument(help: "card, customer, merchant, terminal, device or ip.") var kind: String
  @Argument(help: "Its token, as in transactions.") var token: String
  @OptionGroup(title: "Cluster") var cluster: ClusterOptions
  @Option(help: "Show at most so many events.") var events = 20
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard EntityKind.allCases.contains(where: { "\($0)" == kind }) else {
      throw ValidationError("'\(kind)' is no kind of entity: card, customer, merchant, terminal, device or ip")
    }
    guard (1...EntityRequest.eventsMax).contains(events) else { throw ValidationError("--events: 1 to \(EntityRequest.eventsMax)") }
  }

  func run() async throws {
    let entity = EntityKind.allCases.first { "\($0)" == kind }!
    try await cluster.asAdmin { admin in
      let answer = try await admin.entity(entity, token, events: events)
      print(json ? EntityText.json(answer) : EntityText.entity(answer, "\(kind) \(token)"))
    }
  }
}

/// `assay features`.
struct FeaturesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "features", abstract: "Show the features that a transaction was decided by, and the events that each was made of.",
    discussion: """
      Values are those of the log; events are those that the card's history has in each window now. Events that came later with an \
      earlier time are among them. A transaction is known for as long as a retry is (the dedup horizon), and while the log has it; \
      after that the decision files have its features.
      """)
  @Argument(help: "Its id.") var transaction: String
  @Option(help: ArgumentHelp("Its card.", valueName: "TOKEN")) var card: String
  @OptionGroup(title: "Cluster") var cluster: ClusterOptions
  @Option(help: "Show at most so many events.") var events = 100
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard (1...EntityRequest.eventsMax).contains(events) else { throw ValidationError("--events: 1 to \(EntityRequest.eventsMax)") }
  }

  func run() async throws {
    try await cluster.asAdmin { admin in
      let answer = try await admin.entity(.card, card, transaction: transaction, events: events)
      print(json ? EntityText.json(answer) : EntityText.features(answer, transaction))
    }
  }
}
