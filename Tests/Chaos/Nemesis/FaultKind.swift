/// What may be done to the cluster.
enum FaultKind: String, CaseIterable, Sendable {
  case killWorker = "kill-worker"
  case pauseWorker = "pause-worker"
  case killCoordinator = "kill-coordinator"
  case pauseCoordinator = "pause-coordinator"
  case killAll = "kill-all"
  case cutOff = "cut-off"
  case cutIn = "cut-in"
  case cutOut = "cut-out"
  case cutPair = "cut-pair"
  case cutPairOneWay = "cut-pair-one-way"
  case cutPeers = "cut-peers"
  case cutCoordinator = "cut-coordinator"
  case loss
  case delay
  case stalledDisk = "stalled-disk"
  case slowDisk = "slow-disk"
  case syncError = "sync-error"
  case fullDisk = "full-disk"
  case wipedDisk = "wiped-disk"
  case clockJump = "clock-jump"
  case rollingRestart = "rolling-restart"
  case drain
  case splitMerge = "split-merge"
  case swapBundle = "swap-bundle"
  case killEtcd = "kill-etcd"
  case loseEtcd = "lose-etcd"

  var title: String {
    switch self {
    case .killWorker: "SIGKILL of a worker"
    case .pauseWorker: "SIGSTOP of a worker"
    case .killCoordinator: "SIGKILL of the coordinator"
    case .pauseCoordinator: "SIGSTOP of the coordinator"
    case .killAll: "SIGKILL of everything at once"
    case .cutOff: "a worker cut off, both ways"
    case .cutIn: "a worker hears nobody"
    case .cutOut: "nobody hears a worker"
    case .cutPair: "two workers cut from each other"
    case .cutPairOneWay: "a worker does not hear another"
    case .cutPeers: "a worker cut from all other workers only"
    case .cutCoordinator: "a worker cut from the coordinator only"
    case .loss: "a worker loses packets"
    case .delay: "a worker's packets are delayed"
    case .stalledDisk: "a worker's disk stalls"
    case .slowDisk: "a worker's disk is slow"
    case .syncError: "a worker's fdatasync fails"
    case .fullDisk: "a worker's disk is full"
    case .wipedDisk: "a worker's disk is wiped"
    case .clockJump: "a worker's clock jumps"
    case .rollingRestart: "rolling restart of all workers"
    case .drain: "drain, restart and undrain of a worker"
    case .splitMerge: "split of a partition, and merge"
    case .swapBundle: "another bundle, and back"
    case .killEtcd: "SIGKILL of an etcd member"
    case .loseEtcd: "SIGKILL of all of etcd"
    }
  }

  /// Whether the cluster's truth has to be in etcd for it.
  var needsEtcd: Bool { self == .killEtcd || self == .loseEtcd }

  /// Longest gap without decisions for affected keys, seconds; nil where none is promised. 0: no gap beyond those that the
  /// undisturbed cluster has.
  var goal: Double? {
    switch self {
    case .killWorker: 1
    case .pauseWorker, .cutOff: 3
    case .cutIn, .cutOut, .cutPair, .cutPairOneWay: 5
    case .stalledDisk: 10
    case .killCoordinator, .pauseCoordinator, .killEtcd, .loseEtcd, .clockJump, .swapBundle: 0
    case .slowDisk: 1
    case .cutPeers: 5
    case .cutCoordinator: 3
    case .drain: 0.2
    case .splitMerge, .killAll, .rollingRestart, .loss, .delay, .syncError, .fullDisk, .wipedDisk: nil
    }
  }
}

/// One fault that was done.
struct Fault: Sendable {
  var kind: FaultKind
  /// To whom.
  var target: String
  /// Monotonic nanoseconds: done, undone, and the cluster whole again (nil: it never was).
  var began: Int64
  var healed: Int64 = 0
  var whole: Int64?
}
