import Logging
import Synchronization

/// Keeps the lines of level warning and above, so that a test can say what an operator reads.
struct LogRecorder: LogHandler {
  final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
  }

  let lines: Lines
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.warning

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    lines.add("\(event.message) \(event.metadata?["reason"].map { "\($0)" } ?? "")")
  }

  static func make() -> (Logger, Lines) {
    let lines = Lines()
    return (Logger(label: "test") { _ in LogRecorder(lines: lines) }, lines)
  }
}
