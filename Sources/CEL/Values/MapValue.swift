/// A map in the order in which its entries were made: nothing depends on the order of a hash (R14).
public struct MapValue: Sendable {
  public private(set) var entries: [(key: Value, value: Value)] = []
  private var places: [Key: Int] = [:]

  public init() {}

  public var count: Int { entries.count }

  /// Numbers of different types that are equal are one key; others are none.
  private enum Key: Hashable {
    case bool(Bool)
    case int(Int64)
    /// Beyond an int.
    case uint(UInt64)
    case string(Bytes)

    init?(_ value: Value) {
      switch value {
      case .bool(let value): self = .bool(value)
      case .string(let value): self = .string(Bytes(text: value))
      case .uint(let value): self = Int64(exactly: value).map(Key.int) ?? .uint(value)
      case .int(let value): self = .int(value)
      case .double(let value):
        if let int = Int64(exactly: value) {
          self = .int(int)
        } else if let uint = UInt64(exactly: value) {
          self = .uint(uint)
        } else {
          return nil
        }
      default: return nil
      }
    }
  }

  private struct Bytes: Hashable {
    var text: String
    static func == (a: Bytes, b: Bytes) -> Bool { Text.equal(a.text, b.text) }
    func hash(into hasher: inout Hasher) {
      for byte in text.utf8 { hasher.combine(byte) }
    }
  }

  public subscript(key: Value) -> Value? {
    guard let key = Key(key), let place = places[key] else { return nil }
    return entries[place].value
  }

  /// False, and nothing done, for a key that is there already.
  public mutating func insert(_ value: Value, for key: Value) throws(EvaluationError) -> Bool {
    switch key {
    case .bool, .int, .uint, .string: break
    default: throw EvaluationError(.invalidArgument, "unsupported key type: \(key.typeName)")
    }
    guard let normal = Key(key) else { return false }
    guard places[normal] == nil else { return false }
    places[normal] = entries.count
    entries.append((key, value))
    return true
  }
}
