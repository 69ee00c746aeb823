import Client
import Dispatch
import Foundation
import Glibc
import Models
import Wire

/// One run from nothing to the report.
struct ChaosRun {
  let options: ChaosOptions
  let seed: UInt64
  let leftovers: Leftovers
  private let start = ClientClock.nanoseconds()

  init(_ options: ChaosOptions) {
    self.options = options
    seed = options.seed ?? UInt64.random(in: 0..<1_000_000)
    let tag = "\(getpid())"
    leftovers = Leftovers(tag: tag, directory: "\(options.directory)/assay-chaos-\(tag)")
  }

  /// Whether every check held. Whatever happens, nothing is left behind.
  func run() async throws -> Bool {
    try leftovers.register()
    defer { leftovers.clean(keeping: options.keep) }
    let coordinators = (1...options.coordinators).map { "k\($0)" }
    let network = Network(tag: leftovers.tag, names: coordinators + (1...options.nodes).map { "w\($0)" } + ["c1", "c2"])
    let files = ClusterFiles(
      directory: leftovers.directory, network: network, coordinators: coordinators.map(network.host), lease: options.lease,
      workers: (1...options.nodes).map { network.host("w\($0)") }, clients: [network.host("c1"), network.host("c2")],
      partitions: options.partitions)
    try files.write()
    say("seed \(seed); \(options.nodes) workers on hosts of their own, in \(leftovers.directory)")
    try network.make()
    let cluster = try await Cluster(network, files, program: options.program!, preload: try preload(), entities: options.entities)
    let clock = RunClock { now in cluster.tend(now: now) }
    let signals = stopOnSignal(clock)
    defer { for signal in signals { signal.cancel() } }
    do {
      let isGood = try await run(cluster, clock)
      await cluster.close()
      return isGood
    } catch {
      await cluster.close()
      throw error
    }
  }

  private func run(_ cluster: Cluster, _ clock: RunClock) async throws -> Bool {
    try cluster.smallDisk.mount()
    try cluster.start()
    try await untilWhole(cluster, clock, seconds: 60, "the cluster did not start")
    let archives = try ChaosBundle.archives(entities: options.entities)
    let bundle = try await cluster.admin.publish(archives[0].encode()).bundle
    for archive in archives.dropFirst() { _ = try await cluster.admin.publish(archive.encode(), step: .store) }
    try await cluster.admin.untilActive(bundle)
    let map = try await cluster.admin.map()

    var clients: [LoadClient] = []
    for (index, host) in cluster.files.clients.enumerated() {
      let group = try await cluster.network.eventLoops(on: host)
      clients.append(try LoadClient(host, on: group, files: cluster.files, number: UInt32(index + 1), cards: options.cards))
    }
    for client in clients { try await client.connect() }
    for client in clients { client.start(rate: options.rate / Double(clients.count)) }
    say("load of \(Int(options.rate)) transactions/s from \(clients.count) clients")
    var history = History(began: ClientClock.nanoseconds(), slots: Slots(map))
    var digests = Digests()

    do {
      // Undisturbed first: what the gaps of faults are compared with.
      try await clock.sleep(6_000)
      try await disturb(cluster, clock, &history, &digests)
      for client in clients { client.stop() }
      say("waiting for the last answers")
      let isDrained = try await clock.wait(120_000) {
        for client in clients where try await client.outstanding() > 0 { return false }
        return true
      }
      if !isDrained { say("some transactions have no answer after 120 s") }
      history.ended = ClientClock.nanoseconds()
      say("asking for every transaction again")
      var recheck = RecheckOutcome()
      var ledgers: [UInt32: Ledger] = [:]
      for (index, client) in clients.enumerated() {
        ledgers[UInt32(index + 1)] = try await client.finishedLedger()
        recheck.add(try await client.askAgain())
      }
      for client in clients { await client.close() }
      clients = []
      var conservation = Conservation.Outcome()
      if options.entities {
        say("asking for what the cluster knows of terminals, devices and addresses")
        conservation = try await Conservation(ledgers: Array(ledgers.values)).check(cluster.admin, clock)
      }
      say("stopping the cluster, so that all decisions stand in files")
      for worker in cluster.workers { worker.terminate() }
      try await clock.wait(20_000) { cluster.workers.allSatisfy { !$0.isRunning } }
      digests.gather(from: cluster.workers)
      let decided = try DecisionFiles(directories: cluster.decisionDirectories)
      say("deciding all of it again, by the oracle")
      let oracle = Oracle(ledgers: ledgers, bundles: cluster.bundles).check(decided)
      if oracle.degraded > 0 { say("\(oracle.degraded) transactions were decided without the features of some entity") }
      var checks = Check.all(
        ledgers, recheck, decided, oracle, digests, convergence: history.notWhole, strikes: history.faults.count)
      if options.entities {
        checks.append(
          Check(
            name: "every transaction is counted once at each of its entities", unit: "entities", count: conservation.asked,
            violations: conservation.violations))
        let most = oracle.decisions / 2
        checks.append(
          Check(
            name: "most transactions were decided with their entities' features", unit: "decisions", count: oracle.decisions,
            violations: oracle.degraded > most ? ["\(oracle.degraded) were decided without some"] : []))
      }
      let report = Report(options: options, seed: seed, history: history, ledgers: Array(ledgers.values), checks: checks)
      try report.write(to: options.report)
      print(report.summary)
      return checks.allSatisfy { $0.holds }
    } catch {
      for client in clients { await client.close() }
      throw error
    }
  }

