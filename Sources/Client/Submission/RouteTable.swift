import Wire

/// Which pipe a key goes to: the part of a cluster map that every row needs.
struct RouteTable: Equatable {
  /// Stands for a partition without a primary.
  static var none: Int { -1 }

  /// Last key of each partition, ascending.
  private var lasts: [UInt64] = []
  private var pipes: [Int32] = []

  init() {}

  /// `pipe` gives the pipe of a node that is a primary.
  init(_ map: ClusterMap, pipe: (NodeID) -> Int) {
    for partition in map.partitions {
      lasts.append(partition.range.last.rawValue)
      pipes.append(Int32(partition.primary.map { pipe($0.node) } ?? Self.none))
    }
  }

  /// Ranges of equal width, the usual case, are found by one multiplication; others from there by a short walk.
  func pipe(of key: KeyHash) -> Int {
    guard !lasts.isEmpty else { return Self.none }
    let key = key.rawValue
    var index = Int(key.multipliedFullWidth(by: UInt64(lasts.count)).high)
    while lasts[index] < key { index += 1 }
    while index > 0, lasts[index - 1] >= key { index -= 1 }
    return Int(pipes[index])
  }
}
