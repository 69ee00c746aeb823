import ArgumentParser
import Wire

/// What features of other entities cost: the same cluster and load with the card's features alone, and with 30 features of card,
/// terminal, device and IP, whose partitions exchange.
struct EntitiesBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "entities", abstract: "Throughput, CPU and latency with features of four entities, beside the card's alone.")

  @OptionGroup var options: BenchClusterOptions
  @Option var seconds = 10
  @Option(help: "Transactions a second of the latency measurement.") var rate = 10_000

  func run() async throws { _ = try await measure() }

  func measure() async throws -> [Figure] {
    print(
      title: "entities: \(options.workers) workers, \(options.partitions) partitions, \(options.replicas) replica(s), replicated, "
        + "\(options.cards) cards, \(seconds) s")
    var alone = options
    alone.entities = false
    var all = options
    all.entities = true
    let baseline = try await ClusterLoad(options: alone, durability: .replicated, rate: nil, seconds: seconds).run()
    let result = try await ClusterLoad(options: all, durability: .replicated, rate: nil, seconds: seconds).run()
    let paced = try await ClusterLoad(options: all, durability: .replicated, rate: Double(rate), seconds: seconds).run()
    guard let latency = paced.latency.summary(.decided) else { throw ValidationError("nothing was decided") }
    let figures = [
      Figure("decided", result.rate, "transactions/s", digits: 0, goal: .atLeast(40_000)),
      Figure("CPU of all processes", result.cpuMicroseconds, "CPU-us/decision"),
      Figure("baseline: the card's features alone, decided", baseline.rate, "transactions/s", digits: 0),
      Figure("baseline: CPU of all processes", baseline.cpuMicroseconds, "CPU-us/decision"),
      Figure("CPU to the baseline's", result.cpuMicroseconds / baseline.cpuMicroseconds, "times", goal: .atMost(3)),
      Figure("at \(rate)/s: p50", latency.p50, "ms"),
      Figure("at \(rate)/s: p99", latency.p99, "ms", goal: .atMost(15)),
      Figure("at \(rate)/s: p99.9", latency.p999, "ms"),
      Figure("at \(rate)/s: CPU of all processes", paced.cpuMicroseconds, "CPU-us/decision"),
      Figure("degraded", Double(result.degraded + paced.degraded) / Double(max(1, result.decided + paced.decided)), "of all", digits: 4),
    ]
    Figure.print(figures)
    let failed = result.failed + paced.failed
    if failed > 0 { Figure.print([Figure("not decided", Double(failed), "transactions", digits: 0)]) }
    return figures
  }
}
