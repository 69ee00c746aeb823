extension FeatureSet {
  /// The features' places, each behind those that it needs.
  var evaluationOrder: [Int] {
    var ring: [Int] = []
    guard let order = Self.order(features.map(\.aggregate), ring: &ring) else {
      preconditionFailure("features ask for one another: \(ring)")
    }
    return order
  }

  /// The order in which features can be computed: a ratio behind what it divides. Among those that may come at any time, as
  /// declared. nil if some ask for one another in a ring, whose members `ring` gets in order.
  static func order(_ aggregates: [Aggregate], ring: inout [Int]) -> [Int]? {
    enum Mark { case new, open, done }
    var marks = [Mark](repeating: .new, count: aggregates.count)
    var order: [Int] = []
    // A way down that is not closed yet, in order, with what is left to ask of each.
    var path: [(index: Int, needs: [Int])] = []
    for start in aggregates.indices where marks[start] == .new {
      marks[start] = .open
      path = [(start, needs(aggregates[start]))]
      while let top = path.last {
        guard let next = top.needs.first else {
          marks[top.index] = .done
          order.append(top.index)
          path.removeLast()
          continue
        }
        path[path.count - 1].needs.removeFirst()
        switch marks[next] {
        case .done: break
        case .open:
          ring = path.map(\.index).drop { $0 != next } + [next]
          return nil
        case .new:
          marks[next] = .open
          path.append((next, needs(aggregates[next])))
        }
      }
    }
    return order
  }

  private static func needs(_ aggregate: Aggregate) -> [Int] {
    guard case .ratio(let numerator, let by) = aggregate else { return [] }
    if case .feature(let index) = numerator { return [index, by] }
    return [by]
  }
}
