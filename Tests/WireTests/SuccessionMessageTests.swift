import Testing

@testable import Wire

/// What the coordinator and the workers say to each other in a split or a merge (R12).
@Suite struct SuccessionMessageTests {
  static let split = Succession(
    operation: OperationID(7), epoch: Epoch(restore: 1, number: 1), parents: [PartitionID(3)],
    children: [
      .init(id: PartitionID(17), range: KeyRange(first: KeyHash(0x1000), last: KeyHash(0x17FF))),
      .init(id: PartitionID(18), range: KeyRange(first: KeyHash(0x1800), last: KeyHash(0x1FFF))),
    ])
  static let merge = Succession(
    operation: OperationID(8), epoch: Epoch(1), parents: [PartitionID(17), PartitionID(18)],
    children: [.init(id: PartitionID(19), range: KeyRange(first: KeyHash(0x1000), last: KeyHash(0x1FFF)))])
  static let forced = Succession(
    operation: OperationID(9), epoch: Epoch(1), parents: [PartitionID(3)],
    children: [.init(id: PartitionID(20), range: KeyRange(first: KeyHash(0x1000), last: KeyHash(0x1FFF)))])
  static let member = Member(node: NodeID(2), storage: StorageID(high: 3, low: 4), incarnation: Incarnation(5))

  static let messages: [(name: String, message: any ClusterMessage)] = [
    ("succession-prepare", SuccessionCommand(.prepare, split, versions: [RecordVersion(9)])),
    ("succession-abort", SuccessionCommand(.abort, merge, versions: [RecordVersion(9), RecordVersion(10)])),
    (
      "succession-report",
      SuccessionReport(
        member: member, succession: split, parents: [.init(partition: PartitionID(3), isPrimary: true, isSealed: true, isDelivered: false)],
        children: [.init(partition: PartitionID(17), digest: 0xAB), .init(partition: PartitionID(18), digest: 0xCD)])
    ),
    ("succession-force", SuccessionCommand(.force, forced, versions: [RecordVersion(9)])),
    ("start-operation-split", StartOperation(.split(PartitionID(3), at: KeyHash(0x1800)), isDryRun: false, token: 6)),
    ("start-operation-merge", StartOperation(.merge(PartitionID(3), PartitionID(4)), isDryRun: true, token: 6)),
  ]

  @Test(arguments: messages.indices)
  func `messages of splits and merges have their golden bytes and are read whole or not at all`(index: Int) throws {
    try Golden.check(Self.messages[index].name, whole: Self.messages[index].message)
  }

  @Test func `what is neither a split nor a merge is refused`() {
    func refuses(_ change: (inout Succession) -> Void) -> Bool {
      var succession = Self.split
      change(&succession)
      let bytes = succession.encoded
      return (try? Succession(reading: bytes.span.bytes)) == nil
    }
    #expect(!refuses { _ in })
    #expect(refuses { $0.parents.append(PartitionID(4)) })
    #expect(refuses { $0.children = [] })
    #expect(refuses { $0.parents = [PartitionID(17)] })
    #expect(refuses { $0.epoch = .none })
    #expect(refuses { $0.children[1].range = KeyRange(first: KeyHash(0x1801), last: KeyHash(0x1FFF)) })
    #expect(refuses { $0.children.swapAt(0, 1) })
  }
}
