import Wire

/// The process's clocks.
public enum ClientClock {
  /// Monotonic, nanoseconds.
  public static func nanoseconds() -> Int64 { Int64(SystemClock.nanoseconds()) }

  /// Milliseconds since the Unix epoch.
  public static func wall() -> Int64 { SystemClock.wall() }

  static func now() -> ClientTime { ClientTime(nanoseconds: nanoseconds(), wall: wall()) }
}
