import Foundation
import Glibc

/// CPU time and memory of this process and of others, from the kernel.
enum ProcessTimes {
  /// Seconds of CPU that this process has used, user and system.
  static func own() -> Double {
    var usage = rusage()
    getrusage(0, &usage)  // RUSAGE_SELF, which glibc types otherwise
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }

  /// CPU time of this process, user and system, that `body` takes.
  static func cpuSeconds(_ body: () -> Void) -> Double {
    let before = own()
    body()
    return own() - before
  }

  /// Seconds of CPU that another process has used: fields 14 and 15 of /proc/PID/stat (proc(5)), counted behind the name,
  /// which may hold blanks and brackets. Ten milliseconds fine. 0 when it has ended.
  static func of(_ pid: Int32) -> Double {
    guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat"), let name = data.lastIndex(of: UInt8(ascii: ")"))
    else { return 0 }
    let fields = data[(name + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count > 12, let user = Double(String(decoding: fields[11], as: UTF8.self)),
      let system = Double(String(decoding: fields[12], as: UTF8.self))
    else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Whether it has ended, and its parent has not asked for it yet.
  static func isZombie(_ pid: Int32) -> Bool {
    guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat"), let name = data.lastIndex(of: UInt8(ascii: ")"))
    else { return false }
    return data[(name + 1)...].split(separator: UInt8(ascii: " ")).first == Data("Z".utf8)
  }

  /// Bytes that a process has read so far, from the disk or the page cache (`rchar` of /proc/PID/io); 0 when it has ended.
  static func readBytes(_ pid: Int32) -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/io", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("rchar: ") }
    return line.flatMap { Int($0.dropFirst(7)) } ?? 0
  }

  /// Resident bytes of a process.
  static func residentBytes(_ pid: Int32) -> Int {
    guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/statm") else { return 0 }
    let fields = data.split(separator: UInt8(ascii: " "))
    return fields.count > 1 ? (Int(String(decoding: fields[1], as: UTF8.self)) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
  }
}
