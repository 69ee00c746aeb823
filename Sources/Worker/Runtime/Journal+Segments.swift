import Glibc
import Synchronization
import Wire

/// Names of segment files.
enum JournalSegments {
  static func path(_ directory: String, _ number: UInt32) -> String { "\(directory)/\(name(number))" }

  static func name(_ number: UInt32) -> String {
    let digits = String(number)
    return "journal-" + String(repeating: "0", count: 10 - digits.count) + digits + ".log"
  }

  /// Numbers of the segment files in `directory`, rising.
  static func numbers(in directory: String, _ system: FileSystem = .posix) throws(JournalError) -> [UInt32] {
    do throws(FileError) {
      return try system.directoryEntries(directory).compactMap { entry in
        guard entry.hasPrefix("journal-"), entry.hasSuffix(".log") else { return nil }
        let number = UInt32(entry.dropFirst(8).dropLast(4))
        return number.flatMap { name($0) == entry ? $0 : nil }
      }.sorted()
    } catch { throw .file(error) }
  }
}

/// Keeps the next segment ready: reserves its space, and writes zeros into it in small synced pieces in step with what
/// is appended, so that neither a sync nor a segment switch ever waits for block allocation. (On ext4, fdatasync into
/// prewritten zeros takes 0.6 of what it takes in a growing file, MEASURED.md.) Watches the room on the disk as well.
final class JournalPreparer: Sendable {
  struct Spare: Sendable {
    let file: File
    let number: UInt32
    var zeroed: Int
  }

  private struct State {
    var spare: Spare?
    var nextNumber: UInt32
    /// Bytes used of the active segment: the spare's zeros keep a quarter ahead of it.
    var fill = 0
    /// A piece of zeros is being written; the spare is not given away meanwhile.
    var zeroing = false
    var retryAt: UInt64 = 0
    /// The last try to create a segment failed so.
    var failure: FileError?
    var closing = false
    var stopping = false
  }

  private static var chunk: Int { 256 * 1024 }
  private static var syncEvery: Int { 1024 * 1024 }
  private static var head: Int { 4 * 1024 * 1024 }

  private let monitor: Monitor<State>
  private let fill = Atomic<Int>(0)
  private let room = Atomic<Bool>(true)
  private let directory: String
  private let options: JournalOptions
  private let system: FileSystem

  init(directory: String, options: JournalOptions, system: FileSystem, nextNumber: UInt32, fill: Int) {
    self.directory = directory
    self.options = options
    self.system = system
    monitor = Monitor(State(nextNumber: nextNumber, fill: fill))
    lookAtRoom(spareFailed: false)
  }

  var hasRoom: Bool { room.load(ordering: .relaxed) }

  /// Creates a segment file with its space reserved and its name durable; `zeros` bytes are written at once.
  static func create(
    _ number: UInt32, in directory: String, bytes: Int, zeros: Int, system: FileSystem
  ) throws(FileError) -> Spare {
    let path = JournalSegments.path(directory, number)
    let file = try system.openFile(path, O_RDWR | O_CREAT | O_TRUNC)
    do throws(FileError) {
      try file.allocate(bytes)
      if zeros > 0 { try SegmentBuffer.zero(file, 0..<zeros) }
      try file.sync()
      try system.syncDirectory(directory)
      return Spare(file: file, number: number, zeroed: zeros)
    } catch {
      file.close()
      // Gives the space back; a leftover would be removed at the next open as well.
      _ = system.remove(path)
      throw error
    }
  }

  /// The next segment, as soon as there is one; the caller becomes its owner. On a full disk this waits until there
  /// is space again, or until the journal is being closed. Any other failure ends the journal (R15): to wait for it to pass
  /// would leave everybody without an answer.
  func take() throws(FileError) -> Spare {
    let result: Result<Spare, FileError>? = monitor.wait { state in
      if let spare = state.spare, !state.zeroing {
        state.spare = nil
        state.nextNumber = spare.number + 1
        state.fill = 0
        return .success(spare)
      }
      if let failure = state.failure, state.closing || !failure.isDiskFull { return .failure(failure) }
      return nil
    }
    monitor.wake()
    return try result!.get()
  }

  /// Tells how far the active segment is filled; cheap, called after each block.
  func advance(to bytes: Int) {
    let before = fill.exchange(bytes, ordering: .relaxed)
    guard before / Self.chunk != bytes / Self.chunk else { return }
    monitor.change { $0.fill = bytes }
  }

  /// Looks at the disk now rather than within the next second.
  func poke() { monitor.change { $0.retryAt = 0 } }

  /// From now on nobody waits for space.
  func close() { monitor.change { $0.closing = true } }

  func stop() { monitor.change { $0.stopping = true } }

  private enum Job {
    case create(UInt32)
    case zero(Range<Int>)
    case stop
  }

  /// The preparer's thread, until `stop`.
  ///
  /// It writes through a descriptor of its own: the kernel reports a failed write-back once per descriptor, so a
  /// sync here can't swallow an error that the writer's sync must see.
  func run() {
    var own: File?
    defer { own?.close() }
    while true {
      let deadline = monotonicNanoseconds() + (hasRoom ? 1_000_000_000 : 250_000_000)
      switch monitor.wait(until: deadline, next) {
      case .stop:
        monitor.withLock { state in
          state.spare?.file.close()
          state.spare = nil
        }
        return
      case .create(let number):
        own?.close()
        own = nil
        var spare: Spare?
        var failure: FileError?
        do throws(FileError) {
          spare = try Self.create(number, in: directory, bytes: options.segmentBytes, zeros: 0, system: system)
        } catch { failure = error }
        if let spare { own = try? system.openFile(spare.file.path, O_WRONLY) }
        let canZero = own != nil
        monitor.change { [spare, failure] state in
          state.spare = spare
          state.failure = failure
          if !canZero { state.spare?.zeroed = options.segmentBytes }
          state.retryAt = spare == nil ? monotonicNanoseconds() + 250_000_000 : 0
        }
        lookAtRoom(spareFailed: spare == nil)
      case .zero(let range):
        zero(own!, range)
      case nil:
        lookAtRoom(spareFailed: monitor.withLock { $0.spare == nil })
      }
    }
  }

  private func next(_ state: inout State) -> Job? {
    if state.stopping { return .stop }
    guard let spare = state.spare else {
      return monotonicNanoseconds() >= state.retryAt ? .create(state.nextNumber) : nil
    }
    let target = min(options.segmentBytes, state.fill + state.fill / 4 + Self.head)
    guard spare.zeroed < target else { return nil }
    state.zeroing = true
    return .zero(spare.zeroed..<min(spare.zeroed + Self.chunk, target))
  }

  /// Writes one piece of zeros. Where that fails, the segment is used without them: its space is reserved, and an
  /// error that matters shows itself to the writer.
  private func zero(_ file: File, _ range: Range<Int>) {
    var failed = false
    do throws(FileError) { try SegmentBuffer.zero(file, range) } catch { failed = true }
    monitor.change { state in
      state.zeroing = false
      state.spare?.zeroed = failed ? options.segmentBytes : range.upperBound
    }
    if !failed, range.upperBound / Self.syncEvery != range.lowerBound / Self.syncEvery {
      try? file.sync()
      lookAtRoom(spareFailed: false)
    }
  }

  private func lookAtRoom(spareFailed: Bool) {
    let free = system.freeBytes(directory)
    room.store(!spareFailed && free >= options.freeBytesMin, ordering: .relaxed)
  }
}
