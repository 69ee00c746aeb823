import Glibc
import Testing
import Wire

@testable import Worker

/// Appending, reading back, and coming up again with everything.
@Suite struct JournalTests {
  @Test func whatWasDurableIsReplayedInOrder() throws {
    let directory = TemporaryDirectory()
    let probe = JournalProbe()
    let journal = try JournalFixture.open(directory.path)
    journal.start(probe.callbacks)
    var last = JournalTicket.none
    for offset in 0..<500 as Range<UInt64> {
      last = journal.append(JournalFixture.record(offset, payload: Int(offset)))
    }
    try probe.waitDurable(last)
    #expect(journal.durableTicket == last && journal.pendingBytes == 0)
    journal.close()

    let (offsets, recovery) = try JournalFixture.replay(directory.path)
    #expect(offsets == Array(0..<500))
    #expect(recovery.cut == nil && recovery.endsWithMark && recovery.records == 500)
    #expect(recovery.segments > 2)
  }

  @Test func everyOpenGoesOnWhereTheLastOneEnded() throws {
    let directory = TemporaryDirectory()
    for round in 0..<20 as Range<UInt64> {
      let probe = JournalProbe()
      var seen: UInt64 = 0
      let journal = try JournalFixture.open(directory.path) { record, _, _ in
        #expect(record.baseOffset.rawValue == seen)
        seen += 1
      }
      #expect(seen == round * 7)
      journal.start(probe.callbacks)
      for i in 0..<7 as Range<UInt64> { journal.append(JournalFixture.record(round * 7 + i, payload: 900)) }
      journal.close()
    }
    #expect(try JournalFixture.replay(directory.path).offsets == Array(0..<140))
  }

  @Test func appendsOfManyThreadsAreAllKeptEachInItsOwnOrder() throws {
    let directory = TemporaryDirectory()
    let probe = JournalProbe()
    let journal = try JournalFixture.open(
      directory.path, options: JournalFixture.small { $0.segmentBytes = 256 * 1024 })
    journal.start(probe.callbacks)
    let threads = (0..<4 as Range<UInt32>).map { partition in
      BlockingThread(name: "appender") {
        for offset in 0..<1000 as Range<UInt64> {
          journal.append(JournalFixture.record(offset, payload: Int(offset % 300), partition: partition))
        }
      }
    }
    for thread in threads { thread.join() }
    try probe.waitDurable(JournalTicket(4000))
    journal.close()

    let tickets = probe.heard.withLock { $0.written.map(\.ticket.rawValue) }
    #expect(tickets == Array(1...4000))
    var next = [UInt64](repeating: 0, count: 4)
    _ = try JournalFixture.open(directory.path) { record, _, _ in
      let partition = Int(record.partition.rawValue)
      #expect(record.baseOffset.rawValue == next[partition])
      next[partition] += 1
    }.close()
    #expect(next == [1000, 1000, 1000, 1000])
  }

  @Test func aRecordIsFoundAtItsPosition() throws {
    let directory = TemporaryDirectory()
    let probe = JournalProbe()
    let journal = try JournalFixture.open(directory.path)
    journal.start(probe.callbacks)
    // Two records a batch, of sizes that put headers across page boundaries.
    for offset in 0..<300 as Range<UInt64> {
      journal.append(
        JournalFixture.record(offset * 2, payload: Int(offset * 37 % 5000))
          + JournalFixture.record(offset * 2 + 1, payload: 3))
    }
    try probe.waitDurable(JournalTicket(300))
    let written = probe.heard.withLock { $0.written }
    for (index, batch) in written.enumerated() {
      let offset = UInt64(index)
      let first = JournalFixture.record(offset * 2, payload: Int(offset * 37 % 5000))
      #expect(try journal.record(at: batch.position) == first)
      #expect(try journal.record(at: batch.position + first.count) == JournalFixture.record(offset * 2 + 1, payload: 3))
    }
    #expect(throws: JournalError.self) { try journal.record(at: written[1].position + 8) }
    journal.close()
  }

  @Test func readingInPiecesGivesEveryRecordOnce() throws {
    let directory = TemporaryDirectory()
    let probe = JournalProbe()
    let journal = try JournalFixture.open(directory.path)
    journal.start(probe.callbacks)
    for offset in 0..<400 as Range<UInt64> {
      journal.append(JournalFixture.record(offset, payload: Int(offset * 53 % 3000), partition: UInt32(offset % 2)))
    }
    try probe.waitDurable(JournalTicket(400))
    var at: JournalPosition? = probe.heard.withLock { $0.written[0].position }
    var seen: [UInt64] = []
    while let from = at {
      let piece = try journal.read(at: from, maxBytes: 5000) { $0.partition == PartitionID(1) }
      let unreadable = piece.bytes.withUnsafeBytes { bytes in
        JournalWalk.forEachRecord(bytes) { record, _, _ in seen.append(record.baseOffset.rawValue) }
      }
      #expect(unreadable == nil)
      at = piece.next
    }
    #expect(seen == stride(from: 1, to: 400, by: 2).map { UInt64($0) })
    journal.close()
  }

