/// When people pay: a weight for each hour of the local week, and arrival times in order for a whole span.
struct SyntheticRhythm: Sendable {
  static let hourWeights: [Double] = [
    0.10, 0.06, 0.04, 0.03, 0.04, 0.10, 0.28, 0.55, 0.75, 0.80, 0.85, 0.95,
    1.00, 0.95, 0.85, 0.85, 0.92, 1.00, 1.00, 0.90, 0.70, 0.50, 0.34, 0.20,
  ]
  /// From Monday.
  static let dayWeights: [Double] = [0.82, 0.84, 0.86, 0.90, 1.00, 0.98, 0.70]

  static let millisecondsAnHour: Int64 = 3_600_000

  /// Weight of the local hour at an instant, in 0...1.
  @inline(__always) static func weight(at instant: Int64, hoursEast: Double) -> Double {
    let local = instant + Int64(hoursEast * 3_600_000)
    let hours = local / millisecondsAnHour
    // 1970-01-01 was a Thursday, 3 from Monday.
    let day = Int((hours / 24 + 3) % 7)
    return weights[day * 24 + Int(hours % 24)]
  }

  private static let weights: [Double] = dayWeights.flatMap { day in hourWeights.map { $0 * day } }

  /// Rising instants that follow the rhythm of all places together: `count` of them, one in each of `count` slices
  /// of equal weight, so that the number is exact and the order is given.
  struct Arrivals: Sendable {
    private let start: Int64
    private let count: Int
    /// Weight of all hours up to and with each.
    private let cumulative: [Double]
    private var hour = 0
    private var given = 0

    init(start: Int64, days: Int, count: Int) {
      self.start = start
      self.count = count
      var sum = 0.0
      cumulative = (0..<days * 24).map { hour in
        let instant = start + Int64(hour) * millisecondsAnHour
        sum += SyntheticPlace.all.reduce(0) { $0 + $1.weight * weight(at: instant, hoursEast: $1.hoursEast) }
        return sum
      }
    }

    mutating func next(_ random: inout SyntheticRandom) -> Int64? {
      guard given < count else { return nil }
      let target = (Double(given) + random.uniform()) / Double(count) * cumulative[cumulative.count - 1]
      given += 1
      while cumulative[hour] < target, hour < cumulative.count - 1 { hour += 1 }
      let below = hour == 0 ? 0 : cumulative[hour - 1]
      let part = min(max((target - below) / (cumulative[hour] - below), 0), 0.999_999)
      return start + Int64(hour) * millisecondsAnHour + Int64(part * 3_600_000)
    }
  }
}
