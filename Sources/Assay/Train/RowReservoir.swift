import Models

/// A uniform sample of a stream's rows in bounded memory: algorithm R (Vitter 1985). Determined by the seed.
struct RowReservoir {
  let width: Int
  let capacity: Int
  /// Row-major.
  private(set) var values: [Float] = []
  private(set) var isFraud: [Bool] = []
  /// Rows offered.
  private(set) var seen = 0
  private var generator: SeededGenerator

  init(width: Int, capacity: Int, seed: UInt64) {
    precondition(width > 0 && capacity > 0, "a reservoir holds rows")
    self.width = width
    self.capacity = capacity
    generator = SeededGenerator(seed: seed)
  }

  var count: Int { isFraud.count }

  /// Takes the values of `columns` from a row of features, or leaves it. What is not finite counts as missing.
  mutating func offer(_ row: UnsafeBufferPointer<Double>, columns: [Int], isFraud fraud: Bool) {
    seen += 1
    if count < capacity {
      for column in columns { values.append(Self.finite(row[column])) }
      isFraud.append(fraud)
      return
    }
    let place = generator.below(seen)
    guard place < capacity else { return }
    for (index, column) in columns.enumerated() { values[place * width + index] = Self.finite(row[column]) }
    isFraud[place] = fraud
  }

  private static func finite(_ value: Double) -> Float {
    let value = Float(value)
    return value.isFinite ? value : .nan
  }
}
