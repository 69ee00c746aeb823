import CEL

/// What a list holds, and so what may be asked of it.
public enum ListType: String, Sendable, CaseIterable {
  /// Whole texts: tokens, countries, currencies.
  case text
  /// Beginnings of texts.
  case prefix
  /// Addresses and networks (CIDR), IPv4 and IPv6.
  case ip
  /// Whole numbers: merchant category codes.
  case number

  /// The type that stands before `in`.
  var element: ValueType {
    switch self {
    case .text, .prefix: .string
    case .ip: .ip
    case .number: .int
    }
  }
}
