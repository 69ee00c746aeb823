enum Fault: String, CaseIterable {
  case kill, powerLoss, powerLossOfAll, pause, wipe, corrupt, failedSync, fullDisk, slowDisk
  case cutBothWays, cutOneWay, partialCut, delay, loss, reset
  case coordinatorKill, coordinatorPause, clockJump, swap
  case split, merge, abort, drain, move, handOver, rebalance, clientKill, coordinatorCut, restore, fork, listEdit
  case outage

  /// What any run may have.
  static let general = allCases.filter {
    ![.split, .merge, .abort, .drain, .move, .handOver, .rebalance, .clientKill, .coordinatorCut, .restore, .fork, .listEdit, .outage]
      .contains($0)
  }
}
