import Glibc
import Testing
import Wire

@testable import Worker

/// Disks that fail, fill up, and answer in halves.
@Suite struct JournalFailureTests {
  @Test func afterAFailedSyncNothingIsEverAcknowledged() throws {
    let directory = TemporaryDirectory()
    let failing = Flag(false)
    var system = FileSystem.posix
    // Fails once only: the kernel forgets such an error, the journal must not.
    system.sync = { file in
      if failing.value {
        failing.value = false
        return -Int(EIO)
      }
      return FileSystem.posix.sync(file)
    }
    // All is zeroed at the start, so that no other thread meets the failure.
    let journal = try JournalFixture.open(
      directory.path, options: JournalFixture.small { $0.segmentBytes = 1024 * 1024 }, system: system)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    let first = journal.append(JournalFixture.record(0))
    try probe.waitDurable(first)
    failing.value = true
    journal.append(JournalFixture.record(1))
    while try probe.wait({ $0.fatal.count + Int($0.durable.rawValue) - 1 > 0 ? $0.fatal.isEmpty : nil }) {
      // The zeros' thread took the failure, which harms nobody; once more.
      failing.value = true
      journal.append(JournalFixture.record(1))
    }
    let promised = journal.durableTicket
    for offset in 2..<10 as Range<UInt64> { journal.append(JournalFixture.record(offset)) }
    #expect(journal.pendingBytes == 0)
    journal.close()
    #expect(journal.durableTicket == promised)
    let heard = probe.heard.withLock { $0 }
    #expect(heard.fatal.count == 1 && !heard.acknowledgedAfterFatal && heard.durable == promised)
    #expect(heard.fatal[0].contains("fdatasync"))
  }

  @Test func shortWritesAndInterruptionsAreCarriedThrough() throws {
    let directory = TemporaryDirectory()
    let calls = Monitor(0)
    var system = FileSystem.posix
    system.write = { file, bytes, at in
      let call = calls.withLock { calls -> Int in
        calls += 1
        return calls
      }
      if call % 3 == 0 { return -Int(EINTR) }
      return FileSystem.posix.write(
        file, UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, 1 + call % 1777)]), at)
    }
    let journal = try JournalFixture.open(directory.path, system: system)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    for offset in 0..<60 as Range<UInt64> { journal.append(JournalFixture.record(offset, payload: 5000)) }
    try probe.waitDurable(JournalTicket(60))
    journal.close()
    #expect(try JournalFixture.replay(directory.path).offsets == Array(0..<60))
  }

  @Test func aFullDiskIsToldBeforeItHurtsAndWhatWasAcceptedIsKept() throws {
    let directory = TemporaryDirectory()
    let full = Flag(false)
    var system = FileSystem.posix
    system.allocate = { full.value ? -Int(ENOSPC) : FileSystem.posix.allocate($0, $1) }
    system.freeBytes = { _ in full.value ? 0 : 1 << 40 }
    let journal = try JournalFixture.open(
      directory.path, options: JournalFixture.small { $0.freeBytesMin = 1 << 20 }, system: system)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    #expect(journal.hasRoom)
    try probe.waitDurable(journal.append(JournalFixture.record(0)))
    full.value = true
    // More than the active segment and the one in reserve can hold.
    for offset in 1..<60 as Range<UInt64> { journal.append(JournalFixture.record(offset, payload: 4000)) }
    try wait { !journal.hasRoom }
    #expect(probe.heard.withLock { $0.durable } < JournalTicket(60))
    full.value = false
    journal.lookForRoom()
    try probe.waitDurable(JournalTicket(60))
    try wait { journal.hasRoom }
    journal.close()
    #expect(try JournalFixture.replay(directory.path).offsets == Array(0..<60))
    #expect(probe.heard.withLock { $0.fatal.isEmpty })
  }

  @Test func aJournalIsClosedAlsoOnAFullDisk() throws {
    let directory = TemporaryDirectory()
    var system = FileSystem.posix
    system.allocate = { file, bytes in
      let isFirst = (try? directoryEntries(directory.path).count) ?? 0 < 2
      return isFirst ? FileSystem.posix.allocate(file, bytes) : -Int(ENOSPC)
    }
    let journal = try JournalFixture.open(directory.path, system: system)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    for offset in 0..<60 as Range<UInt64> { journal.append(JournalFixture.record(offset, payload: 4000)) }
    #expect(!journal.close())
    let heard = probe.heard.withLock { $0 }
    #expect(heard.fatal.count == 1)
    #expect(!JournalError.file(FileError(call: "allocate", path: "", code: ENOSPC)).distrustsStorage)
    let offsets = try JournalFixture.replay(directory.path).offsets
    #expect(offsets == Array(0..<UInt64(offsets.count)) && offsets.count >= heard.durable.rawValue)
  }

  @Test func aSegmentThatCannotBeMadeEndsTheJournalInsteadOfStandingStill() throws {
    let directory = TemporaryDirectory()
    var system = FileSystem.posix
    system.allocate = { file, bytes in
      let isFirst = (try? directoryEntries(directory.path).count) ?? 0 < 2
      return isFirst ? FileSystem.posix.allocate(file, bytes) : -Int(EIO)
    }
    let journal = try JournalFixture.open(directory.path, system: system)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    for offset in 0..<60 as Range<UInt64> { journal.append(JournalFixture.record(offset, payload: 4000)) }
    try probe.wait { $0.fatal.isEmpty ? nil : true }
    #expect(!journal.close())
    #expect(probe.heard.withLock { $0.fatal.count == 1 && !$0.acknowledgedAfterFatal })
  }

  @Test func aFirstStartOnAFullDiskFailsWithAdviceAndLeavesNothing() throws {
    let directory = TemporaryDirectory()
    var system = FileSystem.posix
    system.allocate = { _, _ in -Int(ENOSPC) }
    let error = #expect(throws: JournalError.self) { try JournalFixture.open(directory.path, system: system) }
    #expect("\(try #require(error))".contains("free some space"))
    #expect(try directoryEntries(directory.path).isEmpty)
  }

  @Test func pendingBytesTellWhenToRefuse() throws {
    let directory = TemporaryDirectory()
    let journal = try JournalFixture.open(directory.path, options: JournalFixture.small { $0.pendingBytesMax = 1000 })
    // Not started: nothing is written yet.
    journal.append(JournalFixture.record(0, payload: 500))
    #expect(!journal.isFull && journal.pendingBytes == 548)
    journal.append(JournalFixture.record(1, payload: 500))
    #expect(journal.isFull)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    try probe.waitDurable(JournalTicket(2))
    #expect(!journal.isFull && journal.pendingBytes == 0)
    journal.close()
  }

  private func wait(_ condition: () -> Bool) throws {
    let deadline = monotonicNanoseconds() + 60_000_000_000
    while !condition() {
      try #require(monotonicNanoseconds() < deadline)
      sched_yield()
    }
  }
}
