/// Timestamps as RFC 3339, durations as `1h34m5.6s`.
enum TimeText {
  static func instant(_ text: String) -> Instant? {
    var scanner = DigitScanner(text)
    guard let year = scanner.digits(4), scanner.take("-"), let month = scanner.digits(2), scanner.take("-"),
      let day = scanner.digits(2), scanner.take("T") || scanner.take("t"),
      let hour = scanner.digits(2), scanner.take(":"), let minute = scanner.digits(2), scanner.take(":"),
      let second = scanner.digits(2), (1...12).contains(month), day >= 1, day <= CivilTime.daysInMonth(month, year: year),
      hour < 24, minute < 60, second < 60
    else { return nil }
    var nanoseconds: Int64 = 0
    if scanner.take(".") {
      guard let fraction = scanner.fraction() else { return nil }
      nanoseconds = fraction
    }
    var distance: Int64 = 0
    if !(scanner.take("Z") || scanner.take("z")) {
      let sign: Int64 = scanner.take("-") ? -1 : 1
      guard sign < 0 || scanner.take("+"), let hours = scanner.digits(2), scanner.take(":"), let minutes = scanner.digits(2),
        hours < 24, minutes < 60
      else { return nil }
      distance = sign * (hours * 3600 + minutes * 60)
    }
    guard scanner.isAtEnd else { return nil }
    let seconds = CivilTime.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
    return Instant(checkedSeconds: seconds - distance, nanoseconds: nanoseconds)
  }

  static func text(_ instant: Instant) -> String {
    let time = CivilTime(localSeconds: instant.seconds)
    let date = "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))"
    let clock = "\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2))"
    return "\(date)T\(clock)\(fraction(instant.nanoseconds))Z"
  }

  static func text(_ interval: Interval) -> String {
    let magnitude = interval.nanoseconds.magnitude
    let sign = interval.nanoseconds < 0 ? "-" : ""
    return "\(sign)\(magnitude / 1_000_000_000)\(fraction(Int64(magnitude % 1_000_000_000)))s"
  }

  /// `[+-]` then `0`, or numbers each with a unit: h, m, s, ms, us, ns.
  static func interval(_ text: String) -> Interval? {
    var scanner = DigitScanner(text)
    let isNegative = scanner.take("-")
    if !isNegative { _ = scanner.take("+") }
    if scanner.take("0"), scanner.isAtEnd { return Interval(nanoseconds: 0) }
    scanner = DigitScanner(text)
    if !scanner.take("-") { _ = scanner.take("+") }
    // Summed up as a negative number, which reaches further.
    var total: Int64 = 0
    var isEmpty = true
    while !scanner.isAtEnd {
      guard let part = scanner.decimal(), let unit = unit(&scanner), let amount = part.times(unit) else { return nil }
      let (sum, overflow) = total.subtractingReportingOverflow(amount)
      if overflow { return nil }
      total = sum
      isEmpty = false
    }
    guard !isEmpty, isNegative || total != .min else { return nil }
    return Interval(nanoseconds: isNegative ? total : -total)
  }

  private static func unit(_ scanner: inout DigitScanner) -> Int64? {
    if scanner.take("h") { return 3_600_000_000_000 }
    if scanner.take("ms") { return 1_000_000 }
    if scanner.take("m") { return 60_000_000_000 }
    if scanner.take("us") || scanner.take("µs") || scanner.take("μs") { return 1000 }
    if scanner.take("ns") { return 1 }
    return scanner.take("s") ? 1_000_000_000 : nil
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// `.5` for half a second, nothing for none.
  private static func fraction(_ nanoseconds: Int64) -> String {
    guard nanoseconds != 0 else { return "" }
    var digits = padded(nanoseconds, 9)
    while digits.last == "0" { digits.removeLast() }
    return "." + digits
  }
}
