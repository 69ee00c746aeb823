/// A timestamp: from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z, to the nanosecond.
public struct Instant: Equatable, Comparable, Sendable {
  /// Since the Unix epoch.
  public let seconds: Int64
  /// 0 to 999,999,999, also before the epoch.
  public let nanoseconds: Int64

  static let secondsMin: Int64 = -62_135_596_800
  static let secondsMax: Int64 = 253_402_300_799
  static let billion: Int64 = 1_000_000_000

  init(seconds: Int64, nanoseconds: Int64) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// nil outside of the years 1 to 9999. `nanoseconds` may have any sign and size.
  public init?(checkedSeconds: Int64, nanoseconds: Int64 = 0) {
    let carry = nanoseconds >= 0 ? nanoseconds / Self.billion : -((-(nanoseconds + 1)) / Self.billion) - 1
    let (seconds, overflow) = checkedSeconds.addingReportingOverflow(carry)
    guard !overflow, seconds >= Self.secondsMin, seconds <= Self.secondsMax else { return nil }
    self.init(seconds: seconds, nanoseconds: nanoseconds - carry * Self.billion)
  }

  /// From the product's own unit.
  public init?(milliseconds: Int64) {
    self.init(checkedSeconds: milliseconds / 1000, nanoseconds: milliseconds % 1000 * 1_000_000)
  }

  public static func < (a: Instant, b: Instant) -> Bool {
    a.seconds != b.seconds ? a.seconds < b.seconds : a.nanoseconds < b.nanoseconds
  }

  /// nil where the result is out of range.
  func adding(_ interval: Interval, sign: Int64 = 1) -> Instant? {
    let whole = interval.nanoseconds / Self.billion
    let rest = interval.nanoseconds % Self.billion
    return Instant(checkedSeconds: seconds + sign * whole, nanoseconds: nanoseconds + sign * rest)
  }

  /// nil where the difference is more than a duration can hold.
  func since(_ other: Instant) -> Interval? {
    let (whole, overflow) = (seconds - other.seconds).multipliedReportingOverflow(by: Self.billion)
    let (sum, overflow2) = whole.addingReportingOverflow(nanoseconds - other.nanoseconds)
    return overflow || overflow2 ? nil : Interval(nanoseconds: sum)
  }
}

/// A duration of at most some 292 years either way, to the nanosecond.
public struct Interval: Equatable, Comparable, Sendable {
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func < (a: Interval, b: Interval) -> Bool { a.nanoseconds < b.nanoseconds }
}
