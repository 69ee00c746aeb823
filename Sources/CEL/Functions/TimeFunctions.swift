/// Parts of timestamps and durations.
enum TimeFunctions {
  static func apply(_ builtin: Builtin, _ value: Value) -> Value? {
    switch value {
    case .timestamp(let instant): part(builtin, instant, distance: 0).map { .int($0) }
    case .duration(let interval): part(builtin, interval).map { .int($0) }
    default: nil
    }
  }

  static func apply(_ builtin: Builtin, _ value: Value, zone name: String, _ zones: ZoneTable) throws(EvaluationError) -> Value? {
    guard case .timestamp(let instant) = value else { return nil }
    guard let zone = zones.zone(name) else { throw EvaluationError(.invalidArgument, "unknown time zone '\(name.prefix(64))'") }
    return part(builtin, instant, distance: zone.distance(at: instant.seconds)).map { .int($0) }
  }

  static func part(_ builtin: Builtin, _ instant: Instant, distance: Int64) -> Int64? {
    let time = CivilTime(localSeconds: instant.seconds + distance)
    switch builtin {
    case .getDate: return time.day
    case .getDayOfMonth: return time.day - 1
    case .getDayOfWeek: return time.weekday
    case .getDayOfYear: return time.dayOfYear
    case .getFullYear: return time.year
    case .getHours: return time.hour
    case .getMilliseconds: return instant.nanoseconds / 1_000_000
    case .getMinutes: return time.minute
    case .getMonth: return time.month - 1
    case .getSeconds: return time.second
    default: return nil
    }
  }

  /// The whole duration in that unit; of milliseconds only what is beyond seconds.
  static func part(_ builtin: Builtin, _ interval: Interval) -> Int64? {
    switch builtin {
    case .getHours: interval.nanoseconds / 3_600_000_000_000
    case .getMinutes: interval.nanoseconds / 60_000_000_000
    case .getSeconds: interval.nanoseconds / Instant.billion
    case .getMilliseconds: interval.nanoseconds / 1_000_000 % 1000
    default: nil
    }
  }
}
