import ArgumentParser
import Wire

/// Throughput and CPU of a real cluster: processes, TLS, journals, files of decisions.
struct ClusterBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster", abstract: "Throughput and CPU of a local cluster of real processes, both durabilities.")

  @OptionGroup var options: BenchClusterOptions
  @Option(help: "Only this one: replicated or fsync.") var durability: String?
  @Option var seconds = 10

  func run() async throws { _ = try await measure() }

  func measure() async throws -> [Figure] {
    let kinds: [Durability] =
      switch durability {
      case nil: [.replicated, .fsync]
      case "replicated": [.replicated]
      case "fsync": [.fsync]
      default: throw ValidationError("--durability is replicated or fsync")
      }
    print(
      title: "cluster: \(options.workers) workers and a coordinator, \(options.partitions) partitions, \(options.replicas) replica(s), "
        + "TLS, batches of 128, \(options.connections) connection(s) to each worker, \(options.cards) cards\(options.entities ? ", features of 4 entities" : ""), \(seconds) s"
    )
    var figures: [Figure] = []
    var rates: [Durability: Double] = [:]
    for kind in kinds {
      let result = try await ClusterLoad(options: options, durability: kind, rate: nil, seconds: seconds).run()
      rates[kind] = result.rate
      let goal = options.entities ? nil : Self.goal(kind, replicas: options.replicas)
      var part = [
        Figure("\(kind): decided", result.rate, "transactions/s", digits: 0, goal: goal.map { .atLeast($0.rate) }),
        Figure("\(kind): CPU of all processes", result.cpuMicroseconds, "CPU-us/decision", goal: goal.map { .atMost($0.cpu) }),
      ]
      part += result.cpuFigures
      if result.failed > 0 { part.append(Figure("\(kind): not decided", Double(result.failed), "transactions", digits: 0)) }
      Figure.print(part)
      figures += part
    }
    if options.replicas == 1, !options.entities, let fast = rates[.replicated], let safe = rates[.fsync] {
      let ratio = Figure("fsync to replicated", safe / fast * 100, "% of the throughput", digits: 0, goal: .atLeast(80))
      Figure.print([ratio])
      figures.append(ratio)
    }
    return figures
  }

  private static func goal(_ kind: Durability, replicas: Int) -> (rate: Double, cpu: Double)? {
    switch (kind, replicas) {
    case (.replicated, 1): (250_000, 6)
    case (.fsync, 3): (100_000, 15)
    default: nil
    }
  }
}
