/// Finds text that may be a card number (PAN), which must never be stored: Assay takes tokens.
///
/// A PAN has 13 to 19 digits and a Luhn check digit (ISO/IEC 7812-1, annex B). One of ten digit strings of that length
/// passes by chance, so an all-digit token is refused that often: tokens need a letter.
public enum CardNumberCheck {
  public static let digitCount = 13...19

  /// True when all of `text` is digits, single spaces or hyphens, and the digits may be a card number.
  public static func looksLikeCardNumber(_ text: RawSpan) -> Bool {
    guard text.byteCount >= digitCount.lowerBound, text.textByte(0) &- UInt8(ascii: "0") < 10 else { return false }
    return runEnd(in: text, from: 0) == text.byteCount
  }

  /// Overwrites with `*` every run in `bytes` that may be a card number, for excerpts of refused input.
  public static func mask(_ bytes: inout [UInt8]) {
    var at = 0
    while at < bytes.count {
      guard bytes[at] &- UInt8(ascii: "0") < 10 else {
        at += 1
        continue
      }
      if let end = runEnd(in: bytes.span.bytes, from: at) {
        for i in at..<end { bytes[i] = UInt8(ascii: "*") }
        at = end
      } else {
        // The rest of the run is looked at from its next digit: a PAN may stand behind other digits.
        at += 1
      }
    }
  }

  /// The end of the longest card number that begins at digit `start`, or nil.
  private static func runEnd(in text: RawSpan, from start: Int) -> Int? {
    var digits = 0
    // Luhn sums for both parities, since the number's length isn't known in advance.
    var evenSum = 0
    var oddSum = 0
    var found: Int?
    var at = start
    while at < text.byteCount {
      let byte = text.textByte(at)
      let digit = Int(byte &- UInt8(ascii: "0"))
      if digit < 10 {
        let doubled = digit < 5 ? digit * 2 : digit * 2 - 9
        if digits & 1 == 0 {
          evenSum += doubled
          oddSum += digit
        } else {
          evenSum += digit
          oddSum += doubled
        }
        digits += 1
        guard digits <= digitCount.upperBound else { return found }
        // The check digit is never doubled: with an even count, positions 0, 2, ... are.
        let sum = digits & 1 == 0 ? evenSum : oddSum
        if digitCount.contains(digits), sum % 10 == 0 { found = at + 1 }
      } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-"), at + 1 < text.byteCount,
        text.textByte(at + 1) &- UInt8(ascii: "0") < 10
      {
        // A separator between groups.
      } else {
        break
      }
      at += 1
    }
    return found
  }
}
