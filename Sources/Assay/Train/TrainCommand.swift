import ArgumentParser

/// `assay train`.
struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model on a file of transactions.", subcommands: [IsolationForestCommand.self])
}
