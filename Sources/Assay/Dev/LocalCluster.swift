import Client
import Foundation
import Glibc
import Wire

struct LocalClusterOptions {
  var workers = 3
  var partitions = 64
  var replicas = 1
  var data: String
  var durability = Durability.fsync
  var coordinators = 1
  /// Members of a local etcd that keeps the metadata; 0: the coordinator's own store.
  var etcdMembers = 0
}

/// A cluster of real processes on this machine, over TLS on loopback: what `assay dev` runs and the demo stands on.
///
/// ```
/// DIR/ca/             the cluster's authority          DIR/certificates/   a certificate and key each
/// DIR/coordinator.yaml, worker-N.yaml, client.yaml, admin.yaml
/// DIR/coordinator/, DIR/worker-N/   data directories   DIR/logs/, DIR/pids/
/// With the metadata in etcd: DIR/coordinator-N.yaml, DIR/etcd-N.yaml, DIR/etcd-N/, and an authority of etcd's own in DIR/etcd-ca/
/// ```
struct LocalCluster {
  let directory: String

  static func open(_ directory: String) throws -> LocalCluster {
    let path = URL(fileURLWithPath: directory).standardizedFileURL.path
    guard FileManager.default.fileExists(atPath: "\(path)/client.yaml") else {
      throw OneLine("\(path) holds no cluster; 'assay dev up --data \(directory)' makes one")
    }
    return LocalCluster(directory: path)
  }

  /// Makes the cluster where there is none yet, starts those of its processes that don't run, and waits until every
  /// partition has a primary.
  static func up(_ options: LocalClusterOptions, log: (String) -> Void) async throws -> LocalCluster {
    let path = URL(fileURLWithPath: options.data).standardizedFileURL.path
    let cluster = LocalCluster(directory: path)
    if !FileManager.default.fileExists(atPath: "\(path)/client.yaml") {
      log("making a cluster in \(path)")
      try LocalClusterFiles(directory: path, options: options).write()
    }
    try cluster.startMissing(log)
    try await cluster.untilServing(log)
    return cluster
  }

  var clientConfigPath: String { "\(directory)/client.yaml" }
  var outboxDirectories: [String] { workerNames.map { "\(directory)/\($0)/outbox" } }

  /// In the order in which they are started.
  var names: [String] { etcdNames + coordinatorNames + workerNames }
  var etcdNames: [String] { numbered("etcd") }
  var workerNames: [String] { numbered("worker") }

  var coordinatorNames: [String] {
    let several = numbered("coordinator")
    return several.isEmpty ? ["coordinator"] : several
  }

  /// Those that have a configuration file `KIND-N.yaml`, by their number.
  private func numbered(_ kind: String) -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    let numbers = files.compactMap { file -> Int? in
      guard file.hasPrefix("\(kind)-"), file.hasSuffix(".yaml") else { return nil }
      return Int(file.dropFirst(kind.count + 1).dropLast(5))
    }
    return numbers.sorted().map { "\(kind)-\($0)" }
  }

  /// Those that run, with their process ids.
  var processes: [(name: String, pid: Int32)] {
    names.compactMap { name in pid(of: name).map { (name, $0) } }
  }

  /// The process that a pid file names, if it is still ours: a number may have gone to somebody else since.
  func pid(of name: String) -> Int32? {
    guard let text = try? String(contentsOfFile: "\(directory)/pids/\(name)", encoding: .utf8),
      let pid = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), kill(pid, 0) == 0,
      let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
    else { return nil }
    let words = command.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    return words.contains("\(directory)/\(name).yaml") ? pid : nil
  }

  /// Whether the process that was started under this name is no more.
  private func hasStopped(_ name: String) -> Bool {
    guard let text = try? String(contentsOfFile: "\(directory)/pids/\(name)", encoding: .utf8),
      let pid = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    else { return true }
    return DetachedProcess.hasEnded(pid)
  }

  private func startMissing(_ log: (String) -> Void) throws {
    for name in names where pid(of: name) == nil { try start(name) }
    log("\(names.count) processes run; their logs are in \(directory)/logs")
  }

  /// Starts one process of the cluster, detached from this one.
  func start(_ name: String) throws {
    let config = "\(directory)/\(name).yaml"
    let words =
      if name.hasPrefix("etcd") {
        [try LocalEtcd.program(), "--config-file", config]
      } else {
        [try DetachedProcess.ownPath(), name.hasPrefix("coordinator") ? "coordinator" : "worker", "--config", config]
      }
    let pid = try DetachedProcess.spawn(words, log: "\(directory)/logs/\(name).log")
    try "\(pid)\n".write(toFile: "\(directory)/pids/\(name)", atomically: true, encoding: .utf8)
  }

  private func untilServing(_ log: (String) -> Void) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    let config = try ClientConfig(directory: directory)
    var reason = "no answer yet"
    while ContinuousClock.now < deadline {
      for name in names where hasStopped(name) {
        throw OneLine("\(name) has stopped: \(lastLine(of: name)). Its log is \(directory)/logs/\(name).log")
      }
      do {
        let admin = try await AdminClient.connect(config)
        let status = try await admin.status()
        await admin.close()
        let serving = Set(status.replicas.filter { $0.report.role == .primary }.map(\.report.partition))
        let waiting = status.map.partitions.filter { !serving.contains($0.id) }.count
        if !status.map.partitions.isEmpty, waiting == 0 { return }
        reason = status.map.partitions.isEmpty ? "the workers have not all joined" : "\(waiting) partitions have no primary that serves"
      } catch {
        reason = "\(error)"
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw OneLine("the cluster does not serve after 60 s: \(reason). The logs are in \(directory)/logs")
  }

  private func lastLine(of name: String) -> String {
    let text = (try? String(contentsOfFile: "\(directory)/logs/\(name).log", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").last.map(String.init) ?? "it left no log"
  }

  /// Asks all processes to end, workers first, what they stand on last, and waits for them; those that don't are killed.
  func down() async throws {
    for group in [workerNames, coordinatorNames, etcdNames] {
      let running = group.compactMap { name in pid(of: name).map { (name, $0) } }
      for (_, pid) in running { kill(pid, SIGTERM) }
      let deadline = ContinuousClock.now + .seconds(15)
      for (name, pid) in running {
        while self.pid(of: name) != nil, !DetachedProcess.hasEnded(pid) {
          if ContinuousClock.now > deadline { kill(pid, SIGKILL) }
          try await Task.sleep(for: .milliseconds(20))
        }
        try? FileManager.default.removeItem(atPath: "\(directory)/pids/\(name)")
      }
    }
  }
}
