import DequeModule
import Wire

/// The entities' side of the exchange at a serving primary (X2, X3, X5), as a state machine without I/O or clock: what of
/// a message is to be logged, and what is answered once it has committed. Everything that it must not forget is in the
/// `EntityLedger`.
public struct EntityExchange: Sendable {
  /// Messages whose answers wait for a commit. What is over the bound is not answered: it comes again.
  static let waitingMax = 4_096

  public let partition: PartitionID
  public let range: KeyRange
  public let epoch: Epoch
  public let me: Member
  public let window: Int

  /// By the end that they wait for, nearly in order: those that repeat a contribution wait for an earlier one.
  private var waiting = Deque<Waiting>()

  private struct Waiting: Sendable {
    var end: Offset
    var home: PartitionID
    var homeEpoch: Epoch
    var to: NodeID
    var settled: Offset
    var contributions: [Contribution]
  }

  private struct Contribution: Sendable {
    var offset: Offset
    var slot: EntitySlot
    var key: KeyHash
  }

  /// What the newest map at hand says of a home.
  public struct HomeStanding: Equatable, Sendable {
    public var map: MapVersion
    public var isPresent: Bool

    public init(map: MapVersion, isPresent: Bool) {
      self.map = map
      self.isPresent = isPresent
    }
  }

  public init(partition: PartitionID, range: KeyRange, epoch: Epoch, me: Member, window: Int = ExchangeWindow.size) {
    self.partition = partition
    self.range = range
    self.epoch = epoch
    self.me = me
    self.window = window
  }

  public var waitingCount: Int { waiting.count }

  // MARK: Inputs

  /// A home's message. Answers what is to be logged now, at `next`, as one entry, and applied to the ledger; nil for
  /// nothing.
  public mutating func received(
    _ message: Contributions, _ ledger: EntityLedger, home: HomeStanding, next: Offset, _ actions: inout [EntityAction]
  ) -> ContributionsRecord? {
    guard message.targetEpoch == epoch else {
      // R3: a lower one is refused as fenced; of a higher one this node has to hear first.
      if message.targetEpoch > epoch { actions.append(.fetchMap) }
      answer(message, .fenced(highest: max(epoch, message.targetEpoch)), &actions)
      return nil
    }
    guard waiting.count < Self.waitingMax else { return nil }
    var record = ContributionsRecord(
      home: message.home, settled: message.settled, map: home.map, range: range, bundle: message.bundle, items: [])
    var waiter = Waiting(
      end: .zero, home: message.home, homeEpoch: message.homeEpoch, to: message.sender, settled: message.settled,
      contributions: [])
    let mayAdmit = ledger.admits(isPresent: home.isPresent, map: home.map)
    for item in message.items {
      guard let fresh = fresh(item, message, ledger, mayAdmit: mayAdmit, &waiter) else {
        if !home.isPresent { actions.append(.fetchMap) }
        answer(message, .unknownHome(max(home.map, ledger.forgottenAt)), &actions)
        return nil
      }
      if fresh.isEmpty { continue }
      record.items.append(ContributionItem(offset: item.offset, slots: fresh, transaction: item.transaction, label: item.label))
    }
    let isNews = ledger.settled(message.home).map { $0 < message.settled } ?? false
    let isLogged = !record.items.isEmpty || isNews
    if isLogged { waiter.end = next + 1 }
    waiting.append(waiter)
    return isLogged ? record : nil
  }

  /// Everything below `end` has committed: answers what waited for it, each home at once.
  public mutating func settle(_ end: Offset, _ ledger: inout EntityLedger, _ actions: inout [EntityAction]) {
    for answered in answerCommitted(end, ledger, &actions) {
      for asked in answered.contributions { ledger.discard(answered.home, asked.offset, asked.slot) }
    }
  }

  /// Under a planted mistake, what has been logged is answered at once.
  public mutating func logged(_ ledger: EntityLedger, _ actions: inout [EntityAction]) {
    if planted(.replyBeforeCommit) { answerCommitted(Offset(.max), ledger, &actions) }
  }

  // MARK: Answers

  /// The item's slots that are new; nil where the home is unknown and can't be admitted. What lies beyond the window or
  /// outside of the range is passed over: no home sends it.
  private func fresh(
    _ item: ContributionItem, _ message: Contributions, _ ledger: EntityLedger, mayAdmit: Bool, _ waiter: inout Waiting
  ) -> EntitySlots? {
    guard ExchangeWindow.admits(item.offset, settled: message.settled, size: window) else { return [] }  // X3
    var fresh = EntitySlots()
    var isUnknown = false
    item.transaction.withUnsafeBytes { bytes in
      let transaction = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
      item.slots.forEach { slot in
        let key = transaction.key(slot)
        guard range.contains(key) else { return }
        waiter.contributions.append(Contribution(offset: item.offset, slot: slot, key: key))
        switch ledger.verdict(message.home, item.offset, slot, key) {
        case .fresh: fresh.insert(slot)
        case .kept(let applied): waiter.end = max(waiter.end, applied)
        case .stale: break
        case .unknown: if mayAdmit { fresh.insert(slot) } else { isUnknown = true }
        }
      }
    }
    return isUnknown ? nil : fresh
  }

  @discardableResult
  private mutating func answerCommitted(_ commit: Offset, _ ledger: EntityLedger, _ actions: inout [EntityAction]) -> [Waiting] {
    var answered: [Waiting] = []
    var gathered: [(waiter: Waiting, replies: [ContributionReplies.Reply])] = []
    // One that waits for an older entry may stand behind one that waits for a newer: it is answered with that.
    while let first = waiting.first, first.end <= commit {
      waiting.removeFirst()
      let place = gathered.firstIndex {
        $0.waiter.home == first.home && $0.waiter.homeEpoch == first.homeEpoch && $0.waiter.to == first.to
          && $0.replies.count + first.contributions.count <= ContributionReplies.repliesMax
      }
      if let place {
        for asked in first.contributions { reply(first.home, asked, ledger).map { gathered[place].replies.append($0) } }
      } else {
        gathered.append((first, first.contributions.compactMap { reply(first.home, $0, ledger) }))
      }
      if planted(.forgetOnReply) { answered.append(first) }
    }
    for (waiter, replies) in gathered {
      // Of a home that is not known here there is nothing to forget.
      actions.append(
        .reply(
          ContributionReplies(
            home: waiter.home, homeEpoch: waiter.homeEpoch, target: partition, targetEpoch: epoch, sender: me.node,
            senderIncarnation: me.incarnation, settled: ledger.settled(waiter.home) ?? waiter.settled, result: .replies(replies)),
          to: waiter.to))
    }
    return answered
  }

  private func reply(_ home: PartitionID, _ asked: Contribution, _ ledger: EntityLedger) -> ContributionReplies.Reply? {
    ledger.reply(home, asked.offset, asked.slot, asked.key).map { .init(offset: asked.offset, slot: asked.slot, status: $0) }
  }

  private func answer(
    _ message: Contributions, _ result: ContributionReplies.Result, _ actions: inout [EntityAction]
  ) {
    actions.append(
      .reply(
        ContributionReplies(
          home: message.home, homeEpoch: message.homeEpoch, target: partition, targetEpoch: epoch, sender: me.node,
          senderIncarnation: me.incarnation, settled: .zero, result: result), to: message.sender))
  }
}
