import Coordinator
import Models
import Wire

@testable import Worker

/// What a run has besides the faults that any may have. Drawn from the seed, or given with `--plan`.
enum Scenario: String, CaseIterable {
  /// Everything but what the others are about.
  case mixed
  /// Partitions are split and merged.
  case successions
  /// Three coordinators, one of which leads, on a store of their own.
  case coordinators
  /// A short dedup horizon, clocks that are far apart, and outages that are long against it.
  case horizon
  /// Faults follow what the coordinator decides, within milliseconds, and hit whom it is about.
  case ambush
  /// The coordinator's store is set back to a backup.
  case restores
  /// Features of other entities than the card: partitions exchange.
  case exchange
  /// Hot items of lists come and go, under bundles whose rules ask by them.
  case lists

  /// In how many of a hundred runs.
  var share: Int {
    switch self {
    case .mixed: 15
    case .successions: 20
    case .coordinators: 15
    case .horizon: 5
    case .ambush: 15
    case .restores: 10
    case .exchange: 15
    case .lists: 5
    }
  }
}

/// What a run is about: sizes, settings and which faults there are. Drawn from the seed before anything else.
struct Plan {
  var scenario: Scenario
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
  var coordinators = 1
  /// A disk that is slow in a fork is so for the log alone.
  var isLogSlow = false
  /// How long nobody else may lead, ns.
  var coordinatorLease: UInt64 = .max

  static let base: WorkerConfig = {
    do {
      return try WorkerConfig(
        yaml: "name: w\ndata: /data\nlisten: 0.0.0.0:7101\ncoordinators: [10.0.0.1:7100]\ntls: off\n", file: "simulated")
    } catch {
      fatalError("\(error)")
    }
  }()

  var bundles: [Bundles.Made] {
    switch scenario {
    case .exchange: Bundles.mixed
    case .lists: Bundles.listed
    default: Bundles.all
    }
  }

  /// Transactions have other entities than the card.
  var hasEntities: Bool { scenario == .exchange || scenario == .lists }

  /// What is drawn from `random` is drawn in every scenario alike, so that the mixed runs stay as they are.
  init(_ random: inout Random, seed: UInt64, scenario: Scenario?) {
    var own = Random(seed: seed &* 0x2545_F491_4F6C_DD1D &+ 1)
    // Drawn in any case, so that what follows is the same when the plan is given.
    let drawn = Self.draw(&own)
    self.scenario = scenario ?? drawn
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
    for fault in Fault.general where random.below(100) < share { faults.insert(fault) }
    adapt(&own)
  }

  private static func draw(_ own: inout Random) -> Scenario {
    var left = own.below(Scenario.allCases.reduce(0) { $0 + $1.share })
    for scenario in Scenario.allCases {
      left -= scenario.share
      if left < 0 { return scenario }
    }
    return .mixed
  }

  private mutating func adapt(_ own: inout Random) {
    guard scenario != .mixed else { return }
    if own.below(3) > 0 { faults.insert(.clientKill) }
    switch scenario {
    case .mixed: break
    case .successions:
      faults.formUnion([.split, .merge])
      if own.below(3) == 0 { faults.insert(.drain) }
      if own.below(3) == 0 { faults.insert(.abort) }
      if own.below(3) == 0 { faults.insert(.handOver) }
      if own.below(3) == 0 {
        faults.formUnion([.move, .rebalance])
        workers = 4
        policy.expectedWorkers = 4
      }
      settings.durability = .fsync
      policy.settings = settings
      policy.sealedMillisecondsMax = 1_000 + Int64(own.below(5_000))
      faultInterval = .milliseconds(300 + UInt64(own.below(1_500)))
    case .coordinators:
      coordinators = 3
      coordinatorLease = .milliseconds(1_000 + UInt64(own.below(3_000)))
      faults.formUnion([.coordinatorKill, .coordinatorPause, .coordinatorCut])
      if own.below(2) == 0 { faults.formUnion([.split, .merge]) }
    case .horizon:
      workerConfig.dedupHorizon = 4_000 + Int64(own.below(12_000))
      faults.formUnion([.clockJump, .kill, .cutBothWays, .outage])
    case .restores:
      faults.formUnion([.restore, .coordinatorKill])
      settings.durability = .fsync
      policy.settings = settings
      if own.below(3) == 0 {
        coordinators = 3
        coordinatorLease = .milliseconds(1_000 + UInt64(own.below(3_000)))
      }
      if own.below(2) == 0 { faults.formUnion([.split, .merge]) }
      if own.below(3) == 0 { faults.formUnion([.handOver, .drain]) }
      if own.below(3) == 0 {
        faults.formUnion([.move, .rebalance])
        workers = 4
        policy.expectedWorkers = 4
      }
      faultInterval = .milliseconds(500 + UInt64(own.below(1_500)))
    case .exchange:
      partitions = 2 + own.below(3)
      policy.partitions = partitions
      settings.durability = .fsync
      policy.settings = settings
      if own.below(2) == 0 { faults.formUnion([.split, .merge]) }
      if own.below(2) == 0 { faults.insert(.swap) }
      if own.below(3) == 0 { faults.insert(.drain) }
      if own.below(3) == 0 { faults.formUnion([.handOver, .move]) }
      if own.below(6) == 0 { faults.insert(.restore) }
    case .lists:
      partitions = 1 + own.below(4)
      policy.partitions = partitions
      settings.durability = .fsync
      policy.settings = settings
      faults.formUnion([.listEdit, .swap])
      // An entry of many items has to fit.
      workerConfig.segmentBytes = 4096 * (24 + own.below(8))
      if own.below(2) == 0 { faults.formUnion([.split, .merge]) }
      if own.below(2) == 0 { faults.insert(.restore) }
      if own.below(3) == 0 { faults.formUnion([.handOver, .move]) }
      if own.below(3) == 0 { faults.formUnion([.coordinatorKill, .fork]) }
      faultInterval = .milliseconds(200 + UInt64(own.below(800)))
    case .ambush:
      let lease = 600 + 300 * own.below(2)
      settings.leaseMilliseconds = lease
      settings.heartbeatMilliseconds = lease / 5
      policy.settings = settings
      partitions = 1 + own.below(2)
      policy.partitions = partitions
      policy.settleMilliseconds = 300 + Int64(own.below(2_000))
      faultInterval = .milliseconds(300 + UInt64(own.below(1_200)))
      clientInterval = 20 + UInt64(own.below(80))
      faults.formUnion([[.partialCut, .cutBothWays], [.partialCut, .pause], [.partialCut, .slowDisk, .kill]][own.below(3)])
      faults.subtract([.corrupt, .failedSync])
      if own.below(2) == 0 { faults.insert(.fork) }
      if own.below(3) == 0 {
        workers = 5
        policy.expectedWorkers = 5
        settings.replicas = 4
        settings.durability = .fsync
        policy.settings = settings
      }
      isLogSlow = own.below(3) == 0
    }
  }
}
