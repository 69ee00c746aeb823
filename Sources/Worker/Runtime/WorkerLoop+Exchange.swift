import NIOCore
import Wire

/// The exchange's messages (X1, X2): to other workers by the links that payments use, to partitions of this one at once.
extension WorkerLoop {
  /// Between looks at the deadlines, while something is open.
  private static let exchangeTick = TimeAmount.milliseconds(10)

  func exchange(_ output: ShardOutput) {
    var here: [Int: Here] = [:]
    for (message, id) in output.contributions {
      if id == node.nodeID {
        here[node.loopIndex(of: message.target), default: Here()].contributions.append(message)
      } else {
        peers.send(.contributions, to: id) { message.write(to: &$0) }
      }
    }
    for (message, id) in output.contributionReplies {
      if id == node.nodeID {
        here[node.loopIndex(of: message.home), default: Here()].replies.append(message)
      } else {
        peers.send(.contributionReplies, to: id) { message.write(to: &$0) }
      }
    }
    for (loop, messages) in here.sorted(by: { $0.key < $1.key }) { deliver(messages, to: node.loops[loop]) }
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

  /// Messages of a burst that stay on this worker, for one loop.
  private struct Here: Sendable {
    var contributions: [Contributions] = []
    var replies: [ContributionReplies] = []
  }

  /// Never within the step that sends them.
  private func deliver(_ messages: Here, to owner: WorkerLoop) {
    owner.eventLoop.execute {
      guard !owner.node.isStopping else { return }
      let now = owner.now()
      for message in messages.contributions { owner.shard.received(message, now: now) }
      for message in messages.replies { owner.shard.received(message, now: now) }
      owner.scheduleDrain()
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