  private func disturb(_ cluster: Cluster, _ clock: RunClock, _ history: inout History, _ digests: inout Digests) async throws {
    var nemesis = Nemesis(cluster, kinds: try options.kinds(), seed: seed, clock: clock)
    let end = ClientClock.nanoseconds() + Int64(options.minutes * 60e9)
    while ClientClock.nanoseconds() < end {
      let kind = nemesis.nextKind()
      var fault = try await nemesis.strike(kind)
      var reason = ""
      let isWhole = try await clock.wait(60_000) {
        guard let missing = await cluster.incompleteness() else { return true }
        reason = missing
        return false
      }
      if isWhole {
        fault.whole = ClientClock.nanoseconds()
        say("\(kind.title) (\(fault.target)): whole again \(seconds(fault.whole! - fault.healed)) s after it was undone")
      } else {
        say("\(kind.title) (\(fault.target)): NOT whole after 60 s: \(reason)")
        history.notWhole.append("\(kind.title) (\(fault.target)): after 60 s, \(reason)")
      }
      history.faults.append(fault)
      digests.gather(from: cluster.workers)
      try await clock.sleep(3_000)
    }
  }

  private func untilWhole(_ cluster: Cluster, _ clock: RunClock, seconds: Int, _ failure: String) async throws {
    var reason = ""
    let isWhole = try await clock.wait(seconds * 1_000) {
      guard let missing = await cluster.incompleteness() else { return true }
      reason = missing
      return false
    }
    guard !isWhole else { return }
    let last = cluster.servers.map { "\($0.name): \($0.lastLine)" }.joined(separator: "; ")
    throw ChaosError("\(failure): \(reason); \(last)")
  }

  /// The library of faults, which the build puts beside this program.
  private func preload() throws -> String {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let path = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("libChaosFaults.so").path
    guard access(path, R_OK) == 0 else { throw ChaosError("\(path) is missing: ops/chaos builds it") }
    return path
  }

  private func stopOnSignal(_ clock: RunClock) -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { clock.stop() }
      source.resume()
      return source
    }
  }

  private func say(_ text: String) {
    print("[\(pad(left: seconds(ClientClock.nanoseconds() - start), 6))] \(text)")
    fflush(nil)
  }
}

/// With one place.
func seconds(_ nanoseconds: Int64) -> String {
  let tenths = (nanoseconds + 50_000_000) / 100_000_000
  return "\(tenths / 10).\(tenths % 10)"
}
