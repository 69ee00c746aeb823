import Foundation
import Testing
import Wire

@testable import Models

@Suite("Geo tables: files in MaxMind DB format")
struct GeoReaderTests {
  static func table(_ bytes: [UInt8], _ fields: [GeoField] = GeoField.standard) throws -> GeoTable {
    try GeoTable(name: "t", file: "geo/t.mmdb", bytes: bytes, fields: fields)
  }

  static func ip(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    precondition(IPAddressText.parse(Array(text.utf8).span.bytes, into: &bytes))
    return bytes
  }

  /// Everything that the table knows of an address, in words.
  static func look(_ table: GeoTable, _ address: String) -> [String: String] {
    look(table, table.reader(table.columns.map(\.name)), ip(address))
  }

  static func look(_ table: GeoTable, _ reader: GeoReader, _ ip: [UInt8]) -> [String: String] {
    var found: [String: String] = [:]
    reader.read(ip: ip.span.bytes) { field, value in
      let name = table.columns[field].name
      switch value {
      case .text(let text): found[name] = String(decoding: text, as: UTF8.self)
      case .number(let number): found[name] = "\(number)"
      case .integer(let number): found[name] = "\(number)"
      case .flag(let flag): found[name] = "\(flag)"
      }
    }
    return found
  }

  static func sample(_ bits: Int, _ version: Int, padding: Int = 0) -> GeoFileWriter {
    var writer = GeoFileWriter()
    (writer.recordBits, writer.version, writer.padding) = (bits, version, padding)
    writer.add("81.2.69.0/24", GeoFileWriter.city("FR", "Paris", 48.8566, 2.3522))
    writer.add("81.2.70.0/23", GeoFileWriter.city("US", "New York", 40.7128, -74.006))
    if version == 6 {
      writer.add("2001:db8::/32", GeoFileWriter.city("NO", "Oslo", 59.91, 10.75))
    }
    return writer
  }

  /// Pointers of all four sizes come about by the padding; nothing else may change.
  @Test(arguments: [24, 28, 32], [0, 3_000, 600_000])
  func recordsAreFoundInTreesOfAllSizes(_ bits: Int, _ padding: Int) throws {
    for version in [4, 6] {
      let table = try Self.table(Self.sample(bits, version, padding: padding).bytes())
      #expect(table.type == "Test-City" && table.buildEpoch == 1_767_571_200 && table.recordCount == (version == 6 ? 3 : 2))
      let paris = [
        "country": "FR", "city": "Paris", "continent": "EU", "subdivision": "75", "latitude": "48.8566", "longitude": "2.3522",
        "accuracy_km": "20",
      ]
      #expect(Self.look(table, "81.2.69.0") == paris && Self.look(table, "81.2.69.255") == paris)
      #expect(Self.look(table, "::ffff:81.2.69.7") == paris, "an IPv6 address that stands for an IPv4 one is that one")
      #expect(Self.look(table, "81.2.71.255")["country"] == "US" && Self.look(table, "81.2.72.0") == [:])
      #expect(Self.look(table, "81.2.68.255") == [:])
      let oslo = Self.look(table, "2001:db8:1::7")
      #expect(version == 6 ? oslo["longitude"] == "10.75" : oslo == [:])
      #expect(Self.look(table, "2001:db9::") == [:])
    }
  }

