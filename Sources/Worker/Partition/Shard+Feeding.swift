import Wire

/// A read of the journal for a follower whose next records have left memory: one at a time for each, so that a follower which
/// lacks much is not read for again at every heartbeat while the first read is under way.
struct Feeding {
  var epoch: Epoch
  var start: Offset
  /// When the follower was last told that the primary lives.
  var heartbeat: Int64
  /// The read came to nothing: not before this time again.
  var retryAt: Int64?
}

extension Shard {
  /// The next records for `node` are in the journal alone. Until they have been read and sent, nothing but heartbeats goes there.
  func feed(_ partition: Partition, _ append: Append, to node: NodeID, _ range: Range<Offset>, now: Int64) {
    // What lies below is nowhere in the journal: to look for it at every heartbeat would read all of it each time.
    guard range.lowerBound >= partition.replica.logStart else { return }
    partition.replica.rewind(node, to: range.lowerBound)
    if let current = partition.feeding[node], current.epoch == append.epoch, current.retryAt.map({ now < $0 }) ?? true {
      guard now - current.heartbeat >= Replica.heartbeatInterval else { return }
      partition.feeding[node]!.heartbeat = now
      output.sends.append(.init(append: append, to: node, records: []))
      return
    }
    partition.feeding[node] = Feeding(epoch: append.epoch, start: range.lowerBound, heartbeat: now)
    output.catchUps.append(.init(append: append, to: node, range: range, log: partition.replica.log))
  }

  /// What `catchUp` asks for has been sent, up to `end`; nil where it can't be read or sent now.
  public func fed(_ catchUp: ShardOutput.CatchUp, upTo end: Offset?, now: Int64) {
    let append = catchUp.append
    guard let partition = partitions[append.partition], let current = partition.feeding[catchUp.to], current.epoch == append.epoch,
      current.start == catchUp.range.lowerBound
    else { return }
    guard let end else { return partition.feeding[catchUp.to]!.retryAt = now + Replica.heartbeatInterval }
    partition.feeding[catchUp.to] = nil
    fed(partition, catchUp.to, append.epoch, current.start..<end, now: now)
  }
}
