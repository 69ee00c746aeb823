import ArgumentParser
import Client
import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import Wire

/// What a cluster under load is made of.
struct BenchClusterOptions: ParsableArguments {
  @Option(help: "The assay program; ops/bench/run sets ASSAY.") var assay = ProcessInfo.processInfo.environment["ASSAY"]
  @Option var workers = 3
  @Option var partitions = 12
  @Option var replicas = 1
  @Option(help: "Event loops of the client, each with a connection to every worker.") var connections = 1
  @Option var cards = 100_000
  @Option(help: "Seconds before the measurement begins.") var warmup = 3
  @Option(help: "Parent of the cluster's directory; the disk that fsync is measured on.")
  var directory = FileManager.default.temporaryDirectory.path
  @Flag(help: "Features of terminals, devices and IPs besides the card's: partitions exchange.") var entities = false
  @Flag(help: "Leave the cluster's directory.") var keep = false

  func validate() throws {
    guard (1...8).contains(connections) else { throw ValidationError("--connections must be 1 to 8") }
    guard cards > 0, warmup >= 0 else { throw ValidationError("--cards must be positive, and --warmup not negative") }
  }
}

/// A local cluster of real processes over TLS, made by `assay dev up` for the length of a measurement.
struct BenchCluster {
  private(set) var pids: [(name: String, pid: Int32)]
  private let program: String
  let directory: String
  private let options: BenchClusterOptions

  static func up(_ options: BenchClusterOptions, durability: Durability) throws -> BenchCluster {
    guard let program = options.assay else { throw ValidationError("say where the assay program is: --assay PATH, or ops/bench/run") }
    let directory = "\(options.directory)/assay-bench-\(getpid())-\(durability)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for (name, bytes) in try BenchBundle.archive(entities: options.entities).files {
      try Data(bytes).write(to: URL(fileURLWithPath: "\(directory)/bundle/\(name)").creatingParent())
    }
    do {
      try run(
        program,
        [
          "dev", "up", "--data", "\(directory)/cluster", "--workers", "\(options.workers)", "--partitions", "\(options.partitions)",
          "--replicas", "\(options.replicas)", "--durability", "\(durability)", "--bundle", "\(directory)/bundle",
        ], log: "\(directory)/dev.log")
    } catch {
      try? run(program, ["dev", "down", "--data", "\(directory)/cluster"], log: "\(directory)/dev.log")
      throw error
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/cluster/pids").sorted()
    let pids = names.compactMap { name in
      (try? String(contentsOfFile: "\(directory)/cluster/pids/\(name)", encoding: .utf8))
        .flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }.map { (name, $0) }
    }
    // In earnest the load comes from other machines: here it does not take a worker's processor whenever an answer wakes it up.
    ThreadScheduling.preferBatches()
    return BenchCluster(pids: pids, program: program, directory: directory, options: options)
  }

  func down() {
    do { try Self.run(program, ["dev", "down", "--data", "\(directory)/cluster"], log: "\(directory)/dev.log") } catch {
      print("  the cluster was not stopped: \(error)")
    }
    if !options.keep { try? FileManager.default.removeItem(atPath: directory) }
  }

  /// CPU seconds of each process so far, this one included.
  var cpu: [String: Double] {
    var seconds = ["client": ProcessTimes.own()]
    for (name, pid) in pids { seconds[name] = ProcessTimes.of(pid) }
    return seconds
  }

  // MARK: One process

  func pid(_ name: String) -> Int32 { pids.first { $0.name == name }!.pid }

  /// Ends a process, and waits until it is gone.
  func end(_ name: String, _ signal: Int32) throws {
    let pid = pid(name)
    guard kill(pid, signal) == 0 else { throw ValidationError("can't end \(name): \(String(cString: strerror(errno)))") }
    // It is another process's child, or nobody's.
    while kill(pid, 0) == 0, !ProcessTimes.isZombie(pid) { usleep(2_000) }
  }

  /// Starts a worker again that has ended, with more `settings` in its configuration.
  mutating func start(_ name: String, settings: String = "") throws {
    let config = "\(directory)/cluster/\(name).yaml"
    if !settings.isEmpty {
      let text = try String(contentsOfFile: config, encoding: .utf8)
      try (text + settings + "\n").write(toFile: config, atomically: true, encoding: .utf8)
    }
    let pid = try Self.spawn(program, ["worker", "--config", config], log: log(name))
    pids = pids.map { $0.name == name ? (name, pid) : $0 }
    // For `assay dev down`.
    try "\(pid)\n".write(toFile: "\(directory)/cluster/pids/\(name)", atomically: true, encoding: .utf8)
  }

  func log(_ name: String) -> String { "\(directory)/cluster/logs/\(name).log" }

  /// Waits until the process has logged `text`, behind the `size` bytes that its log had.
  func wait(for text: String, of name: String, behind size: Int) async throws {
    while true {
      let data = FileManager.default.contents(atPath: log(name)) ?? Data()
      if data.dropFirst(size).range(of: Data(text.utf8)) != nil { return }
      guard kill(pid(name), 0) == 0, !ProcessTimes.isZombie(pid(name)) else {
        throw ValidationError("\(name) has ended: \(String(decoding: data.suffix(400), as: UTF8.self))")
      }
      try await Task.sleep(for: .milliseconds(2))
    }
  }

  /// A client with an event loop of its own.
  func connect(_ group: MultiThreadedEventLoopGroup) throws -> ClusterClient {
    let config = try ClientConfig(directory: "\(directory)/cluster")
    var logger = Logger(label: "assay.bench")
    logger.logLevel = .critical
    let client = ClusterClient(
      ClusterClientOptions(coordinators: config.coordinators, tls: try config.tls?.clientContext(), name: "bench", logger: logger),
      on: group.next())
    client.start()
    return client
  }

  /// Runs the program to its end. Not by Foundation's `Process`, which takes a child for alive as long as any process of
  /// its own children is.
  private static func run(_ program: String, _ words: [String], log: String) throws {
    let pid = try spawn(program, words, log: log)
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
      throw ValidationError("assay \(words[0]) \(words[1]): \(text)")
    }
  }

  private static func spawn(_ program: String, _ words: [String], log: String) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var arguments: [UnsafeMutablePointer<CChar>?] = ([program] + words).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid = pid_t()
    let code = posix_spawn(&pid, program, &actions, nil, &arguments, environ)
    guard code == 0 else { throw ValidationError("can't start \(program): \(String(cString: strerror(code)))") }
    return pid
  }
}

extension URL {
  fileprivate func creatingParent() throws -> URL {
    try FileManager.default.createDirectory(at: deletingLastPathComponent(), withIntermediateDirectories: true)
    return self
  }
}
