/// Reads a compiled zone file (RFC 9636), versions 2 to 4.
struct TZifReader {
  private let bytes: [UInt8]
  private var index = 0

  private struct Header {
    var isUTCount: Int
    var isStandardCount: Int
    var leapCount: Int
    var timeCount: Int
    var typeCount: Int
    var nameCount: Int
  }

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  static func zone(_ bytes: [UInt8]) throws(ZoneError) -> Zone {
    var reader = TZifReader(bytes)
    // The first block has 32-bit times, for readers of 1990.
    let old = try reader.header()
    try reader.skip(old.timeCount * 5 + old.typeCount * 6 + old.nameCount + old.leapCount * 8 + old.isStandardCount + old.isUTCount)
    let header = try reader.header()
    var transitions: [Int64] = []
    for _ in 0..<header.timeCount { transitions.append(Int64(bitPattern: try reader.number(8))) }
    var kinds: [Int] = []
    for _ in 0..<header.timeCount { kinds.append(Int(try reader.number(1))) }
    var distances: [Int64] = []
    for _ in 0..<header.typeCount {
      distances.append(Int64(Int32(truncatingIfNeeded: try reader.number(4))))
      try reader.skip(2)
    }
    try reader.skip(header.nameCount + header.leapCount * 12 + header.isStandardCount + header.isUTCount)
    guard !distances.isEmpty, kinds.allSatisfy({ $0 < distances.count }), zip(transitions, transitions.dropFirst()).allSatisfy({ $0 < $1 })
    else { throw ZoneError(message: "the zone file contradicts itself") }
    return Zone(transitions: transitions, distances: kinds.map { distances[$0] }, first: distances[0], rule: try reader.rule())
  }

  private mutating func header() throws(ZoneError) -> Header {
    guard bytes.count - index >= 44, bytes[index..<index + 4].elementsEqual("TZif".utf8), bytes[index + 4] >= UInt8(ascii: "2") else {
      throw ZoneError(message: "not a TZif file of version 2 or later")
    }
    index += 20
    var counts: [Int] = []
    for _ in 0..<6 { counts.append(Int(try number(4))) }
    guard counts.allSatisfy({ $0 <= bytes.count }) else { throw ZoneError(message: "the zone file is cut off") }
    return Header(
      isUTCount: counts[0], isStandardCount: counts[1], leapCount: counts[2], timeCount: counts[3], typeCount: counts[4],
      nameCount: counts[5])
  }

  private mutating func number(_ width: Int) throws(ZoneError) -> UInt64 {
    guard index + width <= bytes.count else { throw ZoneError(message: "the zone file is cut off") }
    var value: UInt64 = 0
    for byte in bytes[index..<index + width] { value = value << 8 | UInt64(byte) }
    index += width
    return value
  }

  private mutating func skip(_ count: Int) throws(ZoneError) {
    guard index + count <= bytes.count else { throw ZoneError(message: "the zone file is cut off") }
    index += count
  }

  private mutating func rule() throws(ZoneError) -> ZoneRule? {
    guard index < bytes.count, bytes[index] == 0x0A, let end = bytes[(index + 1)...].firstIndex(of: 0x0A) else {
      throw ZoneError(message: "the zone file is cut off")
    }
    let text = String(decoding: bytes[index + 1..<end], as: UTF8.self)
    if text.isEmpty { return nil }
    guard let rule = ZoneRule(text) else { throw ZoneError(message: "the zone file has a rule that can't be read: \(text)") }
    return rule
  }
}
