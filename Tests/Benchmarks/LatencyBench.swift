import ArgumentParser
import Wire

/// Latency of decisions at a steady rate, from the time at which each transaction was due.
struct LatencyBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "latency", abstract: "Latency at a steady rate with fsync, from the due time (no coordinated omission).")

  @OptionGroup var options: BenchClusterOptions
  @Option(help: "Transactions a second.") var rate = 20_000
  @Option var seconds = 20
  @Option(help: "fsync, or replicated to see what the disk adds.") var durability = "fsync"

  func run() async throws { _ = try await measure() }

  func measure() async throws -> [Figure] {
    guard let kind = Durability.allCases.first(where: { "\($0)" == durability }) else {
      throw ValidationError("--durability is fsync or replicated")
    }
    print(
      title: "latency: \(rate)/s for \(seconds) s, \(kind), \(options.workers) workers, \(options.partitions) partitions, "
        + "\(options.replicas) replica(s), \(options.cards) cards\(options.entities ? ", features of 4 entities" : "")")
    let disk = try DiskProbe.measure(directory: options.directory)
    let result = try await ClusterLoad(options: options, durability: kind, rate: Double(rate), seconds: seconds).run()
    guard let latency = result.latency.summary(.decided) else { throw ValidationError("nothing was decided") }
    // The goals are for this rate: alone, and with two followers that sync too.
    let isGoal = rate == 20_000 && kind == .fsync && !options.entities
    let p999Max: Double? = !isGoal ? nil : options.replicas == 1 ? 8 : options.replicas == 3 ? 10 : nil
    var figures = [
      Figure("decided", result.rate, "transactions/s", digits: 0),
      Figure("p50", latency.p50, "ms"),
      Figure("p99", latency.p99, "ms", goal: isGoal && options.replicas == 1 ? .atMost(3) : nil),
      Figure("p99.9", latency.p999, "ms", goal: p999Max.map { .atMost($0) }),
      Figure("maximum", latency.max, "ms"),
      Figure("CPU of all processes", result.cpuMicroseconds, "CPU-us/decision"),
    ]
    figures += result.cpuFigures
    figures.append(Figure("baseline: fdatasync of 4 KiB alone, p50", disk.p50, "ms"))
    figures.append(Figure("baseline: fdatasync of 4 KiB alone, p99", disk.p99, "ms"))
    if result.failed > 0 { figures.append(Figure("not decided", Double(result.failed), "transactions", digits: 0)) }
    Figure.print(figures)
    return figures
  }
}
