import Foundation
import Glibc
import Logging

/// What the servers' processes share: their log, their configuration file, and how they are told to end.
enum ServerProcess {
  /// Text lines on standard error; the service manager adds what else is wanted.
  static func logger(_ label: String, level: String) -> Logger {
    LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    var logger = Logger(label: label)
    logger.logLevel = Logger.Level(rawValue: level) ?? .info
    return logger
  }

  static func readText(_ path: String) throws -> String {
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
      throw OneLine("can't read \(path): it is a directory; give the configuration file in it")
    }
    errno = 0
    guard let data = FileManager.default.contents(atPath: path) else {
      throw OneLine("can't read \(path): \(String(cString: strerror(errno == 0 ? EIO : errno)))")
    }
    guard let text = String(validating: data, as: UTF8.self) else { throw OneLine("\(path) is not UTF-8 text") }
    return text
  }

  /// The directory that a file lies in, absolute.
  static func directory(of path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
  }

  /// A peer that goes away must not end the process, and a file limit of 1,024 is no bound for a server.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(7), &limit) == 0, limit.rlim_cur < limit.rlim_max {  // RLIMIT_NOFILE
      limit.rlim_cur = limit.rlim_max
      _ = setrlimit(__rlimit_resource_t(7), &limit)
    }
  }

  /// Waits for a request to terminate (nil), or for the server's own reason to stop.
  static func untilStopped(_ reasons: AsyncStream<String?>) async -> String? {
    for await reason in reasons { return reason }
    return nil
  }
}
