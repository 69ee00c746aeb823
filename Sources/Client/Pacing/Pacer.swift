/// When each row of a steady stream is due. The schedule never waits for answers: whoever falls behind catches up, and the
/// wait counts as latency, so that no omission is coordinated with a slow cluster (Tene, "How NOT to Measure Latency").
public struct Pacer: Sendable {
  /// Rows per second.
  public let rate: Double
  private let start: Int64
  private var taken: Int64 = 0

  /// `start`: nanoseconds, when the first row is due. `rate` is positive and finite.
  public init(rate: Double, start: Int64) {
    precondition(rate > 0 && rate.isFinite, "a rate is a positive number of rows a second")
    self.rate = rate
    self.start = start
  }

  /// When the next row is due, nanoseconds. Counted from the start each time, so that no rounding adds up.
  public var nextDue: Int64 { start + Int64(Double(taken) * 1e9 / rate) }

  /// The next row's due time if that has come by `now`, and on to the one after it.
  public mutating func take(_ now: Int64) -> Int64? {
    let due = nextDue
    guard due <= now else { return nil }
    taken += 1
    return due
  }
}
