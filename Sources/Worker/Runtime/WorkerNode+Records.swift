import NIOCore
import Wire

/// R2: what this worker knows, for a coordinator whose store was restored.
extension WorkerNode {
  /// Tells it once every loop has said what its partitions have seen; what has gone from memory stands in the role facts.
  func tellRecords(map: MapVersion) {
    let gathered = Monitor<(left: Int, copies: [PartitionID: RecordsReport.Copy])>((loops.count, [:]))
    for loop in loops {
      loop.eventLoop.execute {
        let own = loop.shard.copies()
        let copies = gathered.withLock { gathered -> [PartitionID: RecordsReport.Copy]? in
          for copy in own { gathered.copies[copy.partition] = copy }
          gathered.left -= 1
          return gathered.left == 0 ? gathered.copies : nil
        }
        if let copies { self.session.report(self.recordsReport(copies, map)) }
      }
    }
  }

  private func recordsReport(_ copies: [PartitionID: RecordsReport.Copy], _ map: MapVersion) -> RecordsReport {
    var copies = copies
    for (id, bytes) in directory.roles.all {
      guard let facts = try? PartitionFacts(reading: bytes.span.bytes) else { continue }
      var copy = copies[id] ?? RecordsReport.Copy(partition: id, highestEpoch: .none)
      copy.highestEpoch = max(copy.highestEpoch, facts.highestEpoch)
      if let record = facts.record, record.version > copy.record?.version ?? RecordVersion(0) { copy.record = record }
      copies[id] = copy
    }
    return RecordsReport(member: me, intactSince: intactSince, map: map, copies: copies.values.sorted { $0.partition < $1.partition })
  }
}
