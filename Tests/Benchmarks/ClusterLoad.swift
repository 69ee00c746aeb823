import Client
import NIOPosix
import Wire

/// One measurement of a cluster under load: starts it, warms it up, measures, and takes it down.
struct ClusterLoad {
  struct Result {
    var seconds: Double
    var decided: Int
    var failed: Int
    /// Decided without the features of some entity that had them.
    var degraded = 0
    var latency: LatencyRecorder
    /// CPU seconds by process.
    var cpu: [(name: String, seconds: Double)]

    var rate: Double { Double(decided) / seconds }
    var cpuMicroseconds: Double { cpu.reduce(0) { $0 + $1.seconds } * 1e6 / Double(max(decided, 1)) }
    var cpuFigures: [Figure] {
      cpu.map { Figure("  \($0.name)", $0.seconds * 1e6 / Double(max(decided, 1)), "CPU-us/decision") }
    }
  }

  let options: BenchClusterOptions
  let durability: Durability
  /// Rows a second of all connections together; nil for as many as possible.
  let rate: Double?
  let seconds: Int

  func run() async throws -> Result {
    let cluster = try BenchCluster.up(options, durability: durability)
    defer { cluster.down() }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: options.connections)
    var clients: [ClusterClient] = []
    var streams: [LoadStream] = []
    for number in 0..<options.connections {
      let client = try cluster.connect(group)
      clients.append(client)
      let stream = LoadStream(
        on: client.eventLoop, prefix: UInt32(number + 1), cards: options.cards, rate: rate.map { $0 / Double(options.connections) })
      try await stream.start(client)
      streams.append(stream)
    }
    try await Task.sleep(for: .seconds(options.warmup))
    var before: [LoadStream.Counts] = []
    for stream in streams { before.append(try await stream.mark()) }
    let cpuBefore = cluster.cpu
    try await Task.sleep(for: .seconds(seconds))
    let cpuAfter = cluster.cpu
    var result = Result(seconds: 0, decided: 0, failed: 0, latency: LatencyRecorder(), cpu: [])
    for (stream, before) in zip(streams, before) {
      let after = try await stream.snapshot()
      result.decided += after.decided - before.decided
      result.failed += after.failed - before.failed
      result.degraded += after.degraded - before.degraded
      result.seconds = max(result.seconds, Double(after.at - before.at) / 1e9)
    }
    result.cpu = cpuAfter.keys.sorted().map { ($0, cpuAfter[$0]! - (cpuBefore[$0] ?? 0)) }
    for stream in streams { result.latency.add(try await stream.finish()) }
    for client in clients { client.close() }
    try await group.shutdownGracefully()
    return result
  }
}
