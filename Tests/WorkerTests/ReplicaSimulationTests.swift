import Foundation
import Testing

@testable import Worker

@Suite struct ReplicaSimulationTests {
  /// `SEED=n` replays one run.
  @Test func `whatever is lost, doubled, reordered, crashed or wiped, one history commits and every candidate holds it`() {
    let only = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) }
    var total = ReplicaSimulation.Counts()
    for seed in only.map({ [$0] }) ?? Array(1...400) {
      var run = ReplicaSimulation(seed: seed)
      for _ in 0..<600 where run.violations.isEmpty { run.step() }
      if run.violations.isEmpty { run.heal() }
      if let first = run.violations.first {
        Issue.record("\(first)\nreplay: SEED=\(seed)")
        return
      }
      total.commits += run.counts.commits
      total.truncations += run.counts.truncations
      total.failovers += run.counts.failovers
      total.expansions += run.counts.expansions
      total.crashes += run.counts.crashes
      total.fenced += run.counts.fenced
      total.healed += run.counts.healed
      total.lost += run.counts.lost
    }
    guard only == nil else { return }
    // A run that meets nothing proves nothing.
    #expect(total.commits > 1_500 && total.truncations > 100 && total.failovers > 500, "\(total)")
    #expect(total.expansions > 400 && total.crashes > 400 && total.fenced > 50 && total.healed > 300, "\(total)")
  }
}
