import Glibc

/// The wall clock: milliseconds since the Unix epoch, UTC.
struct WallClock: Sendable {
  var now: @Sendable () -> Int64

  static let system = WallClock {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}

enum FreeSpace {
  /// Bytes that an ordinary process may still write where `path` lies; 0 when that can't be told.
  static func bytes(at path: String) -> UInt64 {
    var facts = statvfs()
    guard statvfs(path, &facts) == 0 else { return 0 }
    return UInt64(facts.f_bavail) * UInt64(facts.f_frsize)
  }
}
