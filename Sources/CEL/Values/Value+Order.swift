extension Value {
  /// `a == b` of the language: numbers by their value whatever their types, lists and maps by their elements, values of
  /// different types are different, and a not-a-number equals nothing.
  public static func equal(_ a: Value, _ b: Value) -> Bool {
    var steps = Int.max
    return equal(a, b, &steps)
  }

  /// Elements that are shared are compared as often as they occur: `steps` bounds that. Below 0 the answer means nothing.
  static func equal(_ a: Value, _ b: Value, _ steps: inout Int) -> Bool {
    steps -= 1
    if steps < 0 { return false }
    switch (a, b) {
    case (.string(let a), .string(let b)):
      steps -= a.utf8.count / 16
      return Text.equal(a, b)
    case (.bool(let a), .bool(let b)): return a == b
    case (.null, .null): return true
    case (.bytes(let a), .bytes(let b)):
      steps -= a.count / 16
      return a == b
    case (.list(let a), .list(let b)):
      guard a.count == b.count else { return false }
      for index in a.indices where !equal(a[index], b[index], &steps) { return false }
      return true
    case (.map(let a), .map(let b)):
      guard a.count == b.count else { return false }
      for entry in a.entries {
        guard let other = b[entry.key], equal(entry.value, other, &steps) else { return false }
      }
      return true
    case (.timestamp(let a), .timestamp(let b)): return a == b
    case (.duration(let a), .duration(let b)): return a == b
    case (.type(let a), .type(let b)): return a == b
    case (.optional(let a), .optional(let b)):
      guard let a, let b else { return a == nil && b == nil }
      return equal(a, b, &steps)
    case (.ip(let a), .ip(let b)): return a == b
    case (.cidr(let a), .cidr(let b)): return a == b
    default:
      guard let a = a.number, let b = b.number else { return false }
      return Number.order(a, b) == 0
    }
  }

  /// -1, 0 or 1 for what `<` compares; `.unordered` for a not-a-number; nil where there is no such overload.
  static func order(_ a: Value, _ b: Value) -> Order? {
    switch (a, b) {
    case (.string(let a), .string(let b)): return .init(Text.order(a, b))
    case (.bytes(let a), .bytes(let b)):
      return a == b ? .equal : a.lexicographicallyPrecedes(b) ? .less : .greater
    case (.bool(let a), .bool(let b)): return .init(Number.order(a ? 1 : 0, b ? 1 : 0))
    case (.timestamp(let a), .timestamp(let b)): return .init(Number.order(a, b))
    case (.duration(let a), .duration(let b)): return .init(Number.order(a, b))
    default:
      guard let a = a.number, let b = b.number else { return nil }
      return Number.order(a, b).map(Order.init) ?? .unordered
    }
  }

  enum Order {
    case less, equal, greater, unordered

    init(_ sign: Int) { self = sign < 0 ? .less : sign > 0 ? .greater : .equal }
  }
}

/// Texts as their code points, without Unicode's equivalences. The order of UTF-8's bytes is that of the code points.
enum Text {
  static func equal(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && a.utf8.elementsEqual(b.utf8)
  }

  static func order(_ a: String, _ b: String) -> Int {
    equal(a, b) ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
  }
}
