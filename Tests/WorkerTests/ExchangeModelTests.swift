import ExchangeModel
import Foundation
import Testing

@Suite struct ExchangeModelTests {
  /// `SEED=n` replays one run.
  @Test func `whatever is lost, doubled, late, failed over, split, merged or retired, every contribution is applied once`() {
    let only = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) }
    var total = ExchangeModel.Counts()
    for seed in only.map({ [$0] }) ?? Array(1...150) {
      var run = ExchangeModel(seed: seed)
      run.run(steps: 500)
      if let violation = run.violation {
        Issue.record("\(violation)\nreplay: SEED=\(seed)")
        return
      }
      total += run.counts
    }
    guard only == nil else { return }
    #expect(total.decided > 5_000 && total.degraded > 200 && total.applied > 8_000 && total.stale > 200, "\(total)")
    #expect(total.homeFailovers > 500 && total.entityFailovers > 500 && total.splits > 100 && total.merges > 100, "\(total)")
    #expect(total.retirements > 50 && total.forgettings > 50 && total.refusals > 500 && total.healed == 150, "\(total)")
  }
}
