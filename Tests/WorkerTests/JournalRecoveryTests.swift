import Glibc
import Testing
import Wire

@testable import Worker

/// What is cut, what is not, and that nothing comes back that was cut (R15).
@Suite struct JournalRecoveryTests {
  /// A journal whose blocks hold one record each, as its files stand while it is still open (no closing mark).
  struct Image {
    var segments: [(name: String, bytes: [UInt8])] = []
    /// Where each record's block begins, and its length without padding.
    var blocks: [(segment: Int, at: Int, length: Int)] = []

    init(records: Int, payload: (Int) -> Int = { _ in 600 }, options: JournalOptions = JournalFixture.small()) throws {
      let directory = TemporaryDirectory()
      let probe = JournalProbe()
      let journal = try JournalFixture.open(directory.path, options: options)
      journal.start(probe.callbacks)
      for offset in 0..<records {
        let ticket = journal.append(JournalFixture.record(UInt64(offset), payload: payload(offset)))
        try probe.wait { $0.written.last?.ticket == ticket ? true : nil }
        if options.durability == .fsync { try probe.waitDurable(ticket) }
      }
      for number in try JournalSegments.numbers(in: directory.path) {
        segments.append((JournalSegments.name(number), try directory.contents(JournalSegments.name(number))))
      }
      for written in probe.heard.withLock({ $0.written }) {
        blocks.append(
          (
            Int(written.position.segment) - 1, Int(written.position.offset) - JournalBlock.headerSize,
            written.length + JournalBlock.headerSize
          ))
      }
      journal.close()
    }

    func restore(_ change: (inout [(name: String, bytes: [UInt8])]) -> Void = { _ in }) throws -> TemporaryDirectory {
      let directory = TemporaryDirectory()
      var changed = segments
      change(&changed)
      for segment in changed { try directory.write(segment.name, segment.bytes) }
      return directory
    }
  }

  /// Opens the journal, appends record 1000 and opens it again; returns what is replayed then.
  static func goOn(_ directory: TemporaryDirectory, options: JournalOptions = JournalFixture.small()) throws -> [UInt64] {
    let journal = try JournalFixture.open(directory.path, options: options)
    journal.start(JournalProbe().callbacks)
    journal.append(JournalFixture.record(1000, payload: 10))
    journal.close()
    let (offsets, recovery) = try JournalFixture.replay(directory.path, options: options)
    #expect(recovery.cut == nil)
    return offsets
  }

  @Test func aKillKeepsEverythingThatWasWritten() throws {
    let image = try Image(records: 40, payload: { $0 * 100 })
    let directory = try image.restore()
    let (offsets, recovery) = try JournalFixture.replay(directory.path)
    #expect(offsets == Array(0..<40) && recovery.cut == nil && !recovery.endsWithMark)
  }

  @Test func aLastBlockTornAtAnyByteIsCutAndNeverComesBack() throws {
    let image = try Image(records: 5, payload: { _ in 40 })
    let last = image.blocks[4]
    for left in 0..<last.length {
      // Behind the tear stands what was prewritten there.
      let directory = try image.restore { segments in
        for index in last.at + left..<last.at + last.length { segments[last.segment].bytes[index] = 0 }
      }
      let journal = try JournalFixture.open(directory.path)
      journal.close()
      #expect((journal.recovery.cut != nil) == (left > 0))
      #expect(journal.recovery.cut.map { $0.sequence == JournalSequence(5) && !$0.droppedWholeBlocks } ?? true)
      #expect(journal.recovery.records == 4)
    }
  }

  @Test func aFileThatEndsAtAnyByteOfTheLastBlockKeepsTheDurablePrefix() throws {
    let image = try Image(records: 3, payload: { _ in 40 })
    let last = image.blocks[2]
    for end in last.at..<last.at + last.length {
      let directory = try image.restore { $0[last.segment].bytes.removeLast($0[last.segment].bytes.count - end) }
      #expect(try Self.goOn(directory) == [0, 1, 1000], "the file ended at byte \(end)")
    }
  }

