/// Grows one isolation tree (Liu, Ting, Zhou 2008, algorithm 2) from a sample of rows.
struct IsolationTreeGrower {
  private let rows: [Float]
  private let featureCount: Int
  private var sample: [Int]
  private(set) var generator: SeededGenerator
  /// Splits and leaves, without values.
  private(set) var nodes: [DecisionTree.Node] = []
  /// Rows of the sample that reached each node.
  private(set) var sizes: [Int] = []

  init(rows: [Float], featureCount: Int, sample: [Int], generator: SeededGenerator) {
    self.rows = rows
    self.featureCount = featureCount
    self.sample = sample
    self.generator = generator
  }

  mutating func grow() {
    var heightLimit = 0
    while 1 << heightLimit < sample.count { heightLimit += 1 }
    nodes = [.leaf(0)]
    sizes = [sample.count]
    var pending: [(node: Int, range: Range<Int>, depth: Int)] = [(0, 0..<sample.count, 0)]
    while let (node, range, depth) = pending.popLast() {
      guard range.count > 1, depth < heightLimit, let split = chooseSplit(range) else { continue }
      let (middle, missingGoesLeft) = partition(range, split)
      let left = nodes.count
      nodes[node] = .split(
        feature: split.feature, threshold: split.threshold, missingGoesLeft: missingGoesLeft, left: left,
        right: left + 1)
      nodes += [.leaf(0), .leaf(0)]
      sizes += [middle - range.lowerBound, range.upperBound - middle]
      pending.append((left + 1, middle..<range.upperBound, depth + 1))
      pending.append((left, range.lowerBound..<middle, depth + 1))
    }
  }

  private func value(_ row: Int, _ feature: Int) -> Float { rows[row * featureCount + feature] }

  private func extremes(_ range: Range<Int>, _ feature: Int) -> (low: Float, high: Float)? {
    var low = Float.infinity
    var high = -Float.infinity
    for row in sample[range] {
      let x = value(row, feature)
      guard !x.isNaN else { continue }
      low = min(low, x)
      high = max(high, x)
    }
    return low < high ? (low, high) : nil
  }

  /// A feature drawn from those that vary, and a threshold with low < threshold <= high; so neither side is empty.
  private mutating func chooseSplit(_ range: Range<Int>) -> (feature: Int, threshold: Float)? {
    let varying = (0..<featureCount).compactMap { feature in
      extremes(range, feature).map { (feature: feature, low: $0.low, high: $0.high) }
    }
    guard !varying.isEmpty else { return nil }
    let chosen = varying[generator.below(varying.count)]
    let low = Double(chosen.low)
    let point = Float(low + generator.unit() * (Double(chosen.high) - low))
    return (chosen.feature, max(chosen.low.nextUp, min(chosen.high, point)))
  }

  /// Orders the range: left rows, then right rows, missing values with the larger part; answers the boundary.
  private mutating func partition(
    _ range: Range<Int>, _ split: (feature: Int, threshold: Float)
  ) -> (middle: Int, missingGoesLeft: Bool) {
    var left: [Int] = []
    var right: [Int] = []
    var missing: [Int] = []
    for row in sample[range] {
      let x = value(row, split.feature)
      if x.isNaN {
        missing.append(row)
      } else if x < split.threshold {
        left.append(row)
      } else {
        right.append(row)
      }
    }
    let missingGoesLeft = left.count >= right.count
    if missingGoesLeft { left += missing } else { right += missing }
    sample.replaceSubrange(range, with: left + right)
    return (range.lowerBound + left.count, missingGoesLeft)
  }
}
