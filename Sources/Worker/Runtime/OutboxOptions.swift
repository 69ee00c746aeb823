import Wire

/// What kinds of files an outbox writes. Each line of them is one JSON object.
public enum OutboxKind: String, Sendable, CaseIterable {
  case decisions, alerts, quarantine

  /// Covered by the cursors: what is not in a closed file after a crash is emitted again.
  static let emitted: [OutboxKind] = [.decisions, .alerts]
}

public struct OutboxOptions: Sendable {
  /// Files that hold anything are closed after this long; nanoseconds.
  public var closeAfter: UInt64 = 2_000_000_000
  /// ... or when one of them has become this large.
  public var fileBytesMax: Int = 64 * 1024 * 1024
  /// Bytes taken but not yet written at which `isFull` turns true. Twice that plus 64 MiB is a caller's bug.
  public var queueBytesMax: Int = 16 * 1024 * 1024
  /// Closed files of one kind beyond this many bytes go, oldest first. Nil keeps all.
  public var keptBytesMax: Int?

  public init() {}
}

public enum OutboxError: Error, Equatable, Sendable, CustomStringConvertible {
  case file(FileError)
  case cursors(path: String, String)
  case cursorsMissing(directory: String)
  case stopped

  /// Space on the disk would help.
  public var isDiskFull: Bool {
    if case .file(let error) = self { error.isDiskFull } else { false }
  }

  static func files<R>(_ body: () throws(FileError) -> R) throws(OutboxError) -> R {
    do throws(FileError) { return try body() } catch { throw .file(error) }
  }

  public var description: String {
    switch self {
    case .file(let error): "the outbox can't go on: \(error)"
    case .cursors(let path, let what):
      "\(path) is damaged: \(what). Without it decisions would be written twice or left out: put a good copy back, or empty the "
        + "outbox directory and have its readers expect the partitions' decisions from the beginning"
    case .cursorsMissing(let directory):
      "\(directory) holds closed files but no file `cursors`; put that file back, or empty the directory"
    case .stopped: "the outbox has stopped; nothing more is written"
    }
  }
}
