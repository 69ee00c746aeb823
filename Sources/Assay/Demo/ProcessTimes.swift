import Foundation
import Glibc

/// CPU time that processes have used, user and system.
enum ProcessTimes {
  /// Seconds by process id; without those that have ended.
  static func seconds(of pids: [Int32]) -> [Int32: Double] {
    var times: [Int32: Double] = [:]
    for pid in pids { times[pid] = seconds(of: pid) }
    return times
  }

  /// What `pids` have used since `before` was taken. A process that was started since counts whole.
  static func spent(_ pids: [Int32], since before: [Int32: Double]) -> Double {
    seconds(of: pids).reduce(0) { $0 + $1.value - (before[$1.key] ?? 0) }
  }

  /// Fields 14 and 15 of /proc/PID/stat (proc(5)), counted behind the name, which may hold blanks and brackets.
  private static func seconds(of pid: Int32) -> Double? {
    guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat"), let name = data.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = data[(name + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count > 12, let user = Double(String(decoding: fields[11], as: UTF8.self)),
      let system = Double(String(decoding: fields[12], as: UTF8.self))
    else { return nil }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