  @Test func aBitInTheMiddleIsDamageAndNothingIsTouched() throws {
    let image = try Image(records: 40, payload: { $0 * 100 })
    #expect(Set(image.blocks.map(\.segment)).count > 1)
    // A bit of each block but the last: of its header, and of its record.
    for block in image.blocks.dropLast() {
      for at in [block.at + 9, block.at + 45, block.at + block.length - 1] {
        let directory = try image.restore { $0[block.segment].bytes[at] ^= 4 }
        let before = try directory.contents(image.segments[block.segment].name)
        let error = #expect(throws: JournalError.self) { try JournalFixture.open(directory.path) }
        guard case .damaged(let path, let offset, _, _, _) = error else {
          Issue.record("\(String(describing: error))")
          continue
        }
        #expect(path.hasSuffix(image.segments[block.segment].name) && offset == block.at)
        #expect(try directory.contents(image.segments[block.segment].name) == before)
      }
    }
  }

  @Test func aBitInTheLastBlockOfAKilledProcessIsDamageWhereTheMachineHasGoneOn() throws {
    let image = try Image(records: 3, payload: { $0 == 2 ? 9_000 : 40 })
    let last = image.blocks[2]
    func restore(_ boot: String, _ change: (inout [(name: String, bytes: [UInt8])]) -> Void) throws -> TemporaryDirectory {
      let directory = try image.restore(change)
      try directory.write(JournalBoot.name, Array(boot.utf8))
      return directory
    }
    let boot = FileSystem.posix.boot()
    try #require(!boot.isEmpty)
    for at in [0, 5, 9, 45, JournalBlock.headerSize, 4_100, last.length - 1] {
      let flip = { (segments: inout [(name: String, bytes: [UInt8])]) in segments[last.segment].bytes[last.at + at] ^= 4 }
      let directory = try restore(boot, flip)
      #expect(throws: JournalError.self, "byte \(at)") { try JournalFixture.open(directory.path) }
      #expect(try Self.goOn(restore("another", flip)) == [0, 1, 1000], "byte \(at)")
    }
    // The kernel takes whole pages, one after the other: of the last block it may have had some.
    for left in [0, 4_096, 8_192] {
      let directory = try restore(boot) { segments in
        for index in last.at + left..<last.at + last.length { segments[last.segment].bytes[index] = 0 }
      }
      #expect(try Self.goOn(directory) == [0, 1, 1000], "torn at byte \(left)")
    }
    #expect(try Self.goOn(restore(boot) { _ in }) == [0, 1, 2, 1000])
  }

  @Test func aBitInTheHeaderOfASegmentThatHasJustBegunIsDamageWhereTheMachineHasGoneOn() throws {
    let image = try Image(records: 40, payload: { $0 * 100 })
    let first = try #require(image.blocks.indices.dropFirst().first { image.blocks[$0].segment > image.blocks[$0 - 1].segment })
    let segment = image.blocks[first].segment
    func restore(_ boot: String) throws -> TemporaryDirectory {
      let directory = try image.restore { segments in
        // Only its first block has been written.
        let end = image.blocks[first].at + JournalBlock.aligned(image.blocks[first].length)
        for index in end..<segments[segment].bytes.count { segments[segment].bytes[index] = 0 }
        segments.removeSubrange((segment + 1)...)
        segments[segment].bytes[9] ^= 4
      }
      try directory.write(JournalBoot.name, Array(boot.utf8))
      return directory
    }
    let directory = try restore(FileSystem.posix.boot())
    #expect(throws: JournalError.self) { try JournalFixture.open(directory.path) }
    #expect(try Self.goOn(restore("another")) == Array(0..<UInt64(first)) + [1000])
  }

  @Test func aTornBlockBehindADamagedOneStillTestifies() throws {
    let image = try Image(records: 3, payload: { _ in 5000 })
    let directory = try image.restore { segments in
      segments[0].bytes[image.blocks[1].at + 100] ^= 1
      // The last block is torn behind its first page.
      let last = image.blocks[2]
      for index in last.at + 4096..<last.at + last.length { segments[0].bytes[index] = 0 }
    }
    #expect(throws: JournalError.self) { try JournalFixture.open(directory.path) }
  }

