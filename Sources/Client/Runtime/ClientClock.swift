import Glibc

/// The process's clocks.
public enum ClientClock {
  /// Monotonic, nanoseconds.
  public static func nanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// Milliseconds since the Unix epoch.
  public static func wall() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  static func now() -> ClientTime { ClientTime(nanoseconds: nanoseconds(), wall: wall()) }
}
