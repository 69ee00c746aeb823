import Foundation
import Glibc

/// What a run has on this machine that would outlive it, written down before it is made: `/run/assay-chaos/TAG` names the
/// run's directory. Namespaces and mounts are found by the tag. So a run that was killed is cleaned up by the next one.
struct Leftovers {
  static let registry = "/run/assay-chaos"

  let tag: String
  let directory: String

  func register() throws {
    try FileManager.default.createDirectory(atPath: Self.registry, withIntermediateDirectories: true)
    try "\(directory)\n".write(toFile: "\(Self.registry)/\(tag)", atomically: true, encoding: .utf8)
  }

  /// Ends the run's processes, and takes away its mounts, namespaces and, unless `keeping`, its files.
  func clean(keeping: Bool) {
    let namespaces = Self.namespaces().filter { $0.hasPrefix("chaos-\(tag)-") }
    for _ in 0..<50 {
      let pids = namespaces.flatMap(Self.processes)
      if pids.isEmpty { break }
      for pid in pids {
        kill(pid, SIGKILL)
        _ = Command.ended(pid)
      }
      usleep(20_000)
    }
    for mount in Self.mounts(below: directory).reversed() { Command.attempt(["umount", mount]) }
    for namespace in namespaces { Command.attempt(["ip", "netns", "delete", namespace]) }
    if !keeping { try? FileManager.default.removeItem(atPath: directory) }
    unlink("\(Self.registry)/\(tag)")
  }

  /// Cleans up behind runs whose process is gone; the tag is its number.
  static func cleanOrphans(log: (String) -> Void) {
    for tag in (try? FileManager.default.contentsOfDirectory(atPath: registry)) ?? [] {
      guard let owner = pid_t(tag), !isRun(owner) else { continue }
      let text = (try? String(contentsOfFile: "\(registry)/\(tag)", encoding: .utf8)) ?? ""
      let directory = text.trimmingCharacters(in: .whitespacesAndNewlines)
      guard directory.contains("assay-chaos-\(tag)") else { continue }
      log("cleaning up what the run \(tag) left behind")
      Leftovers(tag: tag, directory: directory).clean(keeping: false)
    }
  }

  private static func isRun(_ pid: pid_t) -> Bool {
    let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
    return String(decoding: command, as: UTF8.self).contains("assay-chaos")
  }

  private static func namespaces() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? [] }

  /// Processes whose network is the namespace `name`.
  private static func processes(in name: String) -> [pid_t] {
    var wanted = stat()
    guard stat("/run/netns/\(name)", &wanted) == 0 else { return [] }
    return ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { entry in
      guard let pid = pid_t(entry) else { return nil }
      var its = stat()
      guard stat("/proc/\(pid)/ns/net", &its) == 0, its.st_ino == wanted.st_ino, its.st_dev == wanted.st_dev else { return nil }
      return pid
    }
  }

  private static func mounts(below directory: String) -> [String] {
    let text = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      return words.count > 1 && words[1].hasPrefix(directory + "/") ? String(words[1]) : nil
    }
  }
}