  /// A segment may begin with a mark, and a damaged bit behind a block's records is nobody's.
  @Test func readingPassesOverMarksAndDamagedPadding() throws {
    let directory = TemporaryDirectory()
    let options = JournalFixture.small {
      $0.segmentBytes = 4 * JournalBlock.alignment
      $0.idleMarkAfter = 1
    }
    let probe = JournalProbe()
    let journal = try JournalFixture.open(directory.path, options: options)
    journal.start(probe.callbacks)
    // A block of a record and a mark fill a segment but for a page: the next mark, or block, begins another.
    for offset in 0..<UInt64(8) {
      try probe.waitDurable(JournalFixture.record(offset).withUnsafeBytes { journal.append($0) })
      _ = probe.heard.wait(until: monotonicNanoseconds() + 20_000_000) { _ -> Bool? in nil }
    }
    for number in try JournalSegments.numbers(in: directory.path) {
      let file = try FileSystem.posix.openFile(JournalSegments.path(directory.path, number), O_RDWR)
      defer { file.close() }
      for page in stride(from: JournalSegmentHeader.span, to: options.segmentBytes, by: JournalBlock.alignment) {
        let head = try file.read(4, at: page)
        guard head == withUnsafeBytes(of: JournalBlock.magic.littleEndian, Array.init) else { continue }
        try file.write([1], at: page + 3000)
      }
    }
    var at: JournalPosition? = journal.beginning
    var offsets: [UInt64] = []
    while let position = at {
      let piece = try journal.read(at: position, maxBytes: 200)
      var byte = 0
      while byte < piece.bytes.count {
        let record = try piece.bytes[byte...].withUnsafeBytes { try LogRecord(reading: $0) }
        offsets.append(record.baseOffset.rawValue)
        byte += record.length
      }
      at = piece.next
    }
    #expect(offsets == Array(0..<8))
    journal.close()
  }

  @Test func replicatedBatchesAreWrittenAtOnceAndSyncedBehind() throws {
    let directory = TemporaryDirectory()
    let probe = JournalProbe()
    let syncs = Monitor(0)
    var system = FileSystem.posix
    system.sync = { file in
      syncs.withLock { $0 += 1 }
      return FileSystem.posix.sync(file)
    }
    let options = JournalFixture.small { $0.durability = .replicated(every: 3_600_000_000_000, behind: 20_000) }
    let journal = try JournalFixture.open(directory.path, options: options, system: system)
    journal.start(probe.callbacks)
    journal.append(JournalFixture.record(0, payload: 1000))
    try probe.wait { $0.written.count == 1 ? true : nil }
    #expect(probe.heard.withLock { $0.durable } == .none)
    // Enough to be further behind than allowed.
    journal.append(JournalFixture.record(1, payload: 30_000))
    try probe.waitDurable(JournalTicket(2))
    journal.close()
    #expect(try JournalFixture.replay(directory.path).offsets == [0, 1])
  }

  @Test func anIdleJournalMarksItsEndAsDurable() throws {
    let directory = TemporaryDirectory()
    let probe = JournalProbe()
    let journal = try JournalFixture.open(directory.path, options: JournalFixture.small { $0.idleMarkAfter = 1 })
    journal.start(probe.callbacks)
    let ticket = journal.append(JournalFixture.record(0))
    try probe.waitDurable(ticket)
    // The mark is a block of one page behind the record's.
    let end = probe.heard.withLock { JournalBlock.aligned(Int($0.written[0].position.offset)) } + JournalBlock.alignment
    let deadline = monotonicNanoseconds() + 60_000_000_000
    while JournalPosition(packed: journal.written.load(ordering: .acquiring)).offset < UInt32(end),
      monotonicNanoseconds() < deadline
    {
      sched_yield()
    }
    let copy = TemporaryDirectory()
    try copy.write(JournalSegments.name(1), try directory.contents(JournalSegments.name(1)))
    journal.close()
    #expect(try JournalFixture.replay(copy.path).recovery.endsWithMark)
  }

  @Test func aThreadThatWaitsIsToldOfDurabilityWithoutAnotherAppend() throws {
    let directory = TemporaryDirectory()
    let journal = try JournalFixture.open(directory.path)
    let waited = Flag(false)
    let ticket = journal.append(JournalFixture.record(0))
    let thread = BlockingThread(name: "waiter") { waited.value = journal.waitUntilDurable(ticket) }
    journal.start(JournalProbe().callbacks)
    thread.join()
    #expect(waited.value && journal.durableTicket == ticket)
    #expect(journal.close())
    #expect(!journal.waitUntilDurable(journal.append(JournalFixture.record(1))))
  }

  @Test func anotherStoragesOrClustersJournalIsRefused() throws {
    let directory = TemporaryDirectory()
    let journal = try JournalFixture.open(directory.path)
    journal.start(JournalProbe().callbacks)
    journal.append(JournalFixture.record(0))
    journal.close()
    #expect(throws: JournalError.self) { try JournalFixture.open(directory.path, storage: StorageID(high: 1, low: 2)) }
    #expect(throws: JournalError.self) { try JournalFixture.open(directory.path, cluster: ClusterID(high: 1, low: 2)) }
    #expect(try JournalFixture.replay(directory.path).offsets == [0])
  }
}
