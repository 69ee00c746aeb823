import Testing

@testable import Wire

/// Messages and records of operations.
@Suite struct OperationMessageTests {
  static let requests: [(name: String, OperationRequest)] = [
    ("drain", .drain(NodeID(3))), ("undrain", .undrain(NodeID(4))), ("move", .move(PartitionID(5), from: NodeID(6), to: NodeID(7))),
    ("hand-over", .handOver(PartitionID(8), to: NodeID(9))),
    ("remove", .remove(NodeID(3))), ("rebalance", .rebalance),
    ("force-election", .forceElection(PartitionID(10), NodeID(11), reason: "rack 4 burnt down")),
  ]

  static let record = OperationRecord(
    id: OperationID(12), request: .drain(NodeID(3)), state: .aborting, phase: 2, note: "3 partitions left", requester: "admin ada",
    startedAt: 1_790_000_000_000, endedAt: 1_790_000_000_001, token: 0x1122_3344_5566_7788, detail: [7, 8, 9])

  static let member = Member(node: NodeID(2), storage: StorageID(high: 3, low: 4), incarnation: Incarnation(5))

  static let plan = OperationPlan(
    steps: ["p1: lead moves to w2", "w3 can be stopped"], toleratedNow: 2, toleratedMeanwhile: 1, toleratedAfter: 3)

  static let messages: [(name: String, message: any ClusterMessage)] =
    requests.map { ("start-operation-\($0.name)", StartOperation($0.1, isDryRun: true, token: 0x0102_0304_0506_0708)) } + [
      ("operation-started", OperationStarted(plan: plan, record: record)),
      ("operations-request", OperationsRequest(OperationID(12))), ("operations", Operations([record])),
      ("abort-operation", AbortOperation(OperationID(12))),
      ("audit-request", AuditRequest()), ("audit-log", AuditLog(audit)),
      ("hand-over-pause", HandOverCommand(.pause, PartitionID(8), version: RecordVersion(9), successor: member)),
      (
        "hand-over-report",
        HandOverReport(
          member: member, partition: PartitionID(8), version: RecordVersion(9), state: .resumed, pausedMilliseconds: 0x0A0B_0C0D)
      ),
    ]

  static let audit = [
    AuditRecord(after: nil, time: 1_790_000_000_000, who: "admin ada", what: "drain w1", outcome: "began")
  ].flatMap { [$0, AuditRecord(after: $0, time: 1_790_000_000_500, who: "admin ada", what: "drain w1", outcome: "finished")] }

  @Test func `a record of the audit log that was changed, left out or put in is found`() {
    var records: [AuditRecord] = []
    for number in 0..<5 {
      records.append(AuditRecord(after: records.last, time: Int64(number), who: "a", what: "w\(number)", outcome: "o"))
    }
    #expect(AuditRecord.firstBroken(records) == nil && AuditRecord.firstBroken(Array(records.dropFirst(2))) == nil)
    var changed = records
    changed[2].outcome = "p"
    #expect(AuditRecord.firstBroken(changed)?.number == 3)
    var short = records
    short.remove(at: 2)
    #expect(AuditRecord.firstBroken(short)?.number == 4)
    var forged = records
    forged[2] = AuditRecord(after: records[1], time: 9, who: "a", what: "x", outcome: "o")
    #expect(AuditRecord.firstBroken(forged)?.number == 4)
  }

  @Test(arguments: messages.indices)
  func `messages of operations have their golden bytes and are read whole or not at all`(index: Int) throws {
    try Golden.check(Self.messages[index].name, whole: Self.messages[index].message)
  }

  @Test func `all operations are asked for by the number that no operation has`() throws {
    let bytes = OperationsRequest().encoded
    #expect(bytes == [0, 0, 0, 0])
    #expect(try OperationsRequest(reading: bytes.span.bytes).id == nil)
  }
}
