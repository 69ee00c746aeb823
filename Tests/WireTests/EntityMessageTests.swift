import Testing

@testable import Wire

/// What operators ask of entities.
@Suite struct EntityMessageTests {
  static let answer = EntityAnswer(
    partition: PartitionID(3), epoch: Epoch(4), commit: Offset(500), bundle: BundleID(high: 1, low: 2), eventCount: 7, oldestTime: 1_700,
    newestTime: 1_900, isTruncated: true, memoryBytes: 4_096,
    events: [.init(time: 1_900, amount: 250, fields: [.init("country", "FR")]), .init(time: 1_700, amount: 1, fields: [])],
    features: [
      .init(name: "count_1h", value: 2, after: 1_000, until: 1_900, count: 2, events: [0, 1], isPartial: true),
      .init(name: "amount", value: .nan),
    ],
    decided: .init(
      partition: PartitionID(3), offset: Offset(42), bundle: BundleID(high: 1, low: 2), score: 0.5, action: "review", reasons: ["BURST"],
      flags: ["late"], eventTime: 1_900, loggedTime: 1_950))

  static let messages: [(name: String, message: any ClusterMessage)] = [
    ("entity-request", EntityRequest(partition: PartitionID(3), entity: .merchant, token: "m-1", events: 20)),
    ("entity-request-transaction", EntityRequest(partition: PartitionID(3), entity: .card, token: "c-1", transaction: "t-1")),
    ("entity-answer", answer),
    ("entity-answer-unknown", EntityAnswer(partition: PartitionID(3), epoch: Epoch(4), commit: .zero, bundle: .none)),
  ]

  @Test(arguments: messages.indices)
  func `messages about entities have their golden bytes and are read whole or not at all`(index: Int) throws {
    try Golden.check(Self.messages[index].name, whole: Self.messages[index].message)
  }
}