  @Test func damageToTheLastRecordOfAClosedJournalIsNotTakenForATear() throws {
    let directory = TemporaryDirectory()
    let journal = try JournalFixture.open(directory.path)
    journal.start(JournalProbe().callbacks)
    journal.append(JournalFixture.record(0))
    journal.close()
    var bytes = try directory.contents(JournalSegments.name(1))
    bytes[4096 + 60] ^= 1
    try directory.write(JournalSegments.name(1), bytes)
    #expect(throws: JournalError.self) { try JournalFixture.open(directory.path) }
  }

  @Test func aMissingSegmentIsNeverSkipped() throws {
    let image = try Image(records: 60, payload: { _ in 5000 })
    let begun = image.blocks.last!.segment + 1
    #expect(begun >= 3)
    for missing in 0..<begun - 1 {
      let directory = try image.restore { $0.remove(at: missing) }
      #expect(throws: JournalError.self) { try JournalFixture.open(directory.path) }
      let emptied = try image.restore { $0[missing].bytes = [] }
      #expect(throws: JournalError.self) { try JournalFixture.open(emptied.path) }
    }
  }

  @Test func aBlockOfAnOlderTailDoesNotContinueANewChain() throws {
    // Block 5 is torn, so a new block 5 takes its place: smaller, so that old bytes stand behind it.
    let image = try Image(records: 5, payload: { $0 == 4 ? 20_000 : 100 })
    let last = image.blocks[4]
    let directory = try image.restore { segments in
      // An old block 6 stands whole inside of the torn block's area, as a hole of un-synced writes would leave it.
      var page = [UInt8](repeating: 0, count: JournalBlock.headerSize)
      page.withUnsafeMutableBytes {
        JournalBlock(
          length: 48, sequence: JournalSequence(6), storage: JournalFixture.storage, durable: JournalSequence(4),
          recordsChecksum: 0
        ).write(to: $0)
      }
      segments[last.segment].bytes.replaceSubrange(last.at + 4096..<last.at + 4096 + 48, with: page)
    }
    let journal = try JournalFixture.open(directory.path)
    #expect(journal.recovery.cut?.droppedWholeBlocks == true)
    let probe = JournalProbe()
    journal.start(probe.callbacks)
    try probe.waitDurable(journal.append(JournalFixture.record(1000, payload: 10)))
    // Killed here: the new block 5 stands, and what follows it must not be the old block 6.
    let copy = TemporaryDirectory()
    for number in try JournalSegments.numbers(in: directory.path) {
      try copy.write(JournalSegments.name(number), try directory.contents(JournalSegments.name(number)))
    }
    journal.close()
    let (offsets, recovery) = try JournalFixture.replay(copy.path)
    #expect(offsets == [0, 1, 2, 3, 1000] && recovery.last == JournalSequence(5) && recovery.cut == nil)
  }

  @Test func aHoleOfUnsyncedWritesIsCutUnderReplicatedAndDamageUnderFsync() throws {
    let lazy = JournalFixture.small { $0.durability = .replicated(every: 3_600_000_000_000, behind: 1 << 30) }
    let replicated = try Image(records: 6, options: lazy)
    let fsync = try Image(records: 6)
    func hole(_ image: Image) throws -> TemporaryDirectory {
      try image.restore { segments in
        let block = image.blocks[2]
        for index in block.at..<block.at + block.length { segments[block.segment].bytes[index] = 0 }
      }
    }
    let directory = try hole(replicated)
    let journal = try JournalFixture.open(directory.path)
    journal.close()
    #expect(journal.recovery.records == 2 && journal.recovery.cut?.droppedWholeBlocks == true)
    #expect(try Self.goOn(directory) == [0, 1, 1000])
    let refused = try hole(fsync)
    #expect(throws: JournalError.self) { try JournalFixture.open(refused.path) }
  }

