import Testing
import Wire

@testable import Client

/// The core's rules, one at a time.
@Suite struct SubmitCoreTests {
  static let wall: Int64 = 1_790_000_000_000

  /// A core with one worker that owns everything, and what it has sent.
  final class Bench {
    let core: SubmitCore
    /// Of rows that are answered as to be sent again.
    var retryCode = FailureCode.unavailable
    /// Whose answers come.
    var worker = 0
    var sent: [(correlation: UInt64, submit: Submit, tags: [UInt64])] = []
    var reports: [(tag: UInt64, kind: RowAnswer.Kind, failure: FailureCode?, latency: Int64)] = []

    init(_ change: (inout SubmitOptions) -> Void = { _ in }, opened: Bool = true) {
      var options = SubmitOptions()
      options.rowsPerFrame = 4
      options.framesInFlight = 2
      change(&options)
      core = SubmitCore(options, seed: 1)
      core.learned(.test(version: 1, nodes: [NodeID(1): "a:1"], primaries: [NodeID(1)]), Self.at(0))
      if opened { core.opened(core.pipes[0]) }
    }

    static func at(_ milliseconds: Int64) -> ClientTime {
      ClientTime(nanoseconds: milliseconds * 1_000_000, wall: SubmitCoreTests.wall + milliseconds)
    }

    func add(_ tags: ClosedRange<UInt64>, at time: Int64 = 0, firstSent: Int64? = nil) {
      for tag in tags {
        let record = Rows.record("t\(tag)", card: "c")
        core.enqueue(record.span.bytes, tag: tag, start: time * 1_000_000, firstSent: firstSent, now: Self.at(time))
      }
    }

    func pump(at time: Int64) {
      core.pump(Self.at(time)) { _, correlation, submit, batch in sent.append((correlation, submit, batch.rows.map(\.tag))) }
    }

    func tick(at time: Int64) { core.tick(Self.at(time), report) }

    func answer(_ index: Int, at time: Int64, _ statuses: [Decisions.Outcome.Status]) {
      var answer = Decisions()
      answer.bundles = [Decisions.BundleNames(id: BundleID(high: 1, low: 1), reasons: [], features: [])]
      for status in statuses {
        var outcome = Decisions.Outcome(status: status)
        if status == .retry { outcome.failure = retryCode }
        if status == .rejected { outcome.rejection = Rejection(.malformed, "no") }
        answer.outcomes.append(outcome)
      }
      var out = WireWriter()
      answer.write(to: &out)
      let bytes = out.bytes
      try? core.answered(core.pipes[worker], correlation: sent[index].correlation, bytes.span.bytes, Self.at(time), report)
    }

    func report(_ row: borrowing RowAnswer) { reports.append((row.tag, row.kind, row.failure, row.latency)) }
  }

  @Test func anIdleWorkerGetsARowAtOnceABusyOneAFullFrame() {
    let bench = Bench()
    bench.add(1...1)
    bench.pump(at: 0)
    #expect(bench.sent.map(\.tags) == [[1]])
    bench.add(2...4)
    bench.pump(at: 0)
    #expect(bench.sent.count == 1, "the worker has a frame; these wait for it to answer, or to fill up")
    bench.add(5...6)
    bench.pump(at: 0)
    #expect(bench.sent.map(\.tags) == [[1], [2, 3, 4, 5]])
    bench.answer(0, at: 1, [.decided])
    bench.answer(1, at: 1, [.decided, .decided, .decided, .decided])
    bench.pump(at: 1)
    #expect(bench.sent.last?.tags == [6])
  }

  @Test func aNewPrimaryThatDoesNotServeYetIsAskedAgainSoonHoweverLongTheOldOnePaused() {
    let bench = Bench()
    bench.retryCode = .sealed
    bench.add(1...1)
    var time: Int64 = 0
    /// Sends what is due, and has it sent again.
    func refuse() -> Int64 {
      bench.pump(at: time)
      bench.answer(bench.sent.count - 1, at: time, [.retry])
      let delay = bench.core.nextDue / 1_000_000 - time
      time += delay + 1
      bench.tick(at: time)
      return delay
    }
    var delays = (0..<16).map { _ in refuse() }
    #expect(delays.last! >= 250, "a primary that pauses for long is asked ever more seldom")
    bench.pump(at: time)
    bench.answer(bench.sent.count - 1, at: time, [.retry])
    let moved = ClusterMap.test(version: 2, nodes: [NodeID(1): "a:1", NodeID(2): "b:1"], primaries: [NodeID(2)])
    bench.core.learned(moved, Bench.at(time))
    bench.core.opened(bench.core.pipes[1])
    time += 5
    bench.tick(at: time)
    bench.retryCode = .notPrimary
    bench.worker = 1
    delays = (0..<4).map { _ in refuse() }
    #expect(delays[0] <= 5 && delays[1] <= 11 && delays[3] <= 60, "\(delays)")
  }

  @Test func aWorkerThatLeadsNoMoreIsNotWaitedForAsLongAsOthers() {
    let bench = Bench()
    bench.add(1...1)
    bench.pump(at: 0)
    bench.core.learned(.test(version: 2, nodes: [NodeID(1): "a:1", NodeID(2): "b:1"], primaries: [NodeID(2)]), Bench.at(100))
    bench.core.opened(bench.core.pipes[1])
    bench.tick(at: 349)
    bench.pump(at: 349)
    #expect(bench.sent.count == 1, "it may have answered already")
    for time in stride(from: Int64(350), to: 400, by: 10) {
      bench.tick(at: time)
      bench.pump(at: time)
    }
    #expect(bench.sent.map(\.tags) == [[1], [1]])
  }

