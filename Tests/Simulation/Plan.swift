import Coordinator
import Models
import Wire

@testable import Worker

/// What a run is about: sizes, settings and which faults there are. Drawn from the seed before anything else.
struct Plan {
  var workers: Int
  var partitions: Int
  var loops: Int
  var cards: Int
  /// Milliseconds between two calls of a client, on average.
  var clientInterval: UInt64
  /// Most transactions of one call.
  var rowsMax: Int
  var settings: ClusterSettings
  var policy: CoordinatorPolicy
  var workerConfig: WorkerConfig
  /// How long faults come, and how far they lie apart.
  var troubled: UInt64
  var faultInterval: UInt64
  var faults: Set<Fault>

  static let base: WorkerConfig = {
    do {
      return try WorkerConfig(
        yaml: "name: w\ndata: /data\nlisten: 0.0.0.0:7101\ncoordinators: [10.0.0.1:7100]\ntls: off\n", file: "simulated")
    } catch {
      fatalError("\(error)")
    }
  }()

  init(_ random: inout Random) {
    workers = 3 + (random.below(3) == 0 ? 1 : 0)
    partitions = 1 + random.below(3)
    loops = random.below(4) == 0 ? 2 : 1
    cards = 4 + random.below(20)
    clientInterval = 80 + UInt64(random.below(300))
    rowsMax = 1 + random.below(4)
    let lease = 600 + 300 * random.below(5)
    settings = ClusterSettings(
      replicas: 3, minInSync: 2, durability: random.below(6) == 0 ? .replicated : .fsync, leaseMilliseconds: lease,
      heartbeatMilliseconds: lease / 5)
    policy = CoordinatorPolicy(settings: settings, partitions: partitions, expectedWorkers: workers)
    policy.settleMilliseconds = 1_000 + Int64(random.below(3_000))
    policy.lostAfterMilliseconds = 4_000 + Int64(random.below(10_000))
    workerConfig = Self.base
    workerConfig.segmentBytes = 4096 * (8 + random.below(24))
    workerConfig.reserveBytes = 0
    workerConfig.checkpoints.bytes = 4096 * (2 + random.below(8))
    workerConfig.checkpoints.every = 3_000 + Int64(random.below(5_000))
    workerConfig.outboxRoll = 1_000 + Int64(random.below(2_000))
    troubled = .seconds(8 + UInt64(random.below(25)))
    faultInterval = .milliseconds(300 + UInt64(random.below(3_000)))
    // Most runs have few kinds of faults, so that what needs two of one kind in a row is met; some have all.
    faults = []
    let share = [15, 30, 50, 100][random.below(4)]
    for fault in Fault.allCases where random.below(100) < share { faults.insert(fault) }
  }
}
