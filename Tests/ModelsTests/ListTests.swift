import Testing
import Wire

@testable import Models

@Suite("Lists: membership, networks, expiry")
struct ListTests {
  static func list(_ type: ListType, _ csv: String) throws -> MemberList {
    do throws(ListFaults) {
      return try ListFile.read(Array(csv.utf8), name: "l", type: type, file: "lists/l.csv")
    } catch {
      throw error.errors[0]
    }
  }

  static func faults(_ type: ListType, _ csv: String) -> [String] {
    do throws(ListFaults) {
      _ = try ListFile.read(Array(csv.utf8), name: "l", type: type, file: "lists/l.csv")
      return []
    } catch {
      return error.errors.map(\.description)
    }
  }

  static func has(_ list: MemberList, _ text: String, at time: Int64 = 0) -> Bool {
    Array(text.utf8).withUnsafeBufferPointer { list.contains($0, at: time) }
  }

  static func hasAddress(_ list: MemberList, _ text: String, at time: Int64 = 0) -> Bool {
    var bytes: [UInt8] = []
    precondition(IPAddressText.parse(Array(text.utf8).span.bytes, into: &bytes))
    let value = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } | (bytes.count == 4 ? 0xFFFF_0000_0000 : 0)
    return list.contains((UInt64(value >> 64), UInt64(truncatingIfNeeded: value)), at: time)
  }

  @Test func textsAreFoundWhole() throws {
    let list = try Self.list(.text, "note,value\n# a comment\nx,card-1\n\"a, b\",\"say \"\"hi\"\"\"\ny,card-2\ny,card-2\n")
    #expect(list.count == 3)
    #expect(Self.has(list, "card-1") && Self.has(list, "card-2") && Self.has(list, "say \"hi\""))
    #expect(!Self.has(list, "card-") && !Self.has(list, "card-11") && !Self.has(list, "") && !Self.has(list, "x"))
  }

  @Test func prefixesAreFoundAtTheBeginning() throws {
    let list = try Self.list(.prefix, "value\n41\n4111\nde-\n")
    for text in ["41", "4100", "4111222", "de-1"] { #expect(Self.has(list, text), "\(text)") }
    for text in ["4", "d41", "de", ""] { #expect(!Self.has(list, text), "\(text)") }
  }

  @Test func itemsExpireAtTheirTime() throws {
    let list = try Self.list(.text, "value,expires\na,1970-01-01T00:00:10Z\nb,\nc,1970-01-01T00:00:20Z\na,1970-01-01T00:00:05Z\n")
    #expect(Self.has(list, "a", at: 9_999) && !Self.has(list, "a", at: 10_000))
    #expect(Self.has(list, "b", at: .max - 1) && Self.has(list, "c", at: 10_000) && !Self.has(list, "c", at: 20_000))
    let codes = try Self.list(.number, "value,expires\n7995,1970-01-01T00:00:10Z\n-3,\n7995,1970-01-01T00:00:30Z\n")
    #expect(codes.count == 2 && codes.contains(7995, at: 29_999) && !codes.contains(7995, at: 30_000) && codes.contains(-3, at: .max - 1))
    #expect(!codes.contains(7994, at: 0))
  }

  @Test func networksOfBothKinds() throws {
    let list = try Self.list(
      .ip,
      """
      value,expires
      203.0.113.0/24,
      203.0.114.7,
      10.0.0.0/8,1970-01-01T00:00:10Z
      10.1.0.0/16,1970-01-01T00:00:30Z
      10.1.2.0/24,1970-01-01T00:00:20Z
      255.255.255.255,
      2001:db8::/32,
      ::/128,
      """)
    for text in ["203.0.113.0", "203.0.113.255", "203.0.114.7", "255.255.255.255", "2001:db8:ffff::1", "::", "::ffff:203.0.113.9"] {
      #expect(Self.hasAddress(list, text), "\(text)")
    }
    for text in ["203.0.112.255", "203.0.114.0", "203.0.114.8", "0.0.0.0", "2001:db9::", "::1", "255.255.255.254"] {
      #expect(!Self.hasAddress(list, text), "\(text)")
    }
    // The network inside ends before the one around it and after the widest.
    #expect(Self.hasAddress(list, "10.9.9.9", at: 9_999) && !Self.hasAddress(list, "10.9.9.9", at: 10_000))
    #expect(Self.hasAddress(list, "10.1.2.3", at: 29_999) && !Self.hasAddress(list, "10.1.2.3", at: 30_000))
    #expect(Self.hasAddress(list, "10.1.3.3", at: 20_000) && Self.hasAddress(list, "10.2.0.0", at: 0))
  }

  /// Against a look at each network, from few (a search over all) to many (a search below 16 bits).
  @Test(arguments: [40, 6_000]) func networksAgreeWithALookAtEach(_ count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    var networks: [AddressSet.Network] = []
    for _ in 0..<count {
      let bits = 8 + Int(random.next() % 25)
      let mask = UInt32.max << UInt32(32 - bits)
      let first = UInt32(truncatingIfNeeded: random.next()) & mask & 0x0FFF_FFFF
      let expiry = random.next() % 3 == 0 ? Expiries.never : Int64(random.next() % 5)
      networks.append(.init(first: UInt128(first), last: UInt128(first | ~mask), isV4: true, expiry: expiry))
    }
    let set = AddressSet(networks)
    for step in 0..<4_000 {
      let near = networks[Int(random.next() % UInt64(count))]
      let address =
        switch step % 4 {
        case 0: UInt32(truncatingIfNeeded: near.first)
        case 1: UInt32(truncatingIfNeeded: near.last)
        case 2: UInt32(truncatingIfNeeded: near.last) &+ 1
        default: UInt32(truncatingIfNeeded: random.next()) & 0x0FFF_FFFF
        }
      let time = Int64(random.next() % 6)
      let expected = networks.contains { $0.first <= UInt128(address) && UInt128(address) <= $0.last && $0.expiry > time }
      #expect(set.contains((0, UInt64(address) | 0xFFFF << 32), at: time) == expected, "\(address) at \(time)")
    }
  }

  @Test func aMillionTextsTakeTheirBytesAndLittleMore() {
    var set = TextSet()
    for number in 0..<1_000_000 { Array("card-\(number)".utf8).withUnsafeBytes { set.insert($0, expiry: Expiries.never) } }
    set.finish()
    #expect(set.count == 1_000_000)
    // 10.9 bytes of text, 4 of place, 8.4 of index.
    #expect(set.memoryBytes < 24 * 1_000_000, "\(set.memoryBytes)")
    for number in stride(from: 0, to: 1_000_000, by: 997) {
      #expect(Array("card-\(number)".utf8).withUnsafeBufferPointer { set.contains($0, at: 0) })
      #expect(!Array("kard-\(number)".utf8).withUnsafeBufferPointer { set.contains($0, at: 0) })
    }
  }

  @Test func everyMistakeHasItsPlace() {
    #expect(
      Self.faults(.ip, "value,expires\n1.2.3.4,tomorrow\n1.2.3.0/33,\n1.2.3.4/24,\n,\n") == [
        "lists/l.csv:2:9: 'tomorrow' is no time. Write it as in 2026-12-31T23:00:00Z.",
        "lists/l.csv:3:1: '1.2.3.0/33' is no address and no network. Write 203.0.113.7, 203.0.113.0/24, 2001:db8::1 or 2001:db8::/32.",
        "lists/l.csv:4:1: '1.2.3.4/24' is no address and no network. Write 203.0.113.7, 203.0.113.0/24, 2001:db8::1 or 2001:db8::/32.",
        "lists/l.csv:5:1: the line has no value",
      ])
    #expect(Self.faults(.number, "value\nabc\n") == ["lists/l.csv:2:1: 'abc' is no whole number"])
    #expect(Self.faults(.text, "card\nx\n")[0].hasPrefix("lists/l.csv:1:1: the header has no column 'value'"))
    #expect(Self.faults(.text, "")[0].hasPrefix("lists/l.csv:1:1: the file is empty"))
  }
}
