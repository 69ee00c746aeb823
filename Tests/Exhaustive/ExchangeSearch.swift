import ExchangeModel
import Glibc
import Wire

/// The exchange between partitions is searched by random runs of its cores (`Tests/ExchangeModel`), not exhaustively: its
/// states are too many. A run that breaks something names its seed, which replays it in `ExchangeModelTests`.
enum ExchangeSearch {
  static let name = "exchange"
  static let steps = 500
  private static let seedsDefault = 2_000
  nonisolated(unsafe) private static var seed: UInt64?

  /// `limit` is that of states; here it bounds the runs.
  static func run(_ limit: Int, _ mutant: Mutant?, _ isQuiet: Bool) {
    let seeds = min(limit, seedsDefault)
    var total = ExchangeModel.Counts()
    for seed in 1...UInt64(seeds) {
      self.seed = seed
      var run = ExchangeModel(seed: seed)
      run.run(steps: steps)
      if let violation = run.violation {
        print("\(name): \(seed) states: VIOLATION: \(violation) (seed \(seed))")
        exit(1)
      }
      total += run.counts
    }
    print("\(name): \(seeds) runs of \(steps) steps, no violation")
    if !isQuiet { print("\(total)") }
  }

  /// A precondition has failed in a run: it has said why.
  static func trapped() {
    guard let seed else { return }
    print("\(name): \(seed) states: VIOLATION: the code trapped (its message stands above)")
    fflush(stdout)
    _exit(1)
  }
}
