import Glibc

/// The machine's clocks.
public enum SystemClock {
  /// The simulator puts its time in place here, before anything else runs.
  nonisolated(unsafe) static var simulated: (nanoseconds: () -> UInt64, wall: () -> Int64)?

  /// Nanoseconds of a clock that never jumps. For timers; never for anything that is logged.
  public static func nanoseconds() -> UInt64 {
    if let simulated { return simulated.nanoseconds() }
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Milliseconds since the Unix epoch, UTC.
  public static func wall() -> Int64 {
    if let simulated { return simulated.wall() }
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
