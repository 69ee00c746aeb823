import Testing
import Wire

@testable import Client

/// What a client does about a worker that is busy, and about one that fails again and again.
@Suite struct SubmitOverloadTests {
  private typealias Bench = SubmitCoreTests.Bench

  private func busy(_ bench: Bench, _ index: Int, at time: Int64, after pause: UInt32 = 0) {
    let failure = Failure(.busy, "full", retryAfterMilliseconds: pause)
    bench.core.refused(bench.core.pipes[0], correlation: bench.sent[index].correlation, failure, Bench.at(time), bench.report)
  }

  @Test func aBusyWorkerIsSentHalfAsMuchAndNothingForAsLongAsItAsks() {
    let bench = Bench {
      $0.framesInFlight = 8
      $0.backoff = Backoff(base: 1, limit: 1)
    }
    bench.add(1...64)
    bench.pump(at: 0)
    #expect(bench.sent.count == 8)
    for index in 0..<8 { busy(bench, index, at: 1, after: 20) }
    #expect(bench.core.retries.slowdowns == 1, "frames of one burst say one thing")
    bench.pump(at: 20)
    #expect(bench.sent.count == 8 && bench.core.nextDue == 21_000_000)
    bench.tick(at: 21)
    bench.pump(at: 21)
    #expect(bench.sent.count == 12)
    // One more for each window of answers.
    for index in 8..<12 { bench.answer(index, at: 22, [.decided, .decided, .decided, .decided]) }
    bench.pump(at: 22)
    #expect(bench.sent.count == 16)
    for index in 12..<16 { bench.answer(index, at: 23, [.decided, .decided, .decided, .decided]) }
    bench.pump(at: 23)
    #expect(bench.sent.count == 21)
    for index in 16..<21 { busy(bench, index, at: 24) }
    #expect(bench.core.retries.slowdowns == 2)
  }

  @Test func oneFrameIsAlwaysSent() {
    let bench = Bench { $0.backoff = Backoff(base: 1, limit: 1) }
    bench.add(1...4)
    for round in 0..<20 {
      bench.tick(at: Int64(round))
      bench.pump(at: Int64(round))
      #expect(bench.sent.count == round + 1)
      busy(bench, round, at: Int64(round))
    }
    #expect(bench.core.retries.causes == ["busy": 4 * 19])
  }

  @Test func whatIsSentAgainIsAShareOfWhatIsFreshPlusSoManyASecond() {
    var budget = RetryBudget(share: 0.5, floor: 10, burst: 100)
    func take(_ rows: Int, at milliseconds: Int64) -> Bool { budget.take(rows, milliseconds * 1_000_000) }
    #expect(take(100, at: 0))
    #expect(!take(1, at: 0))
    budget.earn(40)
    #expect(take(20, at: 0))
    #expect(!take(1, at: 0))
    #expect(budget.ready(for: 5, 0) == 500_000_000)
    #expect(!take(5, at: 499))
    #expect(take(5, at: 500))
    budget.earn(1_000_000)
    #expect(take(1_000, at: 600), "all that was saved lets any frame go")
    #expect(!take(1, at: 600))
  }

  @Test func rowsBeyondTheBudgetWaitForItAndGiveUpAtTheirDeadline() {
    let bench = Bench {
      $0.backoff = Backoff(base: 1, limit: 1)
      $0.retryShare = 0
      $0.retryFloor = 4
      $0.retryBurst = 4
      $0.rowDeadline = 3_000_000_000
    }
    bench.add(1...4)
    bench.pump(at: 0)
    bench.answer(0, at: 1, [.retry, .retry, .retry, .retry])
    bench.tick(at: 2)
    bench.pump(at: 2)
    #expect(bench.sent.count == 2)
    bench.answer(1, at: 3, [.retry, .retry, .retry, .retry])
    bench.tick(at: 4)
    bench.pump(at: 4)
    #expect(bench.sent.count == 2 && bench.core.retries.held == 4)
    bench.tick(at: 1_003)
    bench.pump(at: 1_003)
    #expect(bench.sent.count == 3, "four a second are free")
    bench.answer(2, at: 2_500, [.retry, .retry, .retry, .retry])
    bench.tick(at: 2_501)
    bench.pump(at: 2_501)
    #expect(bench.sent.count == 4)
    bench.answer(3, at: 2_600, [.retry, .retry, .retry, .retry])
    bench.tick(at: 2_601)
    #expect(bench.reports.map(\.kind) == [.failed, .failed, .failed, .failed], "their time is over before the budget has grown")
  }
}
