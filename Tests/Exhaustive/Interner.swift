/// Gives each distinct value a small number: a state of the whole is a handful of numbers, and what a core answers to an
/// input is worked out once.
struct Interner<Value> {
  private(set) var values: [Value] = []
  private var numbers: [[UInt8]: UInt32] = [:]

  /// Two values with equal `key` are one value.
  mutating func number(_ value: Value, key: [UInt8]) -> UInt32 {
    if let known = numbers[key] { return known }
    let number = UInt32(values.count)
    values.append(value)
    numbers[key] = number
    return number
  }

  subscript(number: UInt32) -> Value { values[Int(number)] }
  var count: Int { values.count }
}

/// A map of pairs of numbers to numbers: open addressing over one array.
struct PairMap {
  private var keys: [UInt64]
  private var results: [UInt32]
  private(set) var count = 0
  private static let free = UInt64.max

  init() {
    keys = Array(repeating: Self.free, count: 1 << 12)
    results = Array(repeating: 0, count: 1 << 12)
  }

  static func key(_ a: UInt32, _ b: UInt32) -> UInt64 { UInt64(a) << 32 | UInt64(b) }

  subscript(key: UInt64) -> UInt32? {
    let place = find(key)
    return keys[place] == key ? results[place] : nil
  }

  mutating func insert(_ key: UInt64, _ result: UInt32) {
    if count * 2 >= keys.count { grow() }
    let place = find(key)
    if keys[place] == Self.free { count += 1 }
    keys[place] = key
    results[place] = result
  }

  private func find(_ key: UInt64) -> Int {
    let mask = keys.count - 1
    var h = key &* 0x9e37_79b9_7f4a_7c15
    h ^= h >> 32
    var place = Int(truncatingIfNeeded: h) & mask
    while keys[place] != Self.free, keys[place] != key { place = (place + 1) & mask }
    return place
  }

  private mutating func grow() {
    let (oldKeys, oldResults) = (keys, results)
    keys = Array(repeating: Self.free, count: oldKeys.count * 2)
    results = Array(repeating: 0, count: oldKeys.count * 2)
    for (index, key) in oldKeys.enumerated() where key != Self.free {
      let place = find(key)
      keys[place] = key
      results[place] = oldResults[index]
    }
  }
}
