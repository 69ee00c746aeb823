/// How many rows may be sent again: a share of the fresh ones, and so many a second besides, saved up to a bound. A cluster
/// that is in trouble is not buried under what it could not take the first time; one that had none for a while is given
/// all that was under way at once, for that is a failover.
struct RetryBudget {
  /// Rows to be sent again for each fresh one.
  private let share: Double
  /// Rows a second.
  private let floor: Double
  /// Rows saved up at most.
  private let burst: Double
  private var saved: Double
  /// Nanoseconds: up to when `floor` is counted in.
  private var countedTo: Int64?

  init(share: Double, floor: Int, burst: Int) {
    precondition(share >= 0 && floor >= 1 && burst >= 1, "some rows may always be sent again")
    self.share = share
    self.floor = Double(floor)
    self.burst = Double(burst)
    saved = Double(burst)
  }

  /// So many rows were sent for the first time.
  mutating func earn(_ fresh: Int) { saved = min(burst, saved + share * Double(fresh)) }

  /// Whether so many rows may be sent again now; then they count. More than the bound may go when all of it is there.
  mutating func take(_ rows: Int, _ now: Int64) -> Bool {
    count(now)
    guard saved >= min(Double(rows), burst) else { return false }
    saved -= Double(rows)
    return true
  }

  /// When so many rows may be sent again, if nothing else happens. Nanoseconds, after `now`.
  func ready(for rows: Int, _ now: Int64) -> Int64 {
    let missing = max(0, min(Double(rows), burst) - saved)
    return now + max(1_000_000, Int64(missing / floor * 1e9))
  }

  private mutating func count(_ now: Int64) {
    defer { countedTo = max(now, countedTo ?? now) }
    guard let countedTo, now > countedTo else { return }
    saved = min(burst, saved + floor * Double(now - countedTo) / 1e9)
  }
}