  @Test func everyTypeIsReadAndOthersAreMissing() throws {
    var writer = GeoFileWriter()
    let long = String(repeating: "x", count: 70_000)
    writer.add(
      "1.0.0.0/8",
      .map([
        ("long", .text(long)), ("middle", .text(String(repeating: "y", count: 300))), ("f", .float(0.5)), ("u", .uint64(1 << 40)),
        ("big", .uint64(.max)), ("minus", .int32(-7)), ("zero", .uint32(0)), ("yes", .flag(true)), ("no", .flag(false)),
        ("blob", .bytes([1, 2])), ("list", .array([.text("a"), .map([("deep", .uint16(9))])])),
      ]))
    let names: [(String, GeoField.Kind)] = [
      ("long", .text), ("middle", .text), ("f", .number), ("u", .integer), ("big", .integer), ("minus", .integer), ("zero", .number),
      ("yes", .flag), ("no", .flag), ("blob", .text), ("list.1.deep", .integer), ("list.0", .text), ("list.2", .text), ("list", .text),
      ("yes", .text),
    ]
    let fields = names.enumerated().map { GeoField(name: "n\($0)", kind: $1.1, paths: [$1.0.split(separator: ".").map(String.init)]) }
    let table = try Self.table(writer.bytes(), fields)
    #expect(
      Self.look(table, "1.2.3.4") == [
        "n0": long, "n1": String(repeating: "y", count: 300), "n2": "0.5", "n3": "1099511627776", "n5": "-7", "n6": "0.0", "n7": "true",
        "n8": "false", "n10": "9", "n11": "a",
      ])
    #expect(
      !table.columns.contains { ["n4", "n9", "n12", "n13", "n14"].contains($0.name) }, "no record has them as what they are asked for")
  }

  /// Networks that lie apart, against a search through all of them.
  @Test(arguments: [4, 6]) func lookupsAreThoseOfASearch(_ version: Int) throws {
    var random = SeededGenerator(seed: UInt64(version))
    var writer = GeoFileWriter()
    (writer.recordBits, writer.version) = (28, version)
    var networks: [(first: UInt32, last: UInt32, number: UInt32)] = []
    for number in 0..<400 {
      let bits = 8 + Int(random.next() % 25)
      let first = UInt32(truncatingIfNeeded: random.next()) & (bits == 32 ? .max : ~(UInt32.max >> UInt32(bits)))
      let last = first | (bits == 32 ? 0 : UInt32.max >> UInt32(bits))
      if networks.contains(where: { $0.first <= last && first <= $0.last }) { continue }
      networks.append((first, last, UInt32(number)))
      let four = (0..<4).map { "\(first >> (24 - 8 * UInt32($0)) & 255)" }.joined(separator: ".")
      writer.add("\(four)/\(bits)", .map([("autonomous_system_number", .uint32(UInt32(number)))]))
    }
    let table = try Self.table(writer.bytes())
    let reader = table.reader(["asn"])
    var found = 0
    for _ in 0..<20_000 {
      let network = networks[Int(random.next() % UInt64(networks.count))]
      let near = [network.first, network.last, network.first &- 1, network.last &+ 1, UInt32(truncatingIfNeeded: random.next())]
      let address = near[Int(random.next() % 5)]
      let expected = networks.first { $0.first <= address && address <= $0.last }.map { "\($0.number)" }
      let bytes = (0..<4).map { UInt8(truncatingIfNeeded: address >> (24 - 8 * UInt32($0))) }
      let value = Self.look(table, reader, bytes)["asn"]
      guard value == expected else { return #expect(value == expected, "\(address)") }
      if value != nil { found += 1 }
    }
    #expect(found > 8_000)
  }

  // MARK: Damage

  static func fault(_ bytes: [UInt8]) -> GeoFault.Kind? {
    do throws(GeoFault) {
      _ = try GeoTable(name: "t", file: "f", bytes: bytes, fields: GeoField.standard)
      return nil
    } catch {
      return error.kind
    }
  }

  @Test func whatIsNoFileIsRefused() {
    let writer = Self.sample(24, 6)
    let whole = writer.bytes()
    #expect(Self.fault(whole) == nil)
    #expect(Self.fault([]) == .noMetadata && Self.fault(Array(whole[..<200])) == .noMetadata)
    var other = writer
    other.epoch = .max
    #expect(Self.fault(other.bytes()) == .metadata, "a time that no calendar has")
    other = writer
    other.version = 5
    #expect(Self.fault(whole.dropLast(other.metadata(nodes: 1).count) + other.metadata(nodes: 1)) == .metadata)
    #expect(Self.fault(whole + writer.metadata(nodes: 1, major: 3)) == .format, "the last metadata section counts")
    #expect(Self.fault(whole + writer.metadata(nodes: 1_000_000)) == .recordSize)
    other = writer
    other.recordBits = 26
    #expect(Self.fault(whole + other.metadata(nodes: 1)) == .recordSize)
  }

  @Test func whatIsWrongInARecordIsFoundWhenTheFileIsOpened() {
    let broken: [(GeoNode, GeoFault.Kind)] = [
      (.raw([0xE1, 0x41]), .truncated), (.raw([0xE2, 0x41, 0x61, 0x41, 0x62]), .truncated), (.raw([0xE1, 0xA1, 1, 0x41, 0x62]), .key),
      (.raw([0x3F, 0xFF, 0xFF, 0xFF, 0xFF]), .pointer), (.raw([0x20, 0x00]), .pointer), (.raw([0x00, 0x0C]), .fieldType),
      (.raw([0x63, 1, 2, 3]), .fieldSize), (.raw([0x02, 0x07]), .fieldSize), (.raw([0xC5, 1, 2, 3, 4, 5]), .fieldSize),
      (.raw([0x00, 0x06]), .fieldType), (.raw([0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0x40, count: 20_000)), .tooLarge),
      (.map([("country", .map([("iso_code", .raw([0x42, 0xFF, 0xFE]))]))]), .text),
    ]
    for (value, kind) in broken {
      var writer = GeoFileWriter()
      writer.add("1.0.0.0/8", value)
      #expect(Self.fault(writer.bytes()) == kind, "\(value)")
    }
  }

  /// A record that is nested without end: each map's value is a pointer to the map itself.
  @Test func ringsOfPointersEnd() throws {
    var writer = GeoFileWriter()
    writer.add("1.0.0.0/8", .raw([0xE1, 0x44] + Array("city".utf8) + [0x20, 0x00]))
    let table = try Self.table(writer.bytes(), [GeoField(name: "x", kind: .text, paths: [["city", "city", "city", "city"]])])
    #expect(table.columns.isEmpty && table.recordCount == 1)
  }

  @Test func everyDamagedByteIsRefusedOrHarmless() throws {
    let whole = Self.sample(28, 4).bytes()
    var random = SeededGenerator(seed: 9)
    var refused = 0
    for round in 0..<4_000 {
      var bytes = whole
      if round % 4 == 0 { bytes.removeSubrange(Int(random.next() % UInt64(bytes.count))...) }
      for _ in 0..<1 + random.next() % 3 where !bytes.isEmpty {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      do throws(GeoFault) {
        let table = try GeoTable(name: "t", file: "f", bytes: bytes, fields: GeoField.standard)
        for address in ["81.2.69.1", "81.2.70.1", "0.0.0.0", "255.255.255.255"] { _ = Self.look(table, address) }
      } catch {
        refused += 1
      }
    }
    #expect(refused > 1_000)
  }

  /// The format's own test files, where they lie: a directory of .mmdb files in `MAXMIND_DB_FILES`.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["MAXMIND_DB_FILES"] != nil, "needs MAXMIND_DB_FILES"))
  func othersFilesAreRead() throws {
    let folder = ProcessInfo.processInfo.environment["MAXMIND_DB_FILES"]!
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() where name.hasSuffix(".mmdb") {
      let bytes = [UInt8](FileManager.default.contents(atPath: "\(folder)/\(name)")!)
      do throws(GeoFault) {
        let table = try GeoTable(name: "t", file: name, bytes: bytes, fields: GeoField.standard)
        let sample = ["81.2.69.160", "2.125.160.216", "2001:218::1", "1.128.0.0"].map { Self.look(table, $0) }
        print(name, table.type, table.built, table.recordCount, table.columns.map(\.name), sample)
      } catch {
        print(name, "refused:", error)
      }
    }
  }
}
