/// Draws an index with given weights in constant time: the alias method (Walker 1977) as built by Vose (1991).
struct AliasTable: Sendable {
  private struct Cell {
    /// Below this, of 2^32, the cell's own index is drawn, otherwise the alias.
    var threshold: UInt32
    var alias: UInt32
  }

  private let cells: [Cell]

  /// - Parameter weights: At least one, none negative, sum above 0; fewer than 2^32.
  init(weights: [Double]) {
    let total = weights.reduce(0, +)
    precondition(total > 0 && total.isFinite, "weights have a positive sum")
    let count = weights.count
    var scaled = weights.map { $0 * Double(count) / total }
    var cells = (0..<count).map { Cell(threshold: .max, alias: UInt32($0)) }
    var small: [Int] = []
    var large: [Int] = []
    for i in 0..<count { if scaled[i] < 1 { small.append(i) } else { large.append(i) } }
    while let less = small.popLast() {
      guard let more = large.popLast() else { break }
      cells[less] = Cell(threshold: UInt32(max(0, scaled[less]) * 4_294_967_295), alias: UInt32(more))
      scaled[more] -= 1 - scaled[less]
      if scaled[more] < 1 { small.append(more) } else { large.append(more) }
    }
    self.cells = cells
  }

  var count: Int { cells.count }

  /// Takes 64 random bits: the upper half of their product with the count is the cell, the lower half the coin.
  @inline(__always) func draw(_ bits: UInt64) -> Int {
    let product = bits.multipliedFullWidth(by: UInt64(cells.count))
    let index = Int(truncatingIfNeeded: product.high)
    let cell = cells[index]
    return UInt32(truncatingIfNeeded: product.low >> 32) < cell.threshold ? index : Int(cell.alias)
  }

  /// Weights 1/1, 1/2, 1/3, ...: Zipf's law with exponent 1.
  static func zipf(_ count: Int) -> AliasTable { AliasTable(weights: (1...count).map { 1 / Double($0) }) }
}
