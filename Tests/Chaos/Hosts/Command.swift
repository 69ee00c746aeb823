import Foundation
import Glibc

/// Why a chaos run can't go on: what happened, to what, what to do.
struct ChaosError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Runs other programs. Not by Foundation's `Process`, which waits for a child's children as well.
enum Command {
  /// Starts `words[0]`, found on the PATH, with `log` (appended to) as its output, or with none.
  static func spawn(_ words: [String], log: String? = nil, environment: [String: String] = [:]) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A session of its own: Ctrl-C is for the run, which then stops everything in order.
    posix_spawnattr_setflags(&attributes, 0x80)  // POSIX_SPAWN_SETSID, which the module map leaves out
    var variables = ProcessInfo.processInfo.environment
    variables.merge(environment) { $1 }
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    var values: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in arguments + values { free(text) } }
    var pid = pid_t()
    let code = posix_spawnp(&pid, words[0], &actions, &attributes, &arguments, &values)
    guard code == 0 else { throw ChaosError("can't start \(words[0]): \(String(cString: strerror(code)))") }
    return pid
  }

  /// Runs a program to its end; throws what it said if that was no success. Blocks for the milliseconds that it takes.
  static func run(_ words: [String]) throws {
    let log = "\(FileManager.default.temporaryDirectory.path)/assay-chaos-command-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    defer { unlink(log) }
    let status = wait(for: try spawn(words, log: log))
    guard status != 0 else { return }
    let said = (try? String(contentsOfFile: log, encoding: .utf8))?.split(separator: "\n").joined(separator: " ") ?? ""
    throw ChaosError("\(words.joined(separator: " ")) failed: \(said)")
  }

  /// Runs a program whose failure does no harm: there may be nothing to clean up.
  static func attempt(_ words: [String]) { _ = try? run(words) }

  static func wait(for pid: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 { if errno != EINTR { return -1 } }
    return status
  }

  /// The exit status of a child that has ended, nil while it runs.
  static func ended(_ pid: pid_t) -> Int32? {
    var status: Int32 = 0
    return waitpid(pid, &status, WNOHANG) == 0 ? nil : status
  }

  static func isThere(_ program: String) -> Bool {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"
    return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }
}
