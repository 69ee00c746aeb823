import Wire

@testable import Coordinator
@testable import Worker

/// Links that are cut, or slow, or lose what they carry.
extension Nemesis {
  func cut(_ fault: Fault, _ victim: Process, for long: UInt64) {
    let network = cluster.network
    var pairs: [(Process, Process)] = []
    let others = network.processes.filter { $0 !== victim }
    switch fault {
    case .cutBothWays: for other in others { pairs += [(victim, other), (other, victim)] }
    case .cutOneWay:
      let isDeaf = world.random.below(2) == 0
      for other in others { pairs.append(isDeaf ? (other, victim) : (victim, other)) }
    default:
      for other in others where world.random.below(2) == 0 {
        if world.random.below(3) > 0 { pairs.append((victim, other)) }
        if world.random.below(3) > 0 { pairs.append((other, victim)) }
      }
    }
    for (from, to) in pairs { network[from, to].isCut = true }
    later(long) {
      for (from, to) in pairs { network[from, to].isCut = false }
      network.release()
    }
  }

  func disturb(_ fault: Fault, for long: UInt64) {
    let network = cluster.network
    let from = world.random.pick(network.processes)
    let delay: UInt64 = .milliseconds(1 + UInt64(world.random.below(300)))
    let loss = 1 + Double(world.random.below(30))
    for to in network.processes where to !== from {
      for (a, b) in [(from, to), (to, from)] {
        if fault == .delay { network[a, b].extraDelay = delay } else { network[a, b].loss = loss }
      }
    }
    later(long) {
      for to in network.processes where to !== from {
        for (a, b) in [(from, to), (to, from)] {
          network[a, b].extraDelay = 0
          network[a, b].loss = 0
        }
      }
    }
  }

  /// A worker that its peers and clients reach and no coordinator does.
  func isolate(_ victim: Process, for long: UInt64) {
    note(.coordinatorCut, victim.name)
    let ways = cluster.coordinators.flatMap { [($0.process, victim), (victim, $0.process)] }
    let some = world.random.below(3) == 0 ? [ways[world.random.below(2)]] : ways
    for (from, to) in some { cluster.network[from, to].isCut = true }
    later(long + .milliseconds(500)) { [cluster] in
      for (from, to) in some { cluster.network[from, to].isCut = false }
      cluster.network.release()
    }
  }
}
