/// Durations as they stand in definitions: a whole number and one unit, `30s`, `5m`, `24h`, `90d`; deadlines of configurations also
/// `250ms`.
public enum DurationText {
  /// Milliseconds; nil for any other text and for more than 100,000 days. `isFine` takes the unit ms, too.
  public static func milliseconds(_ text: String, isFine: Bool = false) -> Int64? {
    if isFine, text.hasSuffix("ms") { return milliseconds(digits: text.utf8.dropLast(2), scale: 1) }
    guard let unit = text.utf8.last, let scale = scale(of: unit) else { return nil }
    return milliseconds(digits: text.utf8.dropLast(), scale: scale)
  }

  private static func milliseconds(digits: Substring.UTF8View, scale: Int64) -> Int64? {
    guard (1...10).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
    let number = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 48) }
    let (product, overflow) = number.multipliedReportingOverflow(by: scale)
    return overflow || product > 100_000 * 86_400_000 ? nil : product
  }

  /// The shortest exact form: `24h`, not `86400s`; whole days only from two days on.
  public static func text(milliseconds: Int64) -> String {
    if milliseconds >= 2 * 86_400_000, milliseconds % 86_400_000 == 0 { return "\(milliseconds / 86_400_000)d" }
    if milliseconds >= 3_600_000, milliseconds % 3_600_000 == 0 { return "\(milliseconds / 3_600_000)h" }
    if milliseconds >= 60_000, milliseconds % 60_000 == 0 { return "\(milliseconds / 60_000)m" }
    return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
  }

  /// About how long, for people: `3d`, `26h`, `40s`.
  public static func rounded(milliseconds: Int64) -> String {
    switch milliseconds {
    case (2 * 86_400_000)...: "\(milliseconds / 86_400_000)d"
    case (2 * 3_600_000)...: "\(milliseconds / 3_600_000)h"
    case 120_000...: "\(milliseconds / 60_000)m"
    case 2_000...: "\(milliseconds / 1_000)s"
    default: "\(milliseconds)ms"
    }
  }

  private static func scale(of unit: UInt8) -> Int64? {
    switch unit {
    case UInt8(ascii: "s"): 1000
    case UInt8(ascii: "m"): 60_000
    case UInt8(ascii: "h"): 3_600_000
    case UInt8(ascii: "d"): 86_400_000
    default: nil
    }
  }
}
