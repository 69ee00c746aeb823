import Testing
import Wire

@testable import Worker

/// What is left to do of a batch whose sender waits. Times in ms here.
struct PatientBatchTests {
  private static let ms: Int64 = 1_000_000

  private func part(_ codes: [FailureCode?], bundle: UInt64 = 1) -> Decisions {
    var decisions = Decisions()
    decisions.bundles = [Decisions.BundleNames(id: BundleID(high: bundle, low: 0), reasons: [], features: [])]
    decisions.outcomes = codes.map { code in
      var outcome = Decisions.Outcome(status: code == nil ? .decided : .retry)
      outcome.failure = code
      return outcome
    }
    return decisions
  }

  @Test func aFailoverIsWaitedForAndTheRestIsTriedAgain() {
    var batch = PatientBatch(rowCount: 4, deadline: 1_000 * Self.ms)
    #expect(batch.begin() == [0, 1, 2, 3])
    let next = batch.take(part([nil, .notPrimary, nil, .sealed]), at: [0, 1, 2, 3], now: 10 * Self.ms, spread: 0)
    #expect(next == .again(at: 15 * Self.ms))
    #expect(batch.begin() == [1, 3])
    #expect(batch.take(part([.fenced, nil], bundle: 2), at: [1, 3], now: 20 * Self.ms, spread: 0) == .again(at: 30 * Self.ms))
    #expect(batch.begin() == [1])
    #expect(batch.take(part([nil], bundle: 2), at: [1], now: 31 * Self.ms, spread: 0) == .done)
    #expect(batch.answer.outcomes.allSatisfy { $0.status == .decided })
    #expect(batch.answer.outcomes.map(\.bundle) == [0, 1, 0, 1] && batch.answer.bundles.map(\.id.high) == [1, 2])
  }

  @Test func aNewPrimaryThatDoesNotServeYetIsAskedAgainSoonHoweverLongTheOldOnePaused() {
    var batch = PatientBatch(rowCount: 1, deadline: .max)
    for _ in 0..<6 {
      _ = batch.begin()
      _ = batch.take(part([.sealed]), at: [0], now: 0, spread: 0)
    }
    batch.mapChanged()
    _ = batch.begin()
    #expect(batch.take(part([.notPrimary]), at: [0], now: 0, spread: 0) == .again(at: PatientBatch.delayMin))
    _ = batch.begin()
    #expect(batch.take(part([.notPrimary]), at: [0], now: 0, spread: 0) == .again(at: 2 * PatientBatch.delayMin))
  }

  @Test(arguments: [FailureCode.busy, .storageFull, .shuttingDown, .malformed, .internal])
  func whatWaitingWouldNotMendIsToldAtOnce(code: FailureCode) {
    var batch = PatientBatch(rowCount: 1, deadline: 1_000 * Self.ms)
    _ = batch.begin()
    #expect(batch.take(part([code]), at: [0], now: 0, spread: 0) == .done)
    #expect(batch.answer.outcomes[0].failure == code)
  }

  @Test func atTheDeadlineOnlyRowsWithoutAnOutcomeAreLate() {
    var batch = PatientBatch(rowCount: 3, deadline: 100 * Self.ms)
    _ = batch.begin()
    #expect(batch.take(part([nil, .unavailable, .busy]), at: [0, 1, 2], now: 99 * Self.ms, spread: 0) == .late)
    let answer = batch.expire()
    #expect(answer.outcomes.map(\.failure) == [nil, .deadline, .busy])
    #expect(answer.outcomes[0].status == .decided)
  }

  @Test func triesComeApartAndNeverFurtherThanTheLongestDelay() {
    var batch = PatientBatch(rowCount: 1, deadline: .max)
    var delays: [Int64] = []
    for _ in 0..<60 {
      _ = batch.begin()
      guard case .again(let at) = batch.take(part([.unavailable]), at: [0], now: 0, spread: 1) else { continue }
      delays.append(at)
    }
    #expect(delays.count == 60 && delays[0] == PatientBatch.delayMin / 2)
    #expect(delays == delays.sorted() && delays.last == PatientBatch.delayMax / 2)
  }
}
