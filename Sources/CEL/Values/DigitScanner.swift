/// Reads digits and marks from a text, from left to right.
struct DigitScanner {
  private let bytes: [UInt8]
  private var index = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  var isAtEnd: Bool { index == bytes.count }

  mutating func take(_ mark: String) -> Bool {
    guard bytes[index...].starts(with: mark.utf8) else { return false }
    index += mark.utf8.count
    return true
  }

  /// Exactly `count` digits.
  mutating func digits(_ count: Int) -> Int64? {
    guard index + count <= bytes.count else { return nil }
    var value: Int64 = 0
    for byte in bytes[index..<index + count] {
      guard Lexer.isDigit(byte) else { return nil }
      value = value * 10 + Int64(byte - 0x30)
    }
    index += count
    return value
  }

  /// Digits behind a point, as billionths; what is beyond nine digits is cut off. nil without a digit.
  mutating func fraction() -> Int64? {
    let start = index
    var value: Int64 = 0
    var scale: Int64 = 100_000_000
    while index < bytes.count, Lexer.isDigit(bytes[index]) {
      value += Int64(bytes[index] - 0x30) * scale
      scale /= 10
      index += 1
    }
    return index > start ? value : nil
  }

  /// `12`, `12.5` or `.5`.
  mutating func decimal() -> Decimal? {
    let start = index
    var whole: Int64 = 0
    while index < bytes.count, Lexer.isDigit(bytes[index]) {
      let (product, overflow) = whole.multipliedReportingOverflow(by: 10)
      let (sum, overflow2) = product.addingReportingOverflow(Int64(bytes[index] - 0x30))
      if overflow || overflow2 { return nil }
      whole = sum
      index += 1
    }
    let hasWhole = index > start
    guard take(".") else { return hasWhole ? Decimal(whole: whole, billionths: 0) : nil }
    guard let rest = fraction() else { return hasWhole ? Decimal(whole: whole, billionths: 0) : nil }
    return Decimal(whole: whole, billionths: rest)
  }

  struct Decimal {
    var whole: Int64
    var billionths: Int64

    /// In units of a nanosecond; nil on overflow.
    func times(_ unit: Int64) -> Int64? {
      let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
      let part = unit == 1 ? 0 : unit >= 1_000_000_000 ? billionths * (unit / 1_000_000_000) : billionths * unit / 1_000_000_000
      let (sum, overflow2) = product.addingReportingOverflow(part)
      return overflow || overflow2 ? nil : sum
    }
  }
}
