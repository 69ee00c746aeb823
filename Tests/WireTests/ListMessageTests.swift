import Testing

@testable import Wire

@Suite struct ListMessageTests {
  static let items = [
    ListItem(version: 7, list: "blocked_ips", item: "203.0.113.0/24", operation: .add, until: 1_796_083_200_000),
    ListItem(version: 9, list: "cards", item: "c-1", operation: .remove),
    ListItem(version: 12, list: "cards", item: "c-2", operation: .drop),
  ]
  static let record = ListItemRecord(item: items[0], requester: "admin ada", reason: "attack", time: 1_790_000_000_000)

  static let all: [(name: String, message: any ClusterMessage)] = [
    (
      "edit-list",
      EditList(list: "blocked_ips", item: "203.0.113.0/24", operation: .add, until: 1_796_083_200_000, reason: "attack")
    ),
    ("list-edited", ListEdited(version: 7)), ("lists-request", ListsRequest()), ("lists", Lists(version: 12, records: [record])),
    ("list-items-request", ListItemsRequest(since: 6)), ("list-items", ListItems(since: 6, version: 12, floor: 3, items: items)),
  ]

  @Test(arguments: all.indices)
  func `messages about hot items have their golden bytes and are read whole or not at all`(index: Int) throws {
    try Golden.check(Self.all[index].0, whole: Self.all[index].1)
  }

  @Test func `a heartbeat's answer names the list version only where there is one`() throws {
    #expect(HeartbeatAccepted(map: MapVersion(42)).encoded == Golden.read("heartbeat-accepted"))
    let with = HeartbeatAccepted(map: MapVersion(42), lists: 12)
    Golden.check("heartbeat-accepted-lists", with.encoded)
    let bytes = Golden.read("heartbeat-accepted-lists")
    #expect(try HeartbeatAccepted(reading: bytes.span.bytes) == with)
    // There is one way to write each: none is left out.
    let zero = Array(bytes.dropLast(8)) + [UInt8](repeating: 0, count: 8)
    #expect((try? HeartbeatAccepted(reading: zero.span.bytes)) == nil)
  }

  @Test func `versions that don't rise, and items without a text, are refused`() {
    func refuse(_ message: ListItems) {
      let bytes = message.encoded
      #expect(throws: WireError.self) { _ = try ListItems(reading: bytes.span.bytes) }
    }
    refuse(ListItems(since: 6, version: 12, floor: 3, items: Self.items.reversed()))
    refuse(ListItems(since: 7, version: 12, floor: 3, items: Self.items))
    refuse(ListItems(since: 6, version: 11, floor: 3, items: Self.items))
    refuse(ListItems(since: 6, version: 12, floor: 13, items: Self.items))
    let empty = EditList(list: "cards", item: "", operation: .add, reason: "r").encoded
    #expect(throws: WireError.self) { _ = try EditList(reading: empty.span.bytes) }
    let silent = EditList(list: "cards", item: "c", operation: .add, reason: "").encoded
    #expect(throws: WireError.self) { _ = try EditList(reading: silent.span.bytes) }
  }
}
