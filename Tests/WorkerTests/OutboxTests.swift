import Glibc
import Testing
import Wire

@testable import Worker

@Suite struct OutboxTests {
  static let p1 = PartitionID(1)
  static let p2 = PartitionID(2)

  /// Gathers what a completion or `onFatal` said.
  final class Said: Sendable {
    let errors = Monitor<[OutboxError?]>([])
    func note(_ error: OutboxError?) { errors.change { $0.append(error) } }
    @discardableResult func wait(_ count: Int) throws -> [OutboxError?] {
      try #require(errors.wait(until: monotonicNanoseconds() + 60_000_000_000) { $0.count >= count ? $0 : nil })
    }
  }

  /// One line for each offset, an alert for every third.
  static func emit(_ outbox: Outbox, _ partition: PartitionID, _ offsets: Range<UInt64>) -> Bool {
    let decisions = offsets.map { "{\"partition\":\(partition.rawValue),\"offset\":\($0)}\n" }.joined()
    let alerts = offsets.filter { $0 % 3 == 0 }.map { "{\"partition\":\(partition.rawValue),\"offset\":\($0)}\n" }
      .joined()
    return Array(decisions.utf8).withUnsafeBytes { decisions in
      Array(alerts.utf8).withUnsafeBytes { alerts in
        outbox.emit(
          partition, from: Offset(offsets.lowerBound), end: Offset(offsets.upperBound), decisions: decisions,
          alerts: alerts)
      }
    }
  }

  static func open(
    _ directory: String, incarnation: UInt64 = 1, system: FileSystem = .posix, said: Said = Said(),
    change: (inout OutboxOptions) -> Void = { _ in }
  ) throws -> Outbox {
    var options = OutboxOptions()
    options.closeAfter = 3_600_000_000_000
    change(&options)
    return try Outbox.open(
      directory: directory, node: NodeID(3), incarnation: Incarnation(incarnation), options: options, system: system,
      onFatal: { said.note($0) })
  }

  /// All lines of closed files of a kind, in the files' order.
  static func lines(_ directory: String, _ kind: OutboxKind) throws -> [String] {
    try directoryEntries(directory).sorted().filter { $0.hasPrefix(kind.rawValue + "-") && $0.hasSuffix(".ndjson") }
      .flatMap { name in
        let bytes = try #require(try FileSystem.posix.contents("\(directory)/\(name)"))
        #expect(bytes.last == 10)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
      }
  }

  static func expected(_ partition: PartitionID, _ offsets: Range<UInt64>, every: Int = 1) -> [String] {
    offsets.filter { $0 % UInt64(every) == 0 }.map { "{\"partition\":\(partition.rawValue),\"offset\":\($0)}" }
  }

  @Test func nothingIsVisibleBeforeAFileIsClosedAndEverythingAfter() async throws {
    let temporary = TemporaryDirectory()
    let outbox = try Self.open(temporary.path)
    #expect(Self.emit(outbox, Self.p1, 0..<10))
    #expect(try Self.lines(temporary.path, .decisions).isEmpty)
    #expect(outbox.cursor(of: Self.p1) == .zero)
    try await outbox.rotateNow()
    #expect(try Self.lines(temporary.path, .decisions) == Self.expected(Self.p1, 0..<10))
    #expect(try Self.lines(temporary.path, .alerts) == Self.expected(Self.p1, 0..<10, every: 3))
    #expect(outbox.cursor(of: Self.p1) == Offset(10) && outbox.queuedBytes == 0)
    outbox.close()
    await #expect(throws: OutboxError.stopped) { try await outbox.rotateNow() }
  }

