import ArgumentParser
import Client
import Foundation
import Glibc
import NIOPosix
import Wire

/// How fast a worker that was killed reads its snapshots and its log, with nothing of them in the page cache.
struct RecoveryBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recovery", abstract: "A worker is killed after many transactions: how fast it reads its snapshots and log.")

  @OptionGroup var options: BenchClusterOptions
  @Option(help: "Transactions that it has decided before.") var transactions = 10_000_000
  @Option(help: "Settings of the worker, such as 'checkpoint_mb: 65536' for a log without snapshots.") var settings = ""

  func run() async throws { _ = try await measure() }

  func measure() async throws -> [Figure] {
    var options = options
    options.workers = 1
    options.replicas = 1
    print(title: "recovery: one worker after \(transactions) transactions, \(options.partitions) partitions, \(options.cards) cards, fsync")
    var cluster = try BenchCluster.up(options, durability: .fsync)
    defer { cluster.down() }
    if !settings.isEmpty { try await restart(&cluster, SIGTERM) }
    try await cluster.fill(transactions, options)
    try cluster.end("worker-1", SIGKILL)

    let data = "\(cluster.directory)/cluster/worker-1"
    let files = try ColdFiles(below: data, ["/journal/", "/snapshots/"])
    let snapshots = try ColdFiles(below: data, ["/snapshots/"])
    try files.evict()
    let disk = Double(files.bytes) / (try files.read()) / 1e6
    try files.evict()
    let logged = FileManager.default.contents(atPath: cluster.log("worker-1"))?.count ?? 0
    let start = ClientClock.nanoseconds()
    try cluster.start("worker-1")
    try await cluster.wait(for: "log replayed", of: "worker-1", behind: logged)
    let seconds = Double(ClientClock.nanoseconds() - start) / 1e9
    let read = Double(ProcessTimes.readBytes(cluster.pid("worker-1"))) / 1e6
    try await cluster.wait(for: "joined the cluster", of: "worker-1", behind: logged)
    let joined = Double(ClientClock.nanoseconds() - start) / 1e9
    let figures = [
      Figure("on its disk: log and snapshots", Double(files.bytes) / 1e6, "MB", digits: 0),
      Figure("  snapshots", Double(snapshots.bytes) / 1e6, "MB", digits: 0),
      Figure("read by the worker", read, "MB", digits: 0),
      Figure("from its start until all was applied", seconds, "s"),
      Figure("read and applied", read / seconds, "MB/s", digits: 0, goal: .atLeast(min(300, disk))),
      Figure("from its start until it has joined", joined, "s"),
      Figure("baseline: the files read alone", disk, "MB/s", digits: 0),
    ]
    Figure.print(figures)
    return figures
  }

  private func restart(_ cluster: inout BenchCluster, _ signal: Int32) async throws {
    try cluster.end("worker-1", signal)
    let logged = FileManager.default.contents(atPath: cluster.log("worker-1"))?.count ?? 0
    try cluster.start("worker-1", settings: settings)
    try await cluster.wait(for: "joined the cluster", of: "worker-1", behind: logged)
  }
}

extension BenchCluster {
  /// Sends transactions as fast as they are taken until so many have been decided, and waits for all answers.
  func fill(_ transactions: Int, _ options: BenchClusterOptions) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let client = try connect(group)
    let stream = LoadStream(on: client.eventLoop, prefix: 1, cards: options.cards, rate: nil)
    try await stream.start(client)
    while try await stream.snapshot().decided < transactions { try await Task.sleep(for: .milliseconds(50)) }
    _ = try await stream.finish()
    client.close()
    try await group.shutdownGracefully()
  }
}
