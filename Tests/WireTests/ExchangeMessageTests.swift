import Testing

@testable import Wire

@Suite struct ExchangeMessageTests {
  static func transaction(_ id: String, terminal: String = "t-1", device: String = "d-1") -> [UInt8] {
    var builder = TransactionBuilder()
    builder.id = Array(id.utf8)
    builder.card = Array("card-1".utf8)
    builder.terminal = Array(terminal.utf8)
    builder.device = Array(device.utf8)
    builder.amount = 1_250
    builder.eventTime = 1_767_571_200_000
    var bytes: [UInt8] = []
    builder.append(to: &bytes)
    return bytes
  }

  static let both: EntitySlots = [EntitySlots(EntitySlot(.terminal)), EntitySlots(EntitySlot(.device))]

  static let contributions = Contributions(
    home: PartitionID(3), homeEpoch: Epoch(restore: 1, number: 4), target: PartitionID(5), targetEpoch: Epoch(6), sender: NodeID(2),
    senderIncarnation: Incarnation(7), settled: Offset(1_000), bundle: BundleID(high: 0x57, low: 0x58),
    items: [
      ContributionItem(offset: Offset(1_000), slots: both, transaction: transaction("a")),
      ContributionItem(offset: Offset(1_003), slots: EntitySlots(EntitySlot(.device)), transaction: transaction("b")),
    ])

  static func replies(_ result: ContributionReplies.Result) -> ContributionReplies {
    ContributionReplies(
      home: PartitionID(3), homeEpoch: Epoch(4), target: PartitionID(5), targetEpoch: Epoch(6), sender: NodeID(1),
      senderIncarnation: Incarnation(8), settled: Offset(998), result: result)
  }

  static let answers: [(String, ContributionReplies)] = [
    (
      "contribution-replies",
      replies(
        .replies([
          .init(offset: Offset(1_000), slot: EntitySlot(.terminal), status: .applied(flags: 2, values: [3, 12.5])),
          .init(offset: Offset(1_000), slot: EntitySlot(.device), status: .stale),
        ]))
    ),
    ("contribution-replies-fenced", replies(.fenced(highest: Epoch(9)))),
    ("contribution-replies-unknown", replies(.unknownHome(MapVersion(77)))),
    ("contribution-replies-unavailable", replies(.unavailable)),
  ]

  @Test func `contributions have their golden bytes and are taken only whole`() {
    Golden.check("contributions", DataMessageTests.encoded { Self.contributions.write(to: &$0) })
    DataMessageTests.expectExact(Golden.read("contributions")) { bytes in
      let read = try Contributions(reading: bytes.span.bytes)
      #expect(read == Self.contributions)
    }
  }

  @Test func `contributions of labels have their golden bytes and are taken only whole`() {
    var message = Self.contributions
    message.items[1].label = Label(.fraud, version: 0x0102)
    Golden.check("contributions-labels", DataMessageTests.encoded { message.write(to: &$0) })
    DataMessageTests.expectExact(Golden.read("contributions-labels")) { bytes in
      let read = try Contributions(reading: bytes.span.bytes)
      #expect(read == message)
    }
    var bytes = Golden.read("contributions-labels")
    #expect(bytes.suffix(3) == [2, 2, 1])
    bytes[bytes.count - 3] = 3
    #expect((try? Contributions(reading: bytes.span.bytes)) == nil, "no such finding")
  }

  @Test(arguments: answers.indices) func `the answer has its golden bytes and is taken only whole`(index: Int) {
    let (name, message) = Self.answers[index]
    Golden.check(name, DataMessageTests.encoded { message.write(to: &$0) })
    DataMessageTests.expectExact(Golden.read(name)) { bytes in
      let read = try ContributionReplies(reading: bytes.span.bytes)
      #expect(read == message)
    }
  }

  @Test func `contributions out of order, to no entity, or to one that the transaction lacks are refused`() {
    func isRefused(_ change: (inout Contributions) -> Void) -> Bool {
      var message = Self.contributions
      change(&message)
      let bytes = DataMessageTests.encoded { message.write(to: &$0) }
      return (try? Contributions(reading: bytes.span.bytes)) == nil
    }
    #expect(!isRefused { _ in })
    #expect(isRefused { $0.items.reverse() })
    #expect(isRefused { $0.items[1].offset = $0.items[0].offset })
    #expect(isRefused { $0.items[0].slots = [] })
    #expect(isRefused { $0.items[0].slots = EntitySlots(EntitySlot(.card)) })
    #expect(isRefused { $0.items[0].slots = EntitySlots(rawValue: 0x80) })
    #expect(isRefused { $0.items[0].slots = EntitySlots(EntitySlot(.ip)) })
  }

  @Test func `no change of a byte makes a decoder trap, and what is taken is written as it was read`() {
    let bytes = DataMessageTests.encoded { Self.contributions.write(to: &$0) }
    let answers = Self.answers.map { answer in DataMessageTests.encoded { answer.1.write(to: &$0) } }
    for position in bytes.indices {
      for value in [0, 1, 4, 0x7F, 0xFF] as [UInt8] {
        var changed = bytes
        changed[position] = value
        guard let read = try? Contributions(reading: changed.span.bytes) else { continue }
        #expect(DataMessageTests.encoded { read.write(to: &$0) } == changed, "\(value) at \(position)")
      }
    }
    for answer in answers {
      for position in answer.indices {
        for value in [0, 1, 4, 0x7F, 0xFF] as [UInt8] {
          var changed = answer
          changed[position] = value
          guard let read = try? ContributionReplies(reading: changed.span.bytes) else { continue }
          #expect(DataMessageTests.encoded { read.write(to: &$0) } == changed, "\(value) at \(position)")
        }
      }
    }
  }

  @Test func `an entity's place in the key space is that of its token and kind`() {
    let bytes = Self.transaction("a", terminal: "same", device: "same")
    let view = TransactionView(trusted: bytes.span.bytes)
    #expect(view.key(EntitySlot(.card)) == view.keyHash)
    #expect(view.key(EntitySlot(.terminal)) != view.key(EntitySlot(.device)))
    #expect(view.present(.foreign) == Self.both)
  }
}
