import Client
import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import Wire

/// The steps of a demonstration: a cluster, a model, a stream, and the proof of what became of it.
struct DemoRun: Sendable {
  /// How long decisions may take to stand in closed files once they are committed.
  static let filesDeadline = Duration.seconds(30)
  /// Longer than a file of decisions stays open.
  static let filesRoll = Duration.milliseconds(2_500)

  let options: DemoOptions

  func run() async throws -> DemoReport {
    do {
      let model = try trainModel()
      let cluster = try await startCluster()
      try await activate(model, on: cluster)
      let report = try await stream(on: cluster)
      if options.keep { say("the cluster stays up; 'assay dev down --data \(options.data)' stops it") }
      return report
    } catch {
      if !options.keep { await takeDown() }
      throw error
    }
  }

  private func say(_ text: String) { Output.standard(text + "\n") }

  // MARK: - Before

  private func trainModel() throws -> DemoModel.Trained {
    say("training on \(NumberText.grouped(options.history)) generated transactions of another world")
    let model = try DemoModel.train(options)
    let precision = model.averagePrecision.map { ", average precision \(NumberText.fixed($0, 3)) on its history" } ?? ""
    say("  an isolation forest in \(NumberText.fixed(model.seconds, 1)) s\(precision)")
    return model
  }

  private func startCluster() async throws -> LocalCluster {
    say("starting a coordinator and \(options.workers) workers, over TLS on 127.0.0.1")
    let local = LocalClusterOptions(
      workers: options.workers, partitions: options.partitions, replicas: options.replicas, data: options.data)
    return try await LocalCluster.up(local) { say("  \($0)") }
  }

  private func activate(_ model: DemoModel.Trained, on cluster: LocalCluster) async throws {
    let admin = try await AdminClient.connect(try ClientConfig.admin(directory: cluster.directory))
    let published = try await admin.publish(model.contents)
    try await admin.untilActive(published.bundle)
    await admin.close()
    let policy = model.bundle.policy
    say("  bundle \(published.bundle) decides: review from \(policy.review ?? .infinity), decline from \(policy.decline ?? .infinity)")
  }

  /// The task may have been cancelled; stopping processes takes waiting, which a cancelled task can't.
  private func takeDown() async {
    let data = options.data
    await Task.detached { try? await LocalCluster.open(data).down() }.value
  }

  // MARK: - The stream

  private func stream(on cluster: LocalCluster) async throws -> DemoReport {
    say(
      "streaming \(NumberText.grouped(options.transactions)) transactions, \(NumberText.percent(DemoOptions.fraudRate, 0)) of them fraud"
        + (options.rate.map { ", \(NumberText.grouped(Int($0)))/s" } ?? ""))
    let admin = try await AdminClient.connect(try ClientConfig.admin(directory: cluster.directory))
    let client = try connect(cluster)
    let map = try await client.map()
    let stream = DemoStream(options, on: client.eventLoop)
    let pids = cluster.processes.map(\.pid) + [getpid()]
    let before = ProcessTimes.seconds(of: pids)
    let watch = ClusterWatch(admin)
    let watching = Task { await watch.run() }
    let showing = Task { await show(stream, watch) }
    let result: DemoResult
    do {
      defer {
        watching.cancel()
        showing.cancel()
      }
      result = try await stream.run(client)
    }
    let cpu = ProcessTimes.spent(pids, since: before)
    await showing.value
    client.close()
    await admin.close()
    try Task.checkCancellation()
    let audit = try await audit(result, cluster)
    return report(result, audit, cpu, map, cluster)
  }

  private func connect(_ cluster: LocalCluster) throws -> ClusterClient {
    let config = try ClientConfig(directory: cluster.directory)
    var logger = Logger(label: "assay.demo")
    // The screen shows what there is to know.
    logger.logLevel = .critical
    let options = ClusterClientOptions(
      coordinators: config.coordinators, tls: try config.tls?.clientContext(), name: "demo", logger: logger)
    let client = ClusterClient(options, on: MultiThreadedEventLoopGroup.singleton.next())
    client.start()
    return client
  }

  private func show(_ stream: DemoStream, _ watch: ClusterWatch) async {
    var screen = DemoScreen(options)
    while !Task.isCancelled {
      try? await Task.sleep(for: screen.interval)
      guard !Task.isCancelled, let snapshot = try? await stream.snapshot() else { break }
      screen.show(snapshot, watch.latest)
    }
    if let snapshot = try? await stream.snapshot() { screen.finish(snapshot, watch.latest) }
  }

  // MARK: - After

  /// Waits until the decisions stand in closed files, stops the cluster unless it shall stay, and counts.
  private func audit(_ result: DemoResult, _ cluster: LocalCluster) async throws -> DecisionAudit {
    say("counting decisions in the workers' files")
    var audit = DecisionAudit(ids: result.ids, directories: cluster.outboxDirectories)
    let deadline = ContinuousClock.now + Self.filesDeadline
    try audit.read()
    while audit.foundCount < result.decided, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(100))
      try audit.read()
    }
    if options.keep {
      // A second decision of a transaction would come in the next files.
      try await Task.sleep(for: Self.filesRoll)
    } else {
      try await cluster.down()
    }
    try audit.read()
    return audit
  }

  private func report(
    _ result: DemoResult, _ audit: DecisionAudit, _ cpu: Double, _ map: ClusterMap, _ cluster: LocalCluster
  ) -> DemoReport {
    let lost = result.ids.indices.count { result.outcome($0) != .rejected && audit.times(result.ids[$0]) == 0 }
    let confusion = result.confusion
    let genuine = confusion.falsePositives + confusion.trueNegatives
    let latency = result.latency
    let decided = result.decided
    return DemoReport(
      submitted: result.count, decided: decided, lost: lost, duplicated: audit.duplicated,
      quarantined: result.count(of: .rejected), quarantineReasons: result.rejections, failed: result.count(of: .failed),
      sentAgain: result.resent, seconds: result.seconds,
      decisionsPerSecond: result.seconds > 0 ? Double(decided) / result.seconds : 0,
      latencyMs: .init(p50: latency?.p50 ?? 0, p99: latency?.p99 ?? 0, p999: latency?.p999 ?? 0, max: latency?.max ?? 0),
      latencyFrom: options.rate == nil ? "from enqueuing" : "from the due time",
      averagePrecision: result.averagePrecision, precision: confusion.precision, recall: confusion.recall,
      falsePositiveRate: genuine == 0 ? 0 : Double(confusion.falsePositives) / Double(genuine), patterns: result.patterns,
      verdicts: .init(
        approve: result.count(of: .approved), review: result.count(of: .reviewed), decline: result.count(of: .declined)),
      cpuSeconds: cpu, cpuMicrosecondsPerDecision: decided == 0 ? 0 : cpu * 1e6 / Double(decided), workers: map.nodes.count,
      partitions: map.partitions.count, replicas: map.settings.replicas, seed: options.seed,
      files: .init(outboxes: cluster.outboxDirectories, data: cluster.directory))
  }
}
