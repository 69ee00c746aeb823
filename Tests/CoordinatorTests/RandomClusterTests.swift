import Testing
import Wire

@testable import Coordinator

/// The coordinator's core against workers that crash, restart, lose their disks, commit and propose at random, and a store
/// that refuses and is slow. The workers follow `spec/replication.cpp`, reduced to what the coordinator can get wrong: who
/// holds every acknowledged entry.
@Suite struct RandomClusterTests {
  @Test(arguments: [Durability.fsync, .replicated])
  func `whatever happens, every electable replica holds every acknowledged entry`(durability: Durability) {
    for seed in UInt64(1)...150 {
      let run = RandomRun(seed: seed, durability: durability)
      for step in 0..<400 {
        run.step()
        if let problem = run.problem {
          Issue.record("seed \(seed), \(durability), step \(step): \(problem)\n\(run.trace.suffix(30).joined(separator: "\n"))")
          return
        }
      }
      if let problem = run.heal() {
        Issue.record("seed \(seed), \(durability): after healing \(problem)\n\(run.trace.suffix(30).joined(separator: "\n"))")
        return
      }
    }
  }
}
