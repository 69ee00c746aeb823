/// A decimal number read exactly: `±digits * 10^exponent`. Binary floating point never touches an amount.
struct DecimalNumber: Equatable {
  var isNegative = false
  /// Significant digits without trailing zeros; saturated when there are more than 19 (`isWide`).
  var digits: UInt64 = 0
  var exponent = 0
  /// More significant digits than `digits` can hold.
  var isWide = false

  enum Scaled: Equatable {
    case exact(Int64)
    /// The number has digits below the unit asked for.
    case tooFine
    case tooLarge
  }

  static let zero = DecimalNumber()
  private init() {}

  /// Reads `[+-] digits [. digits] [e [+-] digits]`, at least one digit, nothing else; nil for other text. Takes leading
  /// zeros and a bare leading or trailing point, which databases export.
  init?(_ text: RawSpan) {
    let count = text.byteCount
    var at = 0
    if at < count, text.textByte(at) == UInt8(ascii: "-") || text.textByte(at) == UInt8(ascii: "+") {
      isNegative = text.textByte(at) == UInt8(ascii: "-")
      at += 1
    }
    var seen = 0
    var pendingZeros = 0
    var isFraction = false
    while at < count {
      let byte = text.textByte(at)
      let digit = byte &- UInt8(ascii: "0")
      if digit < 10 {
        seen += 1
        if isFraction { exponent -= 1 }
        if digit == 0 {
          // Held back: a zero counts only when another digit follows it.
          pendingZeros += 1
        } else {
          push(digit, after: digits == 0 && !isWide ? 0 : pendingZeros)
          pendingZeros = 0
        }
      } else if byte == UInt8(ascii: "."), !isFraction {
        isFraction = true
      } else {
        break
      }
      at += 1
    }
    guard seen > 0 else { return nil }
    if digits == 0 { exponent = 0 } else { exponent += pendingZeros }
    if at < count {
      guard text.textByte(at) | 0x20 == UInt8(ascii: "e"), let power = Self.power(text, from: at + 1) else {
        return nil
      }
      if digits != 0 { exponent += power }
    }
  }

  /// `self * 10^places` as an integer, exactly.
  func scaled(by places: Int) -> Scaled {
    guard digits != 0 else { return .exact(0) }
    let shift = exponent + places
    if isWide {
      // At least 20 significant digits: either the first is beyond Int64 or the last is below the unit.
      return String(digits).utf8.count + shift > 19 ? .tooLarge : .tooFine
    }
    if shift < 0 { return .tooFine }
    guard shift < 20 else { return .tooLarge }
    let (product, overflow) = digits.multipliedReportingOverflow(by: Self.powers[shift])
    guard !overflow, product <= UInt64(Int64.max) else { return .tooLarge }
    return .exact(isNegative ? -Int64(product) : Int64(product))
  }

  /// `self * 10^places` with the digits below cut off; nil above Int64.
  func truncated(by places: Int) -> Int64? {
    switch scaled(by: places) {
    case .exact(let value): return value
    case .tooLarge: return nil
    case .tooFine:
      // What a wide number has lost lies below its `digits`, so the cut is right for it too.
      let shift = exponent + places
      let whole = shift >= 0 ? digits * Self.powers[shift] : shift > -20 ? digits / Self.powers[-shift] : 0
      return isNegative ? -Int64(whole) : Int64(whole)
    }
  }

  private mutating func push(_ digit: UInt8, after zeros: Int) {
    guard !isWide else {
      exponent += zeros + 1
      return
    }
    guard zeros < 19 else {
      isWide = true
      exponent += zeros + 1
      return
    }
    let (shifted, overflow) = digits.multipliedReportingOverflow(by: Self.powers[zeros + 1])
    let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
    guard !overflow, !carry else {
      isWide = true
      exponent += zeros + 1
      return
    }
    digits = sum
  }

  private static func power(_ text: RawSpan, from start: Int) -> Int? {
    var at = start
    var isNegative = false
    if at < text.byteCount, text.textByte(at) == UInt8(ascii: "-") || text.textByte(at) == UInt8(ascii: "+") {
      isNegative = text.textByte(at) == UInt8(ascii: "-")
      at += 1
    }
    guard at < text.byteCount else { return nil }
    var value = 0
    while at < text.byteCount {
      let digit = text.textByte(at) &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      // Beyond any amount; held so that it can't overflow.
      value = min(value * 10 + Int(digit), 100_000)
      at += 1
    }
    return isNegative ? -value : value
  }

  private static let powers: [UInt64] = {
    var table: [UInt64] = [1]
    for _ in 0..<19 { table.append(table.last! * 10) }
    return table
  }()
}

extension Double {
  /// The double nearest to a decimal number of JSON's grammar (or a CSV cell); nil for other text and beyond the range.
  init?(decimalText text: RawSpan) {
    guard let decimal = DecimalNumber(text) else { return nil }
    // Clinger 1990: both factors are exact doubles, so one rounding gives the nearest double.
    if !decimal.isWide, decimal.digits <= 1 << 53, (-22...22).contains(decimal.exponent) {
      let power = exactPowersOfTen[abs(decimal.exponent)]
      let magnitude = decimal.exponent < 0 ? Double(decimal.digits) / power : Double(decimal.digits) * power
      self = decimal.isNegative ? -magnitude : magnitude
      return
    }
    guard let text = text.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }), let value = Double(text),
      value.isFinite
    else { return nil }
    self = value
  }
}

private let exactPowersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
]
