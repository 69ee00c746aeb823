import Wire

extension WorkerNode {
  /// How many segments of the journal are behind the present one before a partition that holds the oldest back is asked
  /// for a checkpoint.
  static let segmentsBehindMax: UInt32 = 8

  /// C3: removes whole segments that lie below every partition's cut point. From any thread; at most one at a time.
  func cutJournal() {
    guard !isStopping, let cuts = beginCutting() else { return }
    let last = journal.lastTicket
    background {
      defer { self.endCutting() }
      // The end of what is not needed any more must be on the disk before what it ends is gone.
      guard self.journal.waitUntilDurable(last) else { return }
      var first = cuts.map(\.limit).min() ?? 0
      let newest = self.journal.lastSegment
      var late: [PartitionID] = []
      let points = cuts.flatMap(\.points)
      for point in points {
        let place = self.logIndex.start(of: point.partition, from: point.offset) ?? self.journal.beginning
        first = min(first, place.segment)
        if place.segment + Self.segmentsBehindMax < newest { late.append(point.partition) }
      }
      for id in late {
        let loop = self.loops[self.loopIndex(of: id)]
        loop.eventLoop.execute { loop.shard.wantCheckpoint(of: id) }
      }
      guard first > self.journal.beginning.segment else { return }
      do {
        // From now on nobody is sent there.
        for point in points {
          let loop = self.loops[self.loopIndex(of: point.partition)]
          loop.eventLoop.execute { loop.shard.cut(point.partition, to: point.offset) }
        }
        try self.journal.removeSegments(below: first)
        self.logIndex.forget(below: self.journal.beginning.segment)
        self.logger.debug("log cut", metadata: ["first_segment": "\(first)"])
      } catch {
        self.logger.warning("old log segments can't be removed", metadata: ["reason": "\(error)"])
      }
    }
  }
}
