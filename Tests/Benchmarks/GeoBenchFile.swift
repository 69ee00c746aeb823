/// A file in MaxMind DB format as large as a country's share of a city database: every network of 64 addresses below 11.0.0.0/8
/// has a record, and each record about thirty values with keys by pointers.
struct GeoBenchFile {
  /// Of the whole, with 28 bits a record.
  private(set) var bytes: [UInt8] = []
  private static let depth = 18
  private static let records = 20_000

  init() {
    // Keys' first texts stand behind 2,048 bytes, so that pointers of two bytes reach them.
    var data = [UInt8](repeating: 0x40, count: 2_048)
    var keys: [String: Int] = [:]
    let places = (0..<Self.records).map { number -> Int in
      let at = data.count
      Self.write(number, &data, &keys)
      return at
    }
    // Eight nodes down to the network, then a full tree of `depth` levels, row by row.
    let count = 8 + (1 << Self.depth) - 1
    func leaf(_ number: Int) -> Int { count + 16 + places[number &* 7_919 % Self.records] }
    for level in 0..<8 {
      let isRight = 11 >> (7 - level) & 1 == 1
      node(isRight ? count : level + 1, isRight ? level + 1 : count)
    }
    for level in 0..<Self.depth {
      for place in 0..<1 << level {
        let next = 8 + (1 << (level + 1)) - 1 + 2 * place
        if level + 1 < Self.depth { node(next, next + 1) } else { node(leaf(2 * place), leaf(2 * place + 1)) }
      }
    }
    bytes += [UInt8](repeating: 0, count: 16) + data
    func number(_ key: String, _ type: [UInt8], _ value: [UInt8]) -> [UInt8] { Self.text(key) + type + value }
    bytes += [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8) + [0xE6] + number("node_count", [0xC4], Self.big(count, 4))
    bytes += number("record_size", [0xA1], [28]) + number("ip_version", [0xA1], [4]) + number("binary_format_major_version", [0xA1], [2])
    bytes += number("build_epoch", [0x04, 0x02], Self.big(1_767_571_200, 4)) + Self.text("database_type") + Self.text("Bench-City")
  }

  private mutating func node(_ left: Int, _ right: Int) {
    bytes += Self.big(left & 0xFF_FFFF, 3) + [UInt8((left >> 24) << 4 | right >> 24)] + Self.big(right & 0xFF_FFFF, 3)
  }

  private static func big(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }
  private static func text(_ text: String) -> [UInt8] { [0x40 | UInt8(text.utf8.count)] + Array(text.utf8) }

  private static func write(_ number: Int, _ out: inout [UInt8], _ keys: inout [String: Int]) {
    func key(_ name: String) {
      guard let at = keys[name] else {
        keys[name] = out.count
        return out += text(name)
      }
      out += [0x28] + big(at - 2_048, 2)
    }
    func map(_ count: Int) { out.append(0xE0 | UInt8(count)) }
    func names(_ name: String) {
      map(8)
      for language in ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"] {
        key(language)
        out += text(name)
      }
    }
    func double(_ value: Double) { out += [0x68] + big(Int(bitPattern: UInt(value.bitPattern)), 8) }
    map(4)
    key("city")
    map(1)
    key("names")
    names("City \(number)")
    key("continent")
    map(2)
    key("code")
    out += text("EU")
    key("names")
    names("Europe")
    key("country")
    map(2)
    key("iso_code")
    out += text(["FR", "NO", "DE", "ZZ"][number % 4])
    key("names")
    names("Land \(number % 4)")
    key("location")
    map(3)
    key("accuracy_radius")
    out += [0xA1, 20]
    key("latitude")
    double(Double(number % 90))
    key("longitude")
    double(Double(number % 180))
  }
}
