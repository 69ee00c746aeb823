import ArgumentParser
import Client
import Foundation
import Glibc
import NIOPosix
import Wire

/// What a snapshot of one big partition does to the latency of its decisions while it is written.
struct SnapshotBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot", abstract: "Latency at a steady rate while snapshots of one big partition are written, and in between.")

  @OptionGroup var options: BenchClusterOptions
  @Option(help: "Transactions before: of 2,000,000 cards, 10,000,000 meet about a million.") var transactions = 10_000_000
  @Option(help: "Cards.") var among = 2_000_000
  @Option(help: "Transactions a second.") var rate = 10_000
  @Option(help: "A snapshot begins each 10 s.") var seconds = 60

  func run() async throws { _ = try await measure() }

  func measure() async throws -> [Figure] {
    var options = options
    options.workers = 1
    options.replicas = 1
    options.partitions = 1
    options.cards = among
    print(title: "snapshot: one partition, \(rate)/s for \(seconds) s, fsync")
    var cluster = try BenchCluster.up(options, durability: .fsync)
    defer { cluster.down() }
    try await cluster.fill(transactions, options)
    try cluster.end("worker-1", SIGTERM)
    let logged = FileManager.default.contents(atPath: cluster.log("worker-1"))?.count ?? 0
    try cluster.start("worker-1", settings: "checkpoint_every: 10s\ncheckpoint_mb: 65536")
    try await cluster.wait(for: "joined the cluster", of: "worker-1", behind: logged)

    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let client = try cluster.connect(group)
    let stream = LoadStream(on: client.eventLoop, prefix: 2, cards: options.cards, rate: Double(rate), keepsSamples: true)
    try await stream.start(client)
    try await Task.sleep(for: .seconds(options.warmup))
    _ = try await stream.mark()
    let written = try await watch("\(cluster.directory)/cluster/worker-1")
    _ = try await stream.finish()
    let samples = stream.samples ?? []
    client.close()
    try await group.shutdownGracefully()
    guard !written.isEmpty else { throw ValidationError("no snapshot was written within \(seconds) s") }

    // What is due while one is written; and what is due well away from any.
    let margin: Int64 = 200_000_000
    let during = samples.filter { sample in written.contains { $0.contains(sample.due) } }.map(\.latency)
    let away = samples.filter { sample in !written.contains { $0.lowerBound - margin < sample.due && sample.due < $0.upperBound + margin } }
    let baseline = away.map(\.latency)
    let file = try ColdFiles(below: "\(cluster.directory)/cluster/worker-1", [".snap"])
    let long = written.map { Double($0.upperBound - $0.lowerBound) / 1e9 }
    let figures = [
      Figure("snapshots", Double(written.count), "", digits: 0),
      Figure("  bytes of the newest ones, mean", Double(file.bytes) / Double(max(file.paths.count, 1)) / 1e6, "MB", digits: 0),
      Figure("  each takes, median", median(long), "s"),
      Figure("while one is written: p50", percentile(during, 50), "ms"),
      Figure("while one is written: p99", percentile(during, 99), "ms"),
      Figure("while one is written: p99.9", percentile(during, 99.9), "ms"),
      Figure("baseline, in between: p50", percentile(baseline, 50), "ms"),
      Figure("baseline, in between: p99", percentile(baseline, 99), "ms"),
      Figure("baseline, in between: p99.9", percentile(baseline, 99.9), "ms"),
      Figure("a snapshot adds to p99", percentile(during, 99) - percentile(baseline, 99), "ms", goal: .atMost(1)),
    ]
    Figure.print(figures)
    return figures
  }

  /// When files of snapshots were being written, nanoseconds of the client's clock.
  private func watch(_ data: String) async throws -> [Range<Int64>] {
    let folder = try FileManager.default.contentsOfDirectory(atPath: data).filter { $0.hasPrefix("storage-") }.sorted()
      .map { "\(data)/\($0)/snapshots" }.first { FileManager.default.fileExists(atPath: $0) }
    guard let folder else { throw ValidationError("\(data) has no snapshots") }
    var written: [Range<Int64>] = []
    var begun: Int64?
    let end = ClientClock.nanoseconds() + Int64(seconds) * 1_000_000_000
    while ClientClock.nanoseconds() < end {
      let isWriting = try FileManager.default.contentsOfDirectory(atPath: folder).contains { $0.hasSuffix(".part") }
      let now = ClientClock.nanoseconds()
      if isWriting, begun == nil { begun = now }
      if !isWriting, let start = begun {
        written.append(start..<now)
        begun = nil
      }
      try await Task.sleep(for: .milliseconds(5))
    }
    return written
  }

  private func percentile(_ nanoseconds: [Int64], _ percent: Double) -> Double {
    guard !nanoseconds.isEmpty else { return .nan }
    let sorted = nanoseconds.sorted()
    return Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * percent / 100))]) / 1e6
  }
}
