/// Faults of one nature, and their colour in the picture.
enum FaultFamily: CaseIterable {
  case process, network, disk, clock, planned

  var title: String {
    switch self {
    case .process: "processes"
    case .network: "network"
    case .disk: "disks"
    case .clock: "clocks"
    case .planned: "planned"
    }
  }

  var color: String {
    switch self {
    case .process: "#d1242f"
    case .network: "#8250df"
    case .disk: "#bc6c00"
    case .clock: "#0a7ea4"
    case .planned: "#57606a"
    }
  }
}

extension FaultKind {
  var family: FaultFamily {
    switch self {
    case .killWorker, .pauseWorker, .killCoordinator, .pauseCoordinator, .killAll, .killEtcd, .loseEtcd: .process
    case .cutOff, .cutIn, .cutOut, .cutPair, .cutPairOneWay, .cutPeers, .cutCoordinator, .loss, .delay: .network
    case .stalledDisk, .slowDisk, .syncError, .fullDisk, .wipedDisk: .disk
    case .clockJump: .clock
    case .rollingRestart, .drain, .splitMerge, .swapBundle: .planned
    }
  }
}
