/// A numeric value of any of the three types; they compare by their mathematical value.
enum Number {
  case int(Int64)
  case uint(UInt64)
  case double(Double)

  /// -1, 0 or 1; nil if one is not a number.
  static func order(_ a: Number, _ b: Number) -> Int? {
    switch (a, b) {
    case (.int(let a), .int(let b)): order(a, b)
    case (.uint(let a), .uint(let b)): order(a, b)
    case (.double(let a), .double(let b)): a.isNaN || b.isNaN ? nil : order(a, b)
    case (.int(let a), .uint(let b)): a < 0 ? -1 : order(UInt64(a), b)
    case (.uint(let a), .int(let b)): b < 0 ? 1 : order(a, UInt64(b))
    case (.int(let a), .double(let b)): order(a, b)
    case (.double(let a), .int(let b)): order(b, a).map { -$0 }
    case (.uint(let a), .double(let b)): order(a, b)
    case (.double(let a), .uint(let b)): order(b, a).map { -$0 }
    }
  }

  static func order<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a > b ? 1 : 0 }

  /// Exact: 2^53 + 1 is more than 2^53 as a double.
  static func order(_ a: Int64, _ b: Double) -> Int? {
    if b.isNaN { return nil }
    if b >= 0x1p63 { return -1 }
    if b < -0x1p63 { return 1 }
    let whole = b.rounded(.towardZero)
    let order = order(a, Int64(whole))
    return order != 0 ? order : Self.order(whole, b)
  }

  static func order(_ a: UInt64, _ b: Double) -> Int? {
    if b.isNaN { return nil }
    if b >= 0x1p64 { return -1 }
    if b < 0 { return 1 }
    let whole = b.rounded(.towardZero)
    let order = order(a, UInt64(whole))
    return order != 0 ? order : Self.order(whole, b)
  }

  /// The value as an int, if it is a whole number that fits.
  var asInt: Int64? {
    switch self {
    case .int(let value): value
    case .uint(let value): Int64(exactly: value)
    case .double(let value): Int64(exactly: value)
    }
  }

  var asDouble: Double {
    switch self {
    case .int(let value): Double(value)
    case .uint(let value): Double(value)
    case .double(let value): value
    }
  }
}
