import Wire

/// The wall clock: milliseconds since the Unix epoch, UTC.
struct WallClock: Sendable {
  var now: @Sendable () -> Int64

  static let system = WallClock { SystemClock.wall() }
}
