import ArgumentParser

/// Measures what Assay does on this machine, and prints tables with ratios against a baseline of the same run.
@main
struct Benchmarks: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assay-bench", abstract: "Benchmarks of Assay. Timings are of this machine at this moment: trust ratios.",
    subcommands: [EngineBench.self])
}
