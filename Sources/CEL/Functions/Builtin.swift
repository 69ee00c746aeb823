/// Everything that can be called, by the name under which it is found.
enum Builtin: String, Sendable {
  case and = "_&&_"
  case or = "_||_"
  case conditional = "_?_:_"
  case not = "!_"
  case negate = "-_"
  case equal = "_==_"
  case notEqual = "_!=_"
  case less = "_<_"
  case lessOrEqual = "_<=_"
  case greater = "_>_"
  case greaterOrEqual = "_>=_"
  case add = "_+_"
  case subtract = "_-_"
  case multiply = "_*_"
  case divide = "_/_"
  case remainder = "_%_"
  case contained = "@in"
  case index = "_[_]"
  case optionalIndex = "_[?_]"
  case optionalSelect = "_?._"
  // Conversions
  case dyn, type, bool, bytes, double, duration, int, string, timestamp, uint
  // Strings and collections
  case size, matches, contains, endsWith, startsWith, charAt, indexOf, lastIndexOf, lowerAscii, upperAscii, replace, split
  case substring, trim, reverse, format, join
  case quote = "strings.quote"
  case base64Encode = "base64.encode"
  case base64Decode = "base64.decode"
  // Time
  case getDate, getDayOfMonth, getDayOfWeek, getDayOfYear, getFullYear, getHours, getMilliseconds, getMinutes, getMonth, getSeconds
  // Addresses
  case ip, isIP, cidr, isCIDR, family, isUnspecified, isLoopback, isGlobalUnicast, isLinkLocalMulticast, isLinkLocalUnicast
  case containsIP, containsCIDR, masked, prefixLength
  case isCanonical = "ip.isCanonical"
  // Optionals
  case optionalOf = "optional.of"
  case optionalOfNonZeroValue = "optional.ofNonZeroValue"
  case optionalNone = "optional.none"
  case hasValue, value, or_ = "or", orValue
  // Mathematics
  case greatest = "math.greatest"
  case least = "math.least"
  case ceil = "math.ceil"
  case floor = "math.floor"
  case round = "math.round"
  case trunc = "math.trunc"
  case sqrt = "math.sqrt"
  case abs = "math.abs"
  case sign = "math.sign"
  case isNaN = "math.isNaN"
  case isInf = "math.isInf"
  case isFinite = "math.isFinite"
  case bitAnd = "math.bitAnd"
  case bitOr = "math.bitOr"
  case bitXor = "math.bitXor"
  case bitNot = "math.bitNot"
  case bitShiftLeft = "math.bitShiftLeft"
  case bitShiftRight = "math.bitShiftRight"

  var isOperator: Bool { rawValue.utf8.contains(UInt8(ascii: "_")) || self == .contained }

  /// As it is written in an expression.
  var symbol: String {
    switch self {
    case .contained: "in"
    case .index, .optionalIndex: "[]"
    case .conditional: "?:"
    default: isOperator ? rawValue.filter { $0 != "_" } : rawValue
    }
  }
}
