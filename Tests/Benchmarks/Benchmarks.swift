import ArgumentParser

/// Measures what Assay does on this machine, and prints tables with the goal beside the figure and a baseline of the same
/// run.
@main
struct Benchmarks: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assay-bench", abstract: "Benchmarks of Assay. Timings are of this machine at this moment: trust ratios.",
    discussion: "Run it as ops/bench/run, which builds it and the assay program that `cluster` and `latency` start.",
    subcommands: [
      AllBench.self, EngineBench.self, ScoringBench.self, WindowsBench.self, RulesBench.self, ListsBench.self, ClusterBench.self,
      EntitiesBench.self, LatencyBench.self, InteractiveBench.self, MemoryBench.self, SnapshotBench.self, RecoveryBench.self,
    ],
    defaultSubcommand: AllBench.self)
}

/// Everything with short settings, and what came of it.
struct AllBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "all", abstract: "Run everything, shortly; ends with goals, figures, and whether they are met.")

  @OptionGroup var peer: XGBoostOptions

  func run() async throws {
    // First: pages that another part has given back would hide what the table takes.
    var figures = try MemoryBench.parse([]).measure()
    figures += try EngineBench.parse([]).measure()
    let scoring = try ScoringBench.parse(peer.python.map { ["--python", $0] } ?? [])
    figures += try scoring.measure()
    figures += try WindowsBench.parse([]).measure()
    figures += try RulesBench.parse([]).measure()
    figures += try ListsBench.parse([]).measure()
    figures += try await ClusterBench.parse(["--seconds", "8"]).measure()
    figures += try await EntitiesBench.parse(["--replicas", "3", "--seconds", "8"]).measure()
    figures += try await LatencyBench.parse(["--seconds", "15"]).measure()
    print(title: "summary")
    Figure.printGoals(figures)
  }
}
