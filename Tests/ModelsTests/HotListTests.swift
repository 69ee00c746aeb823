import Testing
import Wire

@testable import Models

@Suite("Hot items: the newest that matches decides, else the bundle's list")
struct HotListTests {
  static func item(_ version: UInt64, _ text: String, _ operation: ListItem.Operation = .add, until: Int64 = ListItem.never) -> ListItem {
    ListItem(version: version, list: "l", item: text, operation: operation, until: until)
  }

  static func overlaid(_ type: ListType, _ csv: String, _ items: [ListItem]) throws -> OverlaidList {
    let hot = HotLists()
    hot.apply(items, version: items.last?.version ?? 1, replacing: false)
    let list = OverlaidList(try ListTests.list(type, csv))
    list.hot = hot.table("l")
    return list
  }

  static func has(_ list: OverlaidList, _ text: String, at time: Int64 = 0) -> Bool {
    Array(text.utf8).withUnsafeBufferPointer { list.contains($0, at: time) }
  }

  static func hasAddress(_ list: OverlaidList, _ text: String, at time: Int64 = 0) -> Bool {
    var bytes: [UInt8] = []
    precondition(IPAddressText.parse(Array(text.utf8).span.bytes, into: &bytes))
    let value = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } | (bytes.count == 4 ? 0xFFFF_0000_0000 : 0)
    return list.contains((UInt64(value >> 64), UInt64(truncatingIfNeeded: value)), at: time)
  }

  @Test func `whole texts`() throws {
    let list = try Self.overlaid(.text, "value\na\nb\n", [Self.item(1, "c"), Self.item(2, "a", .remove), Self.item(3, "41")])
    #expect(Self.has(list, "b") && Self.has(list, "c") && Self.has(list, "41"))
    #expect(!Self.has(list, "a") && !Self.has(list, "d") && !Self.has(list, "411"))
  }

  @Test func `of beginnings the newest decides, whether it is the longer one or not`() throws {
    let list = try Self.overlaid(.prefix, "value\n5\n", [Self.item(1, "41", .remove), Self.item(2, "4"), Self.item(3, "55", .remove)])
    #expect(Self.has(list, "4111") && Self.has(list, "4") && Self.has(list, "5") && Self.has(list, "56"))
    #expect(!Self.has(list, "55") && !Self.has(list, "551") && !Self.has(list, "6"))
    let other = try Self.overlaid(.prefix, "value\n5\n", [Self.item(1, "4"), Self.item(2, "41", .remove)])
    #expect(Self.has(other, "42") && !Self.has(other, "411"))
  }

  @Test func `numbers, however they are written`() throws {
    let list = try Self.overlaid(.number, "value\n7995\n", [Self.item(1, "+7995", .remove), Self.item(2, "5933"), Self.item(3, "no")])
    #expect(!list.contains(7995, at: 0) && list.contains(5933, at: 0) && !list.contains(1, at: 0))
    let again = try Self.overlaid(.number, "value\n7995\n", [Self.item(1, "+7995", .remove), Self.item(2, "7995")])
    #expect(again.contains(7995, at: 0))
  }

  @Test func `networks of both kinds`() throws {
    let list = try Self.overlaid(
      .ip, "value\n198.51.100.0/24\n2001:db8:bad::/48\n",
      [
        Self.item(1, "203.0.113.0/24"), Self.item(2, "203.0.113.7", .remove), Self.item(3, "198.51.100.128/25", .remove),
        Self.item(4, "2001:db8:bad:1::/64", .remove), Self.item(5, "0.0.0.0/0", .remove, until: 100), Self.item(6, "::/0", until: 50),
      ])
    #expect(Self.hasAddress(list, "203.0.113.8", at: 100) && !Self.hasAddress(list, "203.0.113.8", at: 99))
    #expect(!Self.hasAddress(list, "203.0.113.7", at: 100) && !Self.hasAddress(list, "203.0.114.1", at: 100))
    #expect(Self.hasAddress(list, "198.51.100.5", at: 100) && !Self.hasAddress(list, "198.51.100.200", at: 100))
    #expect(Self.hasAddress(list, "2001:db8:bad::1", at: 100) && !Self.hasAddress(list, "2001:db8:bad:1::1", at: 100))
    #expect(Self.hasAddress(list, "fe80::1", at: 49) && !Self.hasAddress(list, "fe80::1", at: 50))
    // An item of IPv6 says nothing of IPv4.
    #expect(!Self.hasAddress(list, "192.0.2.1", at: 0))
  }

  @Test func `an item that has expired gives way to the older one, and at last to the bundle's list`() throws {
    let list = try Self.overlaid(
      .prefix, "value\na\n", [Self.item(1, "a", .remove, until: 20), Self.item(2, "ab", until: 10)])
    #expect(Self.has(list, "abc", at: 9) && !Self.has(list, "abc", at: 10) && Self.has(list, "abc", at: 20))
  }

  @Test func `an item takes the place of the one of its text, and a drop of it leaves nothing`() {
    let hot = HotLists()
    hot.apply([Self.item(1, "10.0.0.0/8"), Self.item(2, "x")], version: 2, replacing: false)
    let first = hot.digest
    hot.apply([Self.item(3, "10.0.0.0/8", .remove)], version: 3, replacing: false)
    #expect(hot.items.map(\.version) == [2, 3])
    hot.apply([Self.item(4, "x", .drop), Self.item(5, "10.0.0.0/8", .drop), Self.item(6, "unknown", .drop)], version: 6, replacing: false)
    #expect(hot.isEmpty && hot.version == 6 && hot.table("l") == nil && hot.digest != first && hot.digest != HotLists().digest)
  }

  @Test func `the same items at the same version have the same digest, whatever way they came`() {
    let (one, other) = (HotLists(), HotLists())
    one.apply([Self.item(1, "a"), Self.item(2, "b"), Self.item(3, "a", .remove)], version: 3, replacing: false)
    other.apply([Self.item(9, "z")], version: 9, replacing: false)
    other.apply([Self.item(2, "b"), Self.item(3, "a", .remove)], version: 9, replacing: true)
    one.apply([], version: 9, replacing: false)
    #expect(one.digest == other.digest && one.items == other.items && one.copy().digest == one.digest)
  }

  @Test func `rules ask under the hot items of the row's partition, row by row`() throws {
    let rule = BundleRulesTests.rules([
      "{id: a, when: \"tx.card in lists.cards\", reason: A, action: decline}",
      // Not for the scalar compiler.
      "{id: b, when: \"[tx.card].exists(c, c + '' in lists.cards)\", reason: B, action: review}",
    ])
    let bundle = try BundleRulesTests.bundle([
      "bundle.yaml":
        "version: 1\nname: t\nschema: schema.yaml\nfeatures: features.yaml\nlists: [{name: cards, file: lists/c.csv, type: text}]\n",
      "rules/a.yaml": rule, "lists/c.csv": "value\nc-1\n",
    ])
    let (add, remove) = (HotLists(), HotLists())
    add.apply([ListItem(version: 1, list: "cards", item: "c-2", operation: .add)], version: 1, replacing: false)
    remove.apply([ListItem(version: 2, list: "cards", item: "c-1", operation: .remove)], version: 2, replacing: false)
    let records = ["c-1", "c-2", "c-1", "c-2", "c-1", "c-2"].map { card in
      BundleRulesTests.transaction { $0.card = Array(card.utf8) }
    }
    let bytes = records.flatMap { $0 }
    let size = records[0].count
    let matrix = [Double](repeating: 0, count: 6 * bundle.features.count)
    var decider = Decider()
    func decide(_ hot: [(rows: Range<Int>, lists: HotLists)]) -> [Decision.Action] {
      var decisions: [Decision] = []
      bytes.withUnsafeBytes { bytes in
        matrix.withUnsafeBufferPointer { matrix in
          decider.decide(
            bundle, records: bytes, record: { $0 * size..<($0 + 1) * size }, matrix: matrix, rowCount: 6, stride: bundle.features.count,
            flags: [[], [], [], [], [], []], hot: hot, into: &decisions)
        }
      }
      for decision in decisions {
        #expect(bundle.reasons(of: decision) == (decision.action == .decline ? ["A", "B"] : []))
      }
      return decisions.map(\.action)
    }
    #expect(decide([]) == [.decline, .approve, .decline, .approve, .decline, .approve])
    #expect(decide([(0..<2, add), (2..<4, remove)]) == [.decline, .decline, .approve, .approve, .decline, .approve])
    #expect(decide([(2..<4, remove)]) == [.decline, .approve, .approve, .approve, .decline, .approve])
    // They change in place.
    remove.apply([ListItem(version: 3, list: "cards", item: "c-2", operation: .add)], version: 3, replacing: false)
    #expect(decide([(2..<6, remove)]) == [.decline, .approve, .approve, .decline, .approve, .decline])
    #expect(decide([]) == [.decline, .approve, .decline, .approve, .decline, .approve])
  }

  @Test func `what the active bundle can't hold is told`() {
    let archive = BundleRulesTests.archive([
      "bundle.yaml": """
      version: 1
      name: t
      lists:
        - {name: ips, file: a, type: ip}
        - {name: codes, file: b, type: number}
        - {name: cards, file: c, type: text}
      """
    ])
    let lists = DeclaredLists(archive)
    #expect(lists.problem(of: "203.0.113.0/24", in: "ips") == nil && lists.problem(of: "2001:db8::1", in: "ips") == nil)
    #expect(lists.problem(of: "203.0.113.1/24", in: "ips")?.contains("no address and no network") == true)
    #expect(lists.problem(of: "a", in: "codes") != nil && lists.problem(of: "5933", in: "codes") == nil)
    #expect(lists.problem(of: "a", in: "cards") == nil)
    #expect(lists.problem(of: "a", in: "card")?.contains("Did you mean 'cards'?") == true)
    #expect(DeclaredLists(BundleRulesTests.archive([:])).problem(of: "a", in: "cards")?.contains("it has none") == true)
  }
}
