import Foundation
import Glibc
import Synchronization

/// One process of the cluster on its host, started again a second after it has ended by itself, as a service manager does.
final class Server: Sendable {
  /// What the process should be doing, and what it does.
  private struct State {
    var pid: pid_t?
    var isWanted = false
    var endedAt: Int64 = 0
    /// Times it ended without having been asked to.
    var failures = 0
  }

  static let restartDelay: Int64 = 1_000_000_000

  let host: Host
  let name: String
  let faults: FaultControl
  let dataPath: String
  /// Its command line.
  private let words: [String]
  /// The library of faults; nil for a program that has none inside.
  private let preload: String?
  private let directory: String
  private let state = Mutex(State())

  init(_ host: Host, _ name: String, _ words: [String], dataPath: String, preload: String?, directory: String) throws {
    self.dataPath = dataPath
    self.host = host
    self.name = name
    self.words = words
    self.preload = preload
    self.directory = directory
    faults = try FaultControl(path: "\(directory)/faults/\(name)")
  }

  var logPath: String { "\(directory)/logs/\(name).log" }
  var isRunning: Bool { state.withLock { $0.pid != nil } }
  var failures: Int { state.withLock { $0.failures } }

  func start() throws {
    try state.withLock { state in
      state.isWanted = true
      guard state.pid == nil else { return }
      state.pid = try launch()
    }
  }

  private func launch() throws -> pid_t {
    try Command.spawn(
      ["nsenter", "--net=\(host.path)"] + words, log: logPath,
      environment: preload.map { ["LD_PRELOAD": $0, "CHAOS_FAULTS": faults.path] } ?? [:])
  }

  func signal(_ number: Int32) {
    state.withLock { state in
      if let pid = state.pid { kill(pid, number) }
    }
  }

  /// Ends the process at once and keeps it down until `start`.
  func kill9() { stop(by: SIGKILL) }

  /// Asks the process to end in order, and keeps it down.
  func terminate() { stop(by: SIGTERM) }

  private func stop(by number: Int32) {
    state.withLock { state in
      state.isWanted = false
      if let pid = state.pid { kill(pid, number) }
    }
  }

  /// Takes note of an end, and starts what should be running. Called all the time.
  func tend(now: Int64) {
    state.withLock { state in
      if let pid = state.pid, Command.ended(pid) != nil {
        state.pid = nil
        state.endedAt = now
        if state.isWanted { state.failures += 1 }
      }
      if state.pid == nil, state.isWanted, now - state.endedAt >= Self.restartDelay {
        state.pid = try? launch()
        state.endedAt = now
      }
    }
  }

  /// What the newest line of its log that has `text` begins with: the time.
  func lastTime(of text: String) -> String? {
    let log = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
    return log.split(separator: "\n").last { $0.contains(text) }?.split(separator: " ").first.map(String.init)
  }

  var lastLine: String {
    let text = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").last.map(String.init) ?? "it left no log"
  }
}
