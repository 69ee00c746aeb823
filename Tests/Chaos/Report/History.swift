import Wire

/// Which part of the key space a card lies in: the partitions as they were when the load began, whatever becomes of them.
struct Slots: Sendable {
  private let firsts: [KeyHash]

  init(_ map: ClusterMap) { firsts = map.partitions.map(\.range.first) }

  var count: Int { firsts.count }

  func slot(of key: KeyHash) -> Int {
    var low = 0
    var high = firsts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if firsts[middle] <= key { low = middle } else { high = middle }
    }
    return low
  }
}

/// What was done to the cluster, and when; monotonic nanoseconds.
struct History: Sendable {
  let began: Int64
  let slots: Slots
  var ended: Int64 = 0
  var faults: [Fault] = []
  /// Faults after which the cluster did not become whole.
  var notWhole: [String] = []

  init(began: Int64, slots: Slots) {
    self.began = began
    self.slots = slots
  }
}
