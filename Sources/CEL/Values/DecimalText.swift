/// Doubles as decimal text and back, the same on every machine.
enum DecimalText {
  /// The nearest double; an underflow is 0, an overflow infinite. nil if the text is no number.
  static func double(_ text: String) -> Double? {
    switch text {
    case "NaN": return .nan
    case "Infinity", "+Infinity", "Inf", "+Inf", "inf": return .infinity
    case "-Infinity", "-Inf", "-inf": return -.infinity
    default: break
    }
    var seenDigit = false
    for byte in text.utf8 {
      if Lexer.isDigit(byte) { seenDigit = true }
      guard Lexer.isDigit(byte) || "+-.eE".utf8.contains(byte) else { return nil }
    }
    guard seenDigit else { return nil }
    return Double(text.first == "." ? "0" + text : text)
  }

  /// The shortest text that reads back as the same value; with an exponent below 10^-4 and from 10^21 on.
  static func text(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0" }
    let (digits, exponent) = shortest(value.magnitude)
    if exponent < -4 || exponent >= 21 {
      let rest = digits.count > 1 ? "." + digits.dropFirst() : ""
      let magnitude = String(abs(exponent))
      return "\(sign)\(digits.first!)\(rest)e\(exponent < 0 ? "-" : "+")\(magnitude.count < 2 ? "0" : "")\(magnitude)"
    }
    if exponent < 0 { return "\(sign)0.\(String(repeating: "0", count: -exponent - 1))\(digits)" }
    if digits.count <= exponent + 1 { return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) }
    return "\(sign)\(digits.prefix(exponent + 1)).\(digits.dropFirst(exponent + 1))"
  }

  /// Digits without zeros at either end, and the power of ten of the first.
  private static func shortest(_ value: Double) -> (digits: String, exponent: Int) {
    var mantissa = value.description
    var exponent = 0
    if let place = mantissa.firstIndex(of: "e") {
      exponent = Int(mantissa[mantissa.index(after: place)...])!
      mantissa = String(mantissa[..<place])
    }
    let parts = mantissa.split(separator: ".")
    let whole = parts[0]
    var digits = String(whole) + (parts.count > 1 ? String(parts[1]) : "")
    exponent += whole.count - 1
    while digits.first == "0" {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.last == "0" { digits.removeLast() }
    return (digits, exponent)
  }

  /// `[-]ddd.ddd` with `precision` digits behind the point, of the exact value, halves to even.
  static func fixed(_ value: Double, precision: Int) -> String {
    var digits = ExactDecimal(value.magnitude)
    digits.round(at: precision)
    let whole = (0..<max(digits.point, 1)).map { digits.digit($0 - max(digits.point, 1) + digits.point) }
    let fraction = (0..<precision).map { digits.digit(digits.point + $0) }
    let sign = value.sign == .minus ? "-" : ""
    return sign + text(whole) + (precision > 0 ? "." + text(fraction) : "")
  }

  /// `[-]d.ddde±dd`.
  static func scientific(_ value: Double, precision: Int) -> String {
    var digits = ExactDecimal(value.magnitude)
    digits.round(at: precision + 1 - digits.point)
    let exponent = digits.isZero ? 0 : digits.point - 1
    let all = (0...precision).map { digits.digit($0) }
    let magnitude = String(abs(exponent))
    return (value.sign == .minus ? "-" : "") + text(all.prefix(1)) + (precision > 0 ? "." + text(all.dropFirst()) : "")
      + "e\(exponent < 0 ? "-" : "+")\(magnitude.count < 2 ? "0" : "")\(magnitude)"
  }

  private static func text(_ digits: some Sequence<UInt8>) -> String {
    String(decoding: digits.map { $0 + 0x30 }, as: UTF8.self)
  }
}