  @Test func aRowWaitsForItsFrameNoLongerThanTheFlushInterval() {
    let bench = Bench()
    bench.add(1...1)
    bench.pump(at: 0)
    bench.add(2...2, at: 10)
    bench.pump(at: 10)
    #expect(bench.sent.count == 1)
    #expect(bench.core.nextDue == 11_000_000)
    bench.pump(at: 11)
    #expect(bench.sent.last?.tags == [2])
  }

  @Test func noMoreFramesThanTheWindowAllows() {
    let bench = Bench()
    bench.add(1...20)
    bench.pump(at: 0)
    #expect(bench.sent.count == 2)
    bench.answer(0, at: 1, [.decided, .decided, .decided, .decided])
    bench.pump(at: 1)
    #expect(bench.sent.map(\.tags).last == [9, 10, 11, 12])
  }

  @Test func rowsSentAgainKeepTheirFirstSentTimeAndShareNoFrameWithYoungerOnes() {
    let bench = Bench()
    bench.add(1...2)
    bench.pump(at: 0)
    bench.answer(0, at: 2_000, [.retry, .decided])
    bench.tick(at: 2_500)
    bench.add(3...3, at: 2_500)
    bench.pump(at: 2_500)
    bench.pump(at: 2_501)
    #expect(bench.sent.map(\.tags) == [[1, 2], [1], [3]])
    #expect(bench.sent.map { $0.submit.firstSent - Self.wall } == [0, 0, 2_501])
    bench.add(4...4, at: 2_600, firstSent: Self.wall - 50_000)
    bench.answer(1, at: 2_600, [.duplicate])
    bench.answer(2, at: 2_600, [.duplicate])
    bench.pump(at: 2_600)
    #expect(bench.sent.last?.submit.firstSent == Self.wall - 50_000)
    bench.answer(3, at: 2_601, [.duplicate])
    #expect(
      bench.reports.map(\.kind) == [.decided, .decided, .alreadyDecided, .decided],
      "a duplicate after a retry, or of a resumed row, is this submission's own decision")
  }

  @Test func latencyCountsFromTheDueTime() {
    let bench = Bench()
    let record = Rows.record("t", card: "c")
    bench.core.enqueue(record.span.bytes, tag: 1, start: -30_000_000, firstSent: nil, now: Bench.at(0))
    bench.pump(at: 0)
    bench.answer(0, at: 5, [.decided])
    #expect(bench.reports.map(\.latency) == [35_000_000])
  }

  @Test func aFrameWithoutAnAnswerIsSentAgainAndItsLateAnswerIgnored() {
    let bench = Bench()
    bench.add(1...2)
    bench.pump(at: 0)
    bench.tick(at: 5_000)
    bench.answer(0, at: 5_001, [.decided, .decided])
    #expect(bench.reports.isEmpty)
    bench.tick(at: 6_000)
    bench.pump(at: 6_000)
    #expect(bench.sent.map(\.tags) == [[1, 2], [1, 2]])
    bench.answer(1, at: 6_001, [.duplicate, .duplicate])
    bench.answer(0, at: 6_002, [.decided, .decided])
    #expect(bench.reports.map(\.tag) == [1, 2])
    #expect(bench.core.retries.rows == 2)
  }

  @Test func aRowIsGivenUpAtItsDeadlineWhereverItIs() {
    let bench = Bench({ $0.rowDeadline = 10_000_000 }, opened: false)
    bench.add(1...5)
    bench.pump(at: 0)
    #expect(bench.sent.isEmpty && bench.core.nextDue == 10_000_000)
    bench.tick(at: 9)
    #expect(bench.reports.isEmpty)
    bench.tick(at: 10)
    #expect(bench.reports.map(\.tag).sorted() == [1, 2, 3, 4, 5] && bench.reports.allSatisfy { $0.kind == .failed })
    #expect(bench.core.rowsOutstanding == 0 && bench.core.nextDue == .max)

    let inFlight = Bench({ $0.rowDeadline = 10_000_000 })
    inFlight.add(1...1)
    inFlight.pump(at: 0)
    #expect(inFlight.sent[0].submit.deadlineMilliseconds == 10)
    inFlight.tick(at: 10)
    #expect(inFlight.reports.map(\.failure) == [.deadline])
  }

  @Test func aMapThatMovesAPartitionMovesItsWaitingRows() {
    let bench = Bench(opened: false)
    bench.add(1...6)
    let nodes = [NodeID(1): "a:1", NodeID(2): "b:1"]
    bench.core.learned(.test(version: 2, nodes: nodes, primaries: [NodeID(2)]), Bench.at(1))
    bench.core.opened(bench.core.pipes[1])
    bench.pump(at: 1)
    bench.pump(at: 2)
    #expect(bench.sent.map(\.tags) == [[1, 2, 3, 4], [5, 6]])
    bench.core.learned(.test(version: 1, nodes: nodes, primaries: [NodeID(1)]), Bench.at(3))
    bench.add(7...7, at: 3)
    #expect(bench.core.pipes[0].hasQueued == false, "an older map changes nothing")
  }

  @Test func boundsHoldForRowsAndBytes() {
    let bench = Bench({ $0.rowsMax = 3 })
    bench.add(1...2)
    #expect(bench.core.canAccept)
    bench.add(3...3)
    #expect(!bench.core.canAccept)
    let small = Bench({ $0.bytesMax = 39 })
    small.add(1...1)
    #expect(!small.core.canAccept)
  }
}
