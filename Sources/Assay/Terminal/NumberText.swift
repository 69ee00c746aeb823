/// Numbers for people.
enum NumberText {
  /// `1,234,567`.
  static func grouped(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return value < 0 ? "-" + text : text
  }

  /// Rounded to `places` digits behind the point, thousands in groups.
  static func fixed(_ value: Double, _ places: Int) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return value.isNaN ? "-" : "\(value)" }
    var unit = 1.0
    for _ in 0..<places { unit *= 10 }
    let scaled = Int((value.magnitude * unit).rounded())
    let whole = grouped(scaled / Int(unit))
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard places > 0 else { return sign + whole }
    let rest = String(scaled % Int(unit))
    return "\(sign)\(whole).\(String(repeating: "0", count: places - rest.count))\(rest)"
  }

  /// `12.3 %` of a share.
  static func percent(_ share: Double, _ places: Int = 1) -> String { "\(fixed(share * 100, places)) %" }

  /// `830 bytes`, `1.2 MB`.
  static func bytes(_ count: Int) -> String {
    if count < 10_000 { return "\(grouped(count)) bytes" }
    return count < 10_000_000 ? "\(fixed(Double(count) / 1e3, 1)) kB" : "\(fixed(Double(count) / 1e6, 1)) MB"
  }

  static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
