import Foundation

/// A value of a record, as MaxMind DB format 2.0 writes it.
indirect enum GeoNode {
  case text(String)
  case double(Double)
  case float(Float)
  case uint16(UInt16)
  case uint32(UInt32)
  case int32(Int32)
  case uint64(UInt64)
  case bytes([UInt8])
  case flag(Bool)
  case map([(String, GeoNode)])
  case array([GeoNode])
  /// Bytes as they stand, for what no writer writes.
  case raw([UInt8])
}

/// Writes small files in MaxMind DB format, from the specification and by other ways than the reader goes.
struct GeoFileWriter {
  var recordBits = 24
  var version = 6
  var type = "Test-City"
  var epoch: UInt64 = 1_767_571_200
  /// Texts that have been written stand as pointers, as real writers have it.
  var usesPointers = true
  /// Bytes in front of all data, so that pointers get long.
  var padding = 0

  private var networks: [(bits: [Bool], value: GeoNode)] = []

  /// `network` is `1.2.3.0/24` or hexadecimal groups with a prefix, as in `2001:db8::/32`. Later ones must lie apart from
  /// earlier ones.
  mutating func add(_ network: String, _ value: GeoNode) {
    let parts = network.split(separator: "/")
    var bits: [Bool]
    if parts[0].contains(":") {
      let halves = parts[0].components(separatedBy: "::")
      func words(_ text: String) -> [UInt16] { text.split(separator: ":").map { UInt16($0, radix: 16)! } }
      var all = words(halves[0])
      if halves.count > 1 {
        let tail = words(halves[1])
        all += [UInt16](repeating: 0, count: 8 - all.count - tail.count) + tail
      }
      bits = all.flatMap { word in (0..<16).map { word >> (15 - $0) & 1 == 1 } }
      bits = Array(bits[..<Int(parts[1])!])
    } else {
      let address = parts[0].split(separator: ".").reduce(UInt32(0)) { $0 << 8 | UInt32($1)! }
      let four = (0..<32).map { address >> (31 - $0) & 1 == 1 }
      bits = (version == 6 ? [Bool](repeating: false, count: 96) : []) + Array(four[..<Int(parts[1])!])
    }
    networks.append((bits, value))
  }

  func bytes() -> [UInt8] {
    enum Child { case none, node(Int), data(Int) }
    var data = [UInt8](repeating: 0x80, count: padding)
    var known: [String: Int] = [:]
    var nodes: [[Child]] = [[.none, .none]]
    for (bits, value) in networks {
      let at = data.count
      encode(value, &data, &known)
      var node = 0
      for (depth, bit) in bits.enumerated() {
        let side = bit ? 1 : 0
        if depth == bits.count - 1 {
          nodes[node][side] = .data(at)
        } else if case .node(let next) = nodes[node][side] {
          node = next
        } else {
          nodes.append([.none, .none])
          nodes[node][side] = .node(nodes.count - 1)
          node = nodes.count - 1
        }
      }
    }
    var out: [UInt8] = []
    for node in nodes {
      let records = node.map { child -> UInt64 in
        switch child {
        case .none: UInt64(nodes.count)
        case .node(let number): UInt64(number)
        case .data(let at): UInt64(nodes.count + 16 + at)
        }
      }
      // As one number of twice the size; for 28 bits the format swaps nothing but where the upper four bits go.
      switch recordBits {
      case 28:
        for record in records[..<1] { out += big(record & 0xFF_FFFF, 3) }
        out.append(UInt8(records[0] >> 24) << 4 | UInt8(records[1] >> 24))
        out += big(records[1] & 0xFF_FFFF, 3)
      default: for record in records { out += big(record, recordBits / 8) }
      }
    }
    out += [UInt8](repeating: 0, count: 16) + data
    return out + metadata(nodes: nodes.count)
  }

