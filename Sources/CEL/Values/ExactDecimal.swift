/// All decimal digits of a double, which has finitely many (at most 767): 0.d1d2d3... times 10^point.
struct ExactDecimal {
  private var digits: [UInt8]
  /// Digits before the decimal point; negative where zeros follow it first.
  private(set) var point: Int

  var isZero: Bool { digits.isEmpty }

  /// `value` is finite and not negative.
  init(_ value: Double) {
    digits = []
    point = 0
    guard value != 0 else { return }
    let significand = value.isNormal ? value.significandBitPattern | 1 << 52 : value.significandBitPattern
    let exponent = (value.isNormal ? Int(value.exponentBitPattern) : 1) - 1075
    digits = String(significand).utf8.map { $0 - 0x30 }
    point = digits.count
    if exponent > 0 { for _ in 0..<exponent { double() } } else { for _ in 0..<(-exponent) { halve() } }
    trim()
  }

  /// 0 beyond the digits on either side.
  func digit(_ index: Int) -> UInt8 { digits.indices.contains(index) ? digits[index] : 0 }

  private mutating func double() {
    var carry: UInt8 = 0
    for index in digits.indices.reversed() {
      let value = digits[index] * 2 + carry
      (carry, digits[index]) = (value / 10, value % 10)
    }
    if carry > 0 {
      digits.insert(carry, at: 0)
      point += 1
    }
  }

  private mutating func halve() {
    var rest: UInt8 = 0
    for index in digits.indices {
      let value = rest * 10 + digits[index]
      (digits[index], rest) = (value / 2, value % 2)
    }
    if rest > 0 { digits.append(5) }
    if digits[0] == 0 {
      digits.removeFirst()
      point -= 1
    }
  }

  private mutating func trim() {
    while digits.last == 0 { digits.removeLast() }
  }

  /// Keeps `count` digits behind the decimal point; halves go to the even digit.
  mutating func round(at count: Int) {
    let keep = point + count
    guard keep < digits.count else { return }
    guard keep >= 0 else {
      digits = []
      return
    }
    let isHalf = digits[keep] == 5 && keep == digits.count - 1
    let isUp = isHalf ? keep > 0 && digits[keep - 1] % 2 == 1 : digits[keep] >= 5
    digits.removeLast(digits.count - keep)
    if isUp { increment() }
    trim()
  }

  private mutating func increment() {
    for index in digits.indices.reversed() {
      if digits[index] < 9 {
        digits[index] += 1
        return
      }
      digits[index] = 0
    }
    digits.insert(1, at: 0)
    point += 1
  }
}
