import Foundation
import Glibc
import Testing

/// A cluster of real processes in a directory of its own; stopped and removed with its owner.
final class TestCluster {
  let directory: String
  let up: [String]

  init(workers: Int = 3, partitions: Int = 6, replicas: Int, coordinators: Int = 1) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("assay-test-\(UUID().uuidString)").path
    up = [
      "dev", "up", "--data", directory, "--workers", "\(workers)", "--partitions", "\(partitions)", "--replicas", "\(replicas)",
      "--coordinators", "\(coordinators)",
    ]
    try start()
  }

  deinit {
    _ = try? AssayBinary.run(["dev", "down", "--data", directory])
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// Starts whatever doesn't run, and waits until every partition has a primary that serves.
  func start() throws {
    let result = try AssayBinary.run(up)
    try #require(result.status == 0, "\(result.output)\(result.errors)")
  }

  func pid(of name: String) throws -> pid_t {
    let text = try String(contentsOfFile: "\(directory)/pids/\(name)", encoding: .utf8)
    return try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  /// SIGKILL, and wait until the process is gone.
  func kill(_ name: String) throws {
    let pid = try pid(of: name)
    Glibc.kill(pid, SIGKILL)
    #expect(eventually(within: 10) { Glibc.kill(pid, 0) != 0 || Self.isZombie(pid) })
  }

  private static func isZombie(_ pid: pid_t) -> Bool {
    let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    return stat.split(separator: ")").last?.split(separator: " ").first == "Z"
  }

  /// Every decision in the workers' closed files, by transaction; more than one line where it stands there twice.
  func decisionsInFiles() throws -> [String: [String]] {
    var found: [String: [String]] = [:]
    for worker in try FileManager.default.contentsOfDirectory(atPath: directory) where worker.hasPrefix("worker-") {
      let outbox = "\(directory)/\(worker)/outbox"
      for name in (try? FileManager.default.contentsOfDirectory(atPath: outbox)) ?? []
      where name.hasPrefix("decisions-") && name.hasSuffix(".ndjson") {
        for line in try lines(of: "\(outbox)/\(name)") { found[try transactionID(line), default: []].append(line) }
      }
    }
    return found
  }
}

func lines(of path: String) throws -> [String] {
  try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
}

func transactionID(_ line: String) throws -> String { try field("transaction_id", of: line) }

/// A text field of a JSON line that the program wrote.
func field(_ name: String, of line: String) throws -> String {
  let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  return try #require(object[name] as? String, "no \(name) in \(line)")
}

func number(_ name: String, of line: String) throws -> Double {
  let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  return try #require(object[name] as? Double, "no \(name) in \(line)")
}
