import ArgumentParser
import NIOPosix
import Wire

/// Latency of payments that somebody waits for, beside files that are submitted as fast as the cluster takes them: once with
/// both told apart, and, as the baseline of the same run, once without.
struct InteractiveBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interactive", abstract: "Latency of interactive traffic alone, beside bulk, and beside as much that is not told apart.")

  @OptionGroup var options: BenchClusterOptions
  @Option(help: "Interactive transactions a second.") var rate = 500
  @Option(help: "Connections that send bulk, each as fast as it is answered.") var flood = 4
  @Option(help: "Seconds of each part.") var seconds = 10
  @Option(help: "fsync or replicated.") var durability = "fsync"

  private enum Part: String, CaseIterable {
    case alone = "alone"
    case same = "beside a flood of the same class (as before)"
    case bulk = "beside a flood of bulk"
  }

  func run() async throws { _ = try await measure() }

  func measure() async throws -> [Figure] {
    guard let kind = Durability.allCases.first(where: { "\($0)" == durability }) else {
      throw ValidationError("--durability is fsync or replicated")
    }
    guard (1...16).contains(flood) else { throw ValidationError("--flood must be 1 to 16 connections") }
    print(
      title: "interactive: \(rate)/s beside \(flood) connections of bulk, \(seconds) s each, \(kind), \(options.workers) workers, "
        + "\(options.partitions) partitions, \(options.replicas) replica(s)")
    let cluster = try BenchCluster.up(options, durability: kind)
    defer { cluster.down() }
    var figures: [Figure] = []
    for (number, part) in Part.allCases.enumerated() {
      let part = try await measure(cluster, part, prefix: UInt32(100 * (number + 1)))
      figures += part
      Figure.print(part)
    }
    return figures
  }

  private func measure(_ cluster: BenchCluster, _ part: Part, prefix: UInt32) async throws -> [Figure] {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let floodGroup = MultiThreadedEventLoopGroup(numberOfThreads: flood)
    var floods: [LoadStream] = []
    if part != .alone {
      for number in 0..<flood {
        let client = try cluster.connect(floodGroup)
        let stream = LoadStream(
          on: client.eventLoop, prefix: prefix + 1 + UInt32(number), cards: options.cards, rate: nil, isInteractive: part == .same)
        try await stream.start(client)
        floods.append(stream)
      }
    }
    let client = try cluster.connect(group)
    let stream = LoadStream(
      on: client.eventLoop, prefix: prefix, cards: options.cards, rate: Double(rate), isInteractive: true)
    try await stream.start(client)
    try await Task.sleep(for: .seconds(options.warmup))
    _ = try await stream.mark()
    var before: [LoadStream.Counts] = []
    for stream in floods { before.append(try await stream.mark()) }
    try await Task.sleep(for: .seconds(seconds))
    var floodRate = 0.0
    for (stream, before) in zip(floods, before) {
      let after = try await stream.snapshot()
      floodRate += Double(after.decided - before.decided) / (Double(after.at - before.at) / 1e9)
    }
    let failed = try await stream.snapshot().failed
    let latency = try await stream.finish().summary(.decided)
    for stream in floods { _ = try await stream.finish() }
    client.close()
    try await group.shutdownGracefully()
    try await floodGroup.shutdownGracefully()
    guard let latency else { throw ValidationError("nothing was decided") }
    var figures = [
      Figure("\(part.rawValue): p50", latency.p50, "ms"), Figure("  p99", latency.p99, "ms"), Figure("  p99.9", latency.p999, "ms"),
      Figure("  maximum", latency.max, "ms"),
    ]
    if part != .alone { figures.append(Figure("  of the flood", floodRate, "transactions/s", digits: 0)) }
    if failed > 0 { figures.append(Figure("  not decided", Double(failed), "transactions", digits: 0)) }
    return figures
  }
}