  @Test func aKillAtAnyStepOfARecoveryLeadsToTheSameEnd() throws {
    let image = try Image(records: 40, payload: { _ in 3000 })
    let last = image.blocks[39]
    var step = 0
    var finished = false
    while !finished {
      let directory = try image.restore { $0[last.segment].bytes[last.at + 70] ^= 1 }
      let crash = CrashingFiles(after: step)
      if let journal = try? JournalFixture.open(directory.path, system: crash.system) {
        journal.close()
        finished = !crash.hasCrashed
      }
      #expect(try Self.goOn(directory) == Array(0..<39) + [1000], "killed at step \(step)")
      step += 1
    }
    #expect(step >= 4)
  }

  @Test func aKillAtAnyStepOfAFirstStartLeavesAnEmptyJournal() throws {
    var step = 0
    var finished = false
    while !finished {
      let directory = TemporaryDirectory()
      let crash = CrashingFiles(after: step)
      if let journal = try? JournalFixture.open(directory.path, system: crash.system) {
        journal.close()
        finished = !crash.hasCrashed
      }
      #expect(try Self.goOn(directory) == [1000])
      step += 1
    }
    #expect(step > 4)
  }

  /// Kills the process at every file call of a life with segment switches; nothing acknowledged is lost, and no hole.
  @Test func nothingAcknowledgedIsLostByAKillAtAnyStep() throws {
    var step = 0
    var finished = false
    while !finished {
      let directory = TemporaryDirectory()
      let crash = CrashingFiles(after: step)
      let probe = JournalProbe()
      if let journal = try? JournalFixture.open(directory.path, system: crash.system) {
        journal.start(probe.callbacks)
        for offset in 0..<30 as Range<UInt64> {
          let ticket = journal.append(JournalFixture.record(offset, payload: 9000))
          try probe.wait { $0.durable >= ticket || !$0.fatal.isEmpty ? true : nil }
        }
        journal.close()
        finished = !crash.hasCrashed
      }
      let promised = probe.heard.withLock { $0.durable.rawValue }
      let offsets = try JournalFixture.replay(directory.path).offsets
      #expect(offsets == Array(0..<UInt64(offsets.count)) && offsets.count >= promised, "killed at step \(step)")
      #expect(!probe.heard.withLock { $0.acknowledgedAfterFatal })
      step += 3
    }
    #expect(step > 60)
  }

  /// Random damage to a journal that was killed while idle: it opens with all that was promised, or not at all.
  @Test(arguments: 0..<8 as Range<UInt64>) func randomDamageIsNeverTakenForATornTail(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let image = try Image(records: 30, payload: { $0 * 211 % 9000 })
    for round in 0..<30 {
      var damaged = image.segments
      let directory = try image.restore { segments in
        defer { damaged = segments }
        for _ in 0...Int.random(in: 0..<3, using: &random) {
          let segment = Int.random(in: 0..<segments.count, using: &random)
          let start = Int.random(in: 0..<segments[segment].bytes.count, using: &random)
          let zeroed = Bool.random(using: &random)
          let count = zeroed ? Int.random(in: 1..<20_000, using: &random) : 1
          for index in start..<min(start + count, segments[segment].bytes.count) {
            segments[segment].bytes[index] =
              zeroed ? 0 : segments[segment].bytes[index] ^ UInt8.random(in: 1...255, using: &random)
          }
        }
      }
      var offsets: [UInt64] = []
      guard
        let journal = try? JournalFixture.open(
          directory.path, replay: { record, _, _ in offsets.append(record.baseOffset.rawValue) })
      else { continue }
      journal.close()
      // What is missing has nothing left to testify for it: every later block's header was hit as well.
      let testifying = image.blocks.dropFirst(offsets.count + 1).filter { block in
        let header = block.at..<block.at + JournalBlock.headerSize
        return damaged[block.segment].bytes[header] == image.segments[block.segment].bytes[header]
      }
      #expect(offsets == Array(0..<UInt64(offsets.count)) && testifying.isEmpty, "seed \(seed), round \(round)")
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers from the same seed on every machine.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