  func metadata(nodes: Int, major: UInt16 = 2) -> [UInt8] {
    var out: [UInt8] = []
    var known: [String: Int] = [:]
    encode(
      .map([
        ("binary_format_major_version", .uint16(major)), ("binary_format_minor_version", .uint16(0)),
        ("build_epoch", .uint64(epoch)), ("database_type", .text(type)), ("description", .map([("en", .text(type))])),
        ("ip_version", .uint16(UInt16(version))), ("languages", .array([.text("en")])), ("node_count", .uint32(UInt32(nodes))),
        ("record_size", .uint16(UInt16(recordBits))),
      ]), &out, &known)
    return [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8) + out
  }

  private func big(_ value: UInt64, _ count: Int) -> [UInt8] { (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }

  private func head(_ type: UInt8, _ size: Int) -> [UInt8] {
    let (code, more): (UInt8, [UInt8]) =
      switch size {
      case ..<29: (UInt8(size), [])
      case ..<285: (29, big(UInt64(size - 29), 1))
      case ..<65_821: (30, big(UInt64(size - 285), 2))
      default: (31, big(UInt64(size - 65_821), 3))
      }
    return type < 8 ? [type << 5 | code] + more : [code, type - 7] + more
  }

  private func pointer(_ target: Int) -> [UInt8] {
    switch target {
    case ..<2_048: [0x20 | UInt8(target >> 8), UInt8(target & 255)]
    case ..<526_336: [0x28 | UInt8((target - 2_048) >> 16)] + big(UInt64(target - 2_048) & 0xFFFF, 2)
    case ..<134_744_064: [0x30 | UInt8((target - 526_336) >> 24)] + big(UInt64(target - 526_336) & 0xFF_FFFF, 3)
    default: [0x38] + big(UInt64(target), 4)
    }
  }

  private func number(_ type: UInt8, _ value: UInt64) -> [UInt8] {
    let bytes = Array(big(value, 8).drop { $0 == 0 })
    return head(type, bytes.count) + bytes
  }

  private func encode(_ value: GeoNode, _ out: inout [UInt8], _ known: inout [String: Int]) {
    switch value {
    case .text(let text):
      if usesPointers, text.utf8.count > 1, let at = known[text] { return out += pointer(at) }
      known[text] = out.count
      out += head(2, text.utf8.count) + Array(text.utf8)
    case .double(let value): out += head(3, 8) + big(value.bitPattern, 8)
    case .float(let value): out += head(15, 4) + big(UInt64(value.bitPattern), 4)
    case .bytes(let bytes): out += head(4, bytes.count) + bytes
    case .uint16(let value): out += number(5, UInt64(value))
    case .uint32(let value): out += number(6, UInt64(value))
    case .int32(let value): out += head(8, 4) + big(UInt64(UInt32(bitPattern: value)), 4)
    case .uint64(let value): out += number(9, value)
    case .flag(let value): out += head(14, value ? 1 : 0)
    case .map(let pairs):
      out += head(7, pairs.count)
      for (key, value) in pairs {
        encode(.text(key), &out, &known)
        encode(value, &out, &known)
      }
    case .array(let values):
      out += head(11, values.count)
      for value in values { encode(value, &out, &known) }
    case .raw(let bytes): out += bytes
    }
  }

  /// As the usual city databases have them.
  static func city(_ country: String, _ city: String, _ latitude: Double, _ longitude: Double) -> GeoNode {
    .map([
      ("city", .map([("geoname_id", .uint32(42)), ("names", .map([("de", .text("-")), ("en", .text(city))]))])),
      ("continent", .map([("code", .text("EU"))])), ("country", .map([("iso_code", .text(country)), ("is_eu", .flag(true))])),
      (
        "location",
        .map([("accuracy_radius", .uint16(20)), ("latitude", .double(latitude)), ("longitude", .double(longitude))])
      ),
      ("subdivisions", .array([.map([("iso_code", .text("75"))]), .map([("iso_code", .text("XX"))])])),
    ])
  }
}
