/// Instants as text: Int64 milliseconds since the Unix epoch, UTC, to and from RFC 3339.
public enum Timestamp {
  /// 1970-01-01T00:00:00Z up to, but without, 2263-01-01T00:00:00Z.
  public static let range: Range<Int64> = 0..<9_246_182_400_000

  /// `2026-11-21T07:00:00.123Z`: always 24 bytes.
  public static let textLength = 24

  public enum Failure: Error, Equatable, Sendable {
    /// Not RFC 3339, or a date that no calendar has.
    case malformed
    /// A date and time without an offset, where none was given by default.
    case noOffset
    case outOfRange
  }

  /// Reads RFC 3339 (section 5.6): `T`, `t` or a space between date and time, any number of digits of a second (those
  /// below the millisecond are cut off), `Z` or an offset. A leap second counts as the next minute's first second.
  ///
  /// - Parameter defaultOffset: Minutes east of UTC for text that ends after the time; nil refuses such text.
  public static func parse(_ text: RawSpan, defaultOffset: Int? = nil) throws(Failure) -> Int64 {
    guard text.byteCount >= 19,
      let year = digits(text, 0, 4), text.textByte(4) == UInt8(ascii: "-"),
      let month = digits(text, 5, 2), text.textByte(7) == UInt8(ascii: "-"),
      let day = digits(text, 8, 2), isSeparator(text.textByte(10)),
      let hour = digits(text, 11, 2), text.textByte(13) == UInt8(ascii: ":"),
      let minute = digits(text, 14, 2), text.textByte(16) == UInt8(ascii: ":"),
      let second = digits(text, 17, 2)
    else { throw .malformed }
    var at = 19
    var millisecond = 0
    if at < text.byteCount, text.textByte(at) == UInt8(ascii: ".") {
      at += 1
      let start = at
      var unit = 100
      while at < text.byteCount {
        let digit = text.textByte(at) &- UInt8(ascii: "0")
        guard digit < 10 else { break }
        millisecond += Int(digit) * unit
        unit /= 10
        at += 1
      }
      guard at > start else { throw .malformed }
    }
    let offset: Int
    if at == text.byteCount {
      guard let defaultOffset else { throw .noOffset }
      offset = defaultOffset
    } else {
      offset = try parseOffset(text, at)
    }
    guard
      let instant = milliseconds(
        year: year, month: month, day: day, hour: hour, minute: minute, second: second, millisecond: millisecond,
        offsetMinutes: offset)
    else { throw .malformed }
    guard range.contains(instant) else { throw .outOfRange }
    return instant
  }

  /// Writes the 24 bytes of an instant within `range`; one outside is written as the nearest within.
  public static func write(_ instant: Int64, to out: UnsafeMutablePointer<UInt8>) {
    let held = min(max(instant, range.lowerBound), range.upperBound - 1)
    let days = held / 86_400_000
    let ofDay = UInt32(truncatingIfNeeded: held - days * 86_400_000)
    let (year, month, day) = civil(days: days)
    let seconds = ofDay / 1000
    let millisecond = ofDay % 1000
    writePair(UInt32(year) / 100, out)
    writePair(UInt32(year) % 100, out + 2)
    out[4] = UInt8(ascii: "-")
    writePair(UInt32(month), out + 5)
    out[7] = UInt8(ascii: "-")
    writePair(UInt32(day), out + 8)
    out[10] = UInt8(ascii: "T")
    writePair(seconds / 3600, out + 11)
    out[13] = UInt8(ascii: ":")
    writePair(seconds / 60 % 60, out + 14)
    out[16] = UInt8(ascii: ":")
    writePair(seconds % 60, out + 17)
    out[19] = UInt8(ascii: ".")
    out[20] = UInt8(truncatingIfNeeded: millisecond / 100) &+ UInt8(ascii: "0")
    writePair(millisecond % 100, out + 21)
    out[23] = UInt8(ascii: "Z")
  }

  public static func text(_ instant: Int64) -> String {
    String(unsafeUninitializedCapacity: textLength) {
      write(instant, to: $0.baseAddress!)
      return textLength
    }
  }

  // MARK: Calendar

  /// An instant from a date and time at an offset; nil for a date or time that doesn't exist.
  static func milliseconds(
    year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, millisecond: Int, offsetMinutes: Int
  ) -> Int64? {
    guard (1...12).contains(month), day >= 1, day <= dayCount(year: year, month: month), hour < 24, minute < 60,
      second < 60 || second == 60 && minute == 59
    else { return nil }
    let minutes = Int64(days(year: year, month: month, day: day) * 1440 + hour * 60 + minute - offsetMinutes)
    return minutes * 60_000 + Int64(second * 1000 + millisecond)
  }

  static func dayCount(year: Int, month: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days from 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms", days_from_civil), years from 0.
  static func days(year: Int, month: Int, day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// The inverse of `days` (Hinnant, civil_from_days) for days from 1970 on.
  static func civil(days: Int64) -> (year: Int, month: Int, day: Int) {
    let z = UInt32(truncatingIfNeeded: days) + 719_468
    let era = z / 146_097
    let dayOfEra = z % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)), Int(month), Int(day))
  }

  // MARK: Text

  /// `Z`, `z`, `+02:00` or `-05:30` from `at` to the text's end, in minutes east of UTC.
  static func parseOffset(_ text: RawSpan, _ at: Int) throws(Failure) -> Int {
    let first = text.textByte(at)
    if first | 0x20 == UInt8(ascii: "z"), at + 1 == text.byteCount { return 0 }
    guard first == UInt8(ascii: "+") || first == UInt8(ascii: "-"), at + 6 == text.byteCount,
      let hours = digits(text, at + 1, 2), hours < 24, text.textByte(at + 3) == UInt8(ascii: ":"),
      let minutes = digits(text, at + 4, 2), minutes < 60
    else { throw .malformed }
    return first == UInt8(ascii: "-") ? -(hours * 60 + minutes) : hours * 60 + minutes
  }

  /// `count` digits at `at`, nil for anything else; the caller has checked the bound.
  @inline(__always) static func digits(_ text: RawSpan, _ at: Int, _ count: Int) -> Int? {
    var value = 0
    for i in 0..<count {
      let digit = text.textByte(at &+ i) &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      value = value &* 10 &+ Int(digit)
    }
    return value
  }

  private static func isSeparator(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "T") || byte == UInt8(ascii: "t") || byte == UInt8(ascii: " ")
  }

  @inline(__always) private static func writePair(_ value: UInt32, _ out: UnsafeMutablePointer<UInt8>) {
    out[0] = UInt8(truncatingIfNeeded: value / 10) &+ UInt8(ascii: "0")
    out[1] = UInt8(truncatingIfNeeded: value % 10) &+ UInt8(ascii: "0")
  }
}
