import Testing

@testable import Wire

/// What the coordinator and the workers say to each other after a restore of the coordinator's store (R2).
@Suite struct RestoreMessageTests {
  static let record = ClusterSamples.map.partitions[0]

  static let messages: [(name: String, message: any ClusterMessage)] = [
    ("records-request", RecordsRequest(restores: 2)),
    (
      "records-report",
      RecordsReport(
        member: ClusterSamples.member(3), intactSince: Incarnation(2), map: MapVersion(42),
        copies: [
          .init(partition: record.id, highestEpoch: Epoch(5), logEpoch: Epoch(4), logEnd: Offset(1_000), record: record),
          .init(
            partition: PartitionID(17), highestEpoch: .none, logEpoch: Epoch(1), logEnd: Offset(1), birth: SuccessionMessageTests.split),
          .init(partition: PartitionID(18), highestEpoch: Epoch(restore: 1, number: 2)),
        ])
    ),
    ("backup-request", BackupRequest()), ("backup-content", BackupContent(file: [1, 2, 3, 4, 5])),
    ("start-operation-give-up", StartOperation(.giveUp(NodeID(3), reason: "its host burnt down"), isDryRun: false, token: 6)),
  ]

  @Test(arguments: messages.indices)
  func `messages of restores have their golden bytes and are read whole or not at all`(index: Int) throws {
    try Golden.check(Self.messages[index].name, whole: Self.messages[index].message)
  }

  @Test func `a record of another partition than the copy's is refused`() {
    let copy = RecordsReport.Copy(partition: PartitionID(99), highestEpoch: Epoch(1), record: Self.record)
    let bytes = RecordsReport(member: ClusterSamples.member(3), intactSince: Incarnation(2), map: .none, copies: [copy]).encoded
    #expect(throws: WireError.self) { _ = try RecordsReport(reading: bytes.span.bytes) }
  }
}