  @Test func filesAreNamedByKindNodeIncarnationAndSequence() async throws {
    let temporary = TemporaryDirectory()
    let outbox = try Self.open(temporary.path, incarnation: 12)
    _ = Self.emit(outbox, Self.p1, 1..<2)
    try await outbox.rotateNow()
    _ = Self.emit(outbox, Self.p1, 3..<4)
    outbox.close()
    #expect(
      try directoryEntries(temporary.path).sorted() == [
        "alerts-3-00000012-0000000003.ndjson", "cursors", "decisions-3-00000012-0000000001.ndjson",
        "decisions-3-00000012-0000000002.ndjson",
      ])
  }

  @Test func filesAreClosedByAge() throws {
    let temporary = TemporaryDirectory()
    let outbox = try Self.open(temporary.path) { $0.closeAfter = 1_000_000 }
    _ = Self.emit(outbox, Self.p1, 0..<10)
    let deadline = monotonicNanoseconds() + 60_000_000_000
    while outbox.cursor(of: Self.p1) != Offset(10), monotonicNanoseconds() < deadline { sched_yield() }
    #expect(try Self.lines(temporary.path, .decisions).count == 10)
    outbox.close()
  }

  @Test func filesAreClosedBySize() throws {
    let temporary = TemporaryDirectory()
    let outbox = try Self.open(temporary.path) { $0.fileBytesMax = 200 }
    _ = Self.emit(outbox, Self.p1, 0..<10)
    let deadline = monotonicNanoseconds() + 60_000_000_000
    while outbox.cursor(of: Self.p1) != Offset(10), monotonicNanoseconds() < deadline { sched_yield() }
    #expect(try Self.lines(temporary.path, .decisions).count == 10)
    outbox.close()
  }

  @Test func oldClosedFilesAreDroppedBeyondTheBytesToKeep() async throws {
    let temporary = TemporaryDirectory()
    let outbox = try Self.open(temporary.path) { $0.keptBytesMax = 5000 }
    for round in 0..<50 as Range<UInt64> {
      _ = Self.emit(outbox, Self.p1, round * 100..<(round + 1) * 100)
      try await outbox.rotateNow()
    }
    outbox.close()
    let left = try Self.lines(temporary.path, .decisions)
    #expect(left.last == Self.expected(Self.p1, 4999..<5000).first)
    #expect(left.reduce(0) { $0 + $1.utf8.count + 1 } <= 5000)
  }

  @Test func whatWasTakenIsPassedOverWhenItIsEmittedAgain() throws {
    let temporary = TemporaryDirectory()
    let outbox = try Self.open(temporary.path)
    #expect(Self.emit(outbox, Self.p1, 0..<10))
    #expect(!Self.emit(outbox, Self.p1, 0..<10))
    #expect(!Self.emit(outbox, Self.p1, 4..<9))
    #expect(Self.emit(outbox, Self.p2, 4..<9))
    outbox.close()
    #expect(!Self.emit(outbox, Self.p2, 9..<10))
    #expect(
      try Self.lines(temporary.path, .decisions) == Self.expected(Self.p1, 0..<10) + Self.expected(Self.p2, 4..<9))
  }

  @Test func aQuietPartitionKeepsItsCursorOverRestarts() throws {
    let temporary = TemporaryDirectory()
    let first = try Self.open(temporary.path)
    _ = Self.emit(first, Self.p1, 0..<10)
    first.close()
    let second = try Self.open(temporary.path, incarnation: 2)
    _ = Self.emit(second, Self.p2, 0..<10)
    second.close()
    let third = try Self.open(temporary.path, incarnation: 3)
    #expect(third.cursor(of: Self.p1) == Offset(10) && third.cursor(of: Self.p2) == Offset(10))
    third.close()
  }

  @Test func aQuarantinedRowIsDurableBeforeItsSenderIsAnsweredAndSurvivesAKill() throws {
    let temporary = TemporaryDirectory()
    let crash = CrashingFiles(after: 1_000_000)
    let said = Said()
    let outbox = try Self.open(temporary.path, system: crash.system)
    Array("{\"reason\":\"amount\"}\n".utf8).withUnsafeBytes { outbox.quarantine($0) { said.note($0) } }
    #expect(try said.wait(1) == [nil])
    // Killed now: what stands on disk is taken over by the next process.
    let copy = TemporaryDirectory()
    for name in try directoryEntries(temporary.path) {
      try copy.write(name, try temporary.contents(name) + Array("{\"half".utf8))
    }
    try Self.open(copy.path, incarnation: 2).close()
    #expect(try Self.lines(copy.path, .quarantine) == ["{\"reason\":\"amount\"}"])
    outbox.close()
    #expect(try Self.lines(temporary.path, .quarantine) == ["{\"reason\":\"amount\"}"])
  }

  @Test func whatAPowerCutLeavesOfQuarantineEndsAtTheLastGoodLine() {
    func whole(_ text: String) -> Int { OutboxFiles.wholeLines(Array(text.utf8)) }
    #expect(whole("") == 0)
    #expect(whole("{\"a\":1}") == 0)
    #expect(whole("{\"a\":1}\n{\"b\"") == 8)
    #expect(whole("{\"a\":1}\n\0\0\0\0") == 8)
    #expect(whole("{\"a\":1}\n{\"a\0\":1}\n{\"c\":1}\n") == 8)
  }

  /// Kills the process at every single step of a run that emits, quarantines and cuts, then starts it again.
  @Test func everyDecisionStandsInClosedFilesOnceAfterAKillAtAnyStep() throws {
    var step = 0
    var finished = false
    while !finished {
      let temporary = TemporaryDirectory()
      let crash = CrashingFiles(after: step)
      let said = Said()
      if let outbox = try? Self.open(
        temporary.path, system: crash.system, said: said, change: { $0.fileBytesMax = 700 })
      {
        for round in 0..<8 as Range<UInt64> {
          _ = Self.emit(outbox, Self.p1, round * 10..<(round + 1) * 10)
          if round % 2 == 0 { _ = Self.emit(outbox, Self.p2, round * 5..<(round + 2) * 5) }
          let turned = Said()
          outbox.rotateNow { turned.note($0) }
          if try turned.wait(1)[0] != nil { break }
        }
        outbox.close()
        finished = !crash.hasCrashed
      }
      // The next process emits everything above its cursors.
      let next = try Self.open(temporary.path, incarnation: 2)
      for (partition, end) in [(Self.p1, 80), (Self.p2, 40)] as [(PartitionID, UInt64)] {
        for from in stride(from: next.cursor(of: partition).rawValue, to: end, by: 10) {
          _ = Self.emit(next, partition, from..<from + 10)
        }
      }
      next.close()
      let decisions = try Self.lines(temporary.path, .decisions)
      #expect(
        decisions.filter { $0.hasPrefix("{\"partition\":1,") } == Self.expected(Self.p1, 0..<80),
        "killed at step \(step)")
      #expect(
        decisions.filter { $0.hasPrefix("{\"partition\":2,") } == Self.expected(Self.p2, 0..<40),
        "killed at step \(step)")
      let alerts = try Self.lines(temporary.path, .alerts)
      #expect(
        alerts.filter { $0.hasPrefix("{\"partition\":1,") } == Self.expected(Self.p1, 0..<80, every: 3),
        "killed at step \(step)")
      #expect(try directoryEntries(temporary.path).allSatisfy { !$0.hasSuffix(".open") })
      step += 1
    }
    #expect(step > 50)
  }

  @Test func aFullDiskHoldsTheOutboxUpUntilThereIsSpace() async throws {
    let temporary = TemporaryDirectory()
    let full = Flag(true)
    var system = FileSystem.posix
    system.write = { file, bytes, at in
      guard full.value else { return FileSystem.posix.write(file, bytes, at) }
      // Half a line still fits, then nothing.
      return at == 0 ? FileSystem.posix.write(file, UnsafeRawBufferPointer(rebasing: bytes[..<16]), at) : -Int(ENOSPC)
    }
    let said = Said()
    let outbox = try Self.open(temporary.path, system: system, said: said) { $0.queueBytesMax = 100 }
    _ = Self.emit(outbox, Self.p1, 0..<100)
    let deadline = monotonicNanoseconds() + 60_000_000_000
    while !outbox.isStalled, monotonicNanoseconds() < deadline { sched_yield() }
    #expect(outbox.isFull && outbox.isStalled)
    full.value = false
    try await outbox.rotateNow()
    #expect(!outbox.isFull && !outbox.isStalled)
    outbox.close()
    #expect(try Self.lines(temporary.path, .decisions) == Self.expected(Self.p1, 0..<100))
    #expect(said.errors.withLock { $0.isEmpty })
  }

  @Test func whoeverWaitsForRoomGoesOnWithItOrWhenToldTo() throws {
    let temporary = TemporaryDirectory()
    let full = Flag(true)
    var system = FileSystem.posix
    system.write = { file, bytes, at in full.value ? -Int(ENOSPC) : FileSystem.posix.write(file, bytes, at) }
    let outbox = try Self.open(temporary.path, system: system) { $0.queueBytesMax = 100 }
    _ = Self.emit(outbox, Self.p1, 0..<100)
    #expect(outbox.isFull)
    let isOver = Flag(false)
    let told = BlockingThread(name: "told") { outbox.waitForRoom { isOver.value } }
    isOver.value = true
    outbox.wakeWaiters()
    told.join()
    #expect(outbox.isFull)
    let patient = BlockingThread(name: "patient") { outbox.waitForRoom { false } }
    full.value = false
    patient.join()
    #expect(!outbox.isFull)
    outbox.close()
    #expect(try Self.lines(temporary.path, .decisions) == Self.expected(Self.p1, 0..<100))
  }

  @Test func aFailedSyncEndsTheOutboxOnceAndTellsEveryoneWhoWaits() throws {
    let temporary = TemporaryDirectory()
    var system = FileSystem.posix
    system.sync = { _ in -Int(EIO) }
    let fatal = Said()
    let answered = Said()
    let outbox = try Self.open(temporary.path, system: system, said: fatal)
    Array("{}\n".utf8).withUnsafeBytes { outbox.quarantine($0) { answered.note($0) } }
    #expect(try answered.wait(1)[0] != nil)
    #expect(try fatal.wait(1).count == 1)
    Array("{}\n".utf8).withUnsafeBytes { outbox.quarantine($0) { answered.note($0) } }
    #expect(try answered.wait(2)[1] == .stopped)
    outbox.close()
    #expect(fatal.errors.withLock { $0.count } == 1)
  }

  @Test func cursorsThatAreGoneOrDamagedAreNotGuessed() throws {
    let temporary = TemporaryDirectory()
    let outbox = try Self.open(temporary.path)
    _ = Self.emit(outbox, Self.p1, 0..<10)
    outbox.close()
    let good = try temporary.contents("cursors")
    for index in good.indices {
      var bad = good
      bad[index] ^= 0x04
      #expect(throws: OutboxCursorsError.self) { try OutboxCursors(reading: bad) }
      #expect(throws: OutboxCursorsError.self) { try OutboxCursors(reading: Array(good[..<index])) }
    }
    #expect(try OutboxCursors(reading: good).bytes == good)
    try temporary.write("cursors", Array(good.dropFirst()))
    #expect(throws: OutboxError.self) { try Self.open(temporary.path) }
    unlink(temporary.path + "/cursors")
    #expect(throws: OutboxError.cursorsMissing(directory: temporary.path)) { try Self.open(temporary.path) }
  }
}

/// A flag shared with a failing file system.
final class Flag: Sendable {
  private let monitor: Monitor<Bool>
  init(_ value: Bool) { monitor = Monitor(value) }
  var value: Bool {
    get { monitor.withLock { $0 } }
    set { monitor.withLock { $0 = newValue } }
  }
}
