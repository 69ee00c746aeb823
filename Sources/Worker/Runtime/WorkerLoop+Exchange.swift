import NIOCore
import Wire

/// The exchange's messages (X1, X2): to other workers by the links that payments use, to partitions of this one at once.
extension WorkerLoop {
  /// Between looks at the deadlines, while something is open.
  private static let exchangeTick = TimeAmount.milliseconds(10)

  func exchange(_ output: ShardOutput) {
    for (message, id) in output.contributions {
      if id == node.nodeID {
        onLoop(of: message.target) { $0.shard.received(message, now: $0.now()) }
      } else {
        peers.send(.contributions, to: id) { message.write(to: &$0) }
      }
    }
    for (message, id) in output.contributionReplies {
      if id == node.nodeID {
        onLoop(of: message.home) { $0.shard.received(message, now: $0.now()) }
      } else {
        peers.send(.contributionReplies, to: id) { message.write(to: &$0) }
      }
    }
    for decision in output.decidedLater { metrics.decided(decision) }
    scheduleExchange()
  }

  /// Both messages begin with their addressee. What can't be read is sent again by whoever is of another version.
  func received(exchange kind: FrameKind, _ payload: RawSpan) {
    guard !node.isStopping, !node.journal.isFull else { return }
    if kind == .contributions {
      guard let message = try? Contributions(reading: payload) else { return }
      shard.received(message, now: now())
    } else {
      guard let message = try? ContributionReplies(reading: payload) else { return }
      shard.received(message, now: now())
    }
    scheduleDrain()
  }

  /// Never within the step that sends it.
  private func onLoop(of partition: PartitionID, _ body: @escaping @Sendable (WorkerLoop) -> Void) {
    let owner = node.loops[node.loopIndex(of: partition)]
    owner.eventLoop.execute {
      guard !owner.node.isStopping else { return }
      body(owner)
      owner.drain()
    }
  }

  private func scheduleExchange() {
    guard !isExchangeScheduled else { return }
    isExchangeScheduled = true
    eventLoop.scheduleTask(in: Self.exchangeTick) {
      self.isExchangeScheduled = false
      self.shard.tickExchanges(now: self.now())
      self.drain()
      if self.shard.hasOpenIntakes { self.scheduleExchange() }
    }
  }
}
