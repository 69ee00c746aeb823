import Glibc
import Testing
import Wire

@testable import Worker

/// A directory that is gone after the test.
final class TemporaryDirectory: Sendable {
  let path: String

  init() {
    var name = Array("/tmp/assay-test-XXXXXX".utf8CString)
    path = name.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)!) }
  }

  deinit { Self.removeTree(path) }

  static func removeTree(_ path: String) {
    for entry in (try? directoryEntries(path)) ?? [] {
      let inner = "\(path)/\(entry)"
      if unlink(inner) != 0 { removeTree(inner) }
    }
    rmdir(path)
  }

  func contents(_ name: String) throws -> [UInt8] { try #require(try FileSystem.posix.contents("\(path)/\(name)")) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = try FileSystem.posix.openFile("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC)
    defer { file.close() }
    try file.write(bytes, at: 0)
  }
}

/// What a journal's callbacks told, to wait for.
final class JournalProbe: Sendable {
  struct Heard {
    var written: [JournalWritten] = []
    var durable = JournalTicket.none
    var fatal: [String] = []
    var acknowledgedAfterFatal = false
  }
  let heard = Monitor(Heard())

  var callbacks: Journal.Callbacks {
    Journal.Callbacks(
      onWritten: { written in self.heard.change { $0.written.append(contentsOf: written) } },
      onDurable: { ticket in
        self.heard.change { state in
          state.durable = max(state.durable, ticket)
          if !state.fatal.isEmpty { state.acknowledgedAfterFatal = true }
        }
      },
      onFatal: { error in self.heard.change { $0.fatal.append("\(error)") } })
  }

  /// Waits until `condition` holds; a minute is far more than any machine needs.
  @discardableResult
  func wait<R>(_ condition: (Heard) -> R?) throws -> R {
    try #require(heard.wait(until: monotonicNanoseconds() + 60_000_000_000) { condition($0) })
  }

  func waitDurable(_ ticket: JournalTicket) throws { try wait { $0.durable >= ticket ? true : nil } }
}

enum JournalFixture {
  static let cluster = ClusterID(high: 0x1111_2222_3333_4444, low: 0x5555_6666_7777_8888)
  static let storage = StorageID(high: 0xAAAA_BBBB_CCCC_DDDD, low: 0x0102_0304_0506_0708)

  /// A sealed record of partition 3 whose payload is `payload` times the offset's low byte.
  static func record(_ offset: UInt64, payload: Int = 100, partition: UInt32 = 3) -> [UInt8] {
    let header = LogRecord(
      partition: PartitionID(partition), kind: .decided, count: 1, epoch: Epoch(7), baseOffset: Offset(offset),
      loggedTime: 1_700_000_000_000, commitOffset: .zero, length: LogRecord.headerSize + payload)
    var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: offset), count: header.length)
    bytes.withUnsafeMutableBytes { header.seal($0) }
    return bytes
  }

  /// Two records with payloads that no code of ours fills: for golden bytes.
  static var golden: [UInt8] { record(9, payload: 20) + record(10, payload: 3) }

  static func small(_ change: (inout JournalOptions) -> Void = { _ in }) -> JournalOptions {
    var options = JournalOptions()
    options.segmentBytes = 64 * 1024
    options.freeBytesMin = 0
    // No marks by time: what stands on disk depends on what a test does alone.
    options.idleMarkAfter = 3_600_000_000_000
    change(&options)
    return options
  }

  static func open(
    _ directory: String, options: JournalOptions = small(), system: FileSystem = .posix,
    storage: StorageID = storage, cluster: ClusterID = cluster,
    replay: Journal.Replay = { _, _, _ in }
  ) throws -> Journal {
    try Journal.open(
      directory: directory, cluster: cluster, storage: storage, options: options, system: system, replay: replay)
  }

  /// Base offsets of all records that a journal in `directory` replays, in order.
  static func replay(_ directory: String, options: JournalOptions = small()) throws -> (
    offsets: [UInt64], recovery: JournalRecovery
  ) {
    var offsets: [UInt64] = []
    let journal = try open(directory, options: options) { record, raw, _ in
      #expect(
        Array(raw)
          == JournalFixture.record(
            record.baseOffset.rawValue, payload: raw.count - LogRecord.headerSize, partition: record.partition.rawValue)
      )
      offsets.append(record.baseOffset.rawValue)
    }
    journal.close()
    return (offsets, journal.recovery)
  }
}

extension Journal {
  @discardableResult
  func append(_ records: [UInt8]) -> JournalTicket { records.withUnsafeBytes { append($0) } }
}

func directoryEntries(_ path: String) throws(FileError) -> [String] { try FileSystem.posix.directoryEntries(path) }
