/// What moves a partition's logged time, in which the dedup horizon is. All in ms.
///
/// Whether a retry is taken goes by when it says that it was first sent, and how long its decision is known by the time at which that was
/// logged. So a transaction is never logged as older than it says it is (by more than `lagMax`, which is less than what the table keeps
/// its entries longer for): however long nobody led, its decision is known for as long as a retry is taken.
///
/// And no clock alone moves the time far ahead, since it never falls: everything would be refused as too old until the right time has come
/// there. By a primary's clock it passes no faster than its steady clock runs; beyond that it goes to what the primary's clock and the
/// sender's agree on, and at most `apartMax` further.
enum LoggedTime {
  /// How much later than the time of its entry a transaction may have been first sent. With the 1 s that rows of one batch lie apart, less
  /// than `PartitionState.clockSkewAllowed`.
  static let lagMax: Int64 = 8_000

  /// Whether a sender's clock says the same as the primary's, but for what a transaction may wait on its way; ms.
  static func agree(wall: Int64, firstSent: Int64) -> Bool { firstSent <= wall + lagMax && firstSent >= wall - 60_000 }

  /// How far apart a sender's clock and a primary's may be for the later one to be followed: a quarter of the horizon is the most that a
  /// wrong clock makes of it, and ten minutes.
  static func apartMax(_ horizon: Int64) -> Int64 { min(600_000, horizon / 4) }

  /// Of an entry of the primary's own. `elapsed` has passed by its steady clock since it logged the entry before; 0 for its first. A
  /// partition's very first is at 0: its first transactions say what time it is.
  static func own(after last: Int64, wall: Int64, elapsed: Int64) -> Int64 {
    guard last != .min else { return 0 }
    return last + max(0, min(wall - last, elapsed))
  }

  /// Of an entry with transactions that say that they were first sent at `firstSent`; not below `own`, which is that without them.
  static func ofRows(own: Int64, wall: Int64, firstSent: Int64, horizon: Int64) -> Int64 {
    let later = firstSent > wall ? max(wall, firstSent - lagMax) : wall
    return max(own, min(later, min(wall, firstSent) + apartMax(horizon)))
  }
}
