import DequeModule
import Wire

/// The home side of the exchange at a serving primary (X1-X4), as a state machine without I/O or clock: what leaves for
/// which partition, what has been answered, which intakes are to be decided. What it must not forget is in the
/// `HomeLedger`, which the log makes; this is made anew from that by every primary, which sends everything owed again
/// under the same identities.
///
/// What commits and replies bring about gathers until `settle`, at the end of the shell's burst: batches are then as large as
/// the burst. `now` is milliseconds on a clock that only goes forward.
public struct HomeExchange: Sendable {
  /// How long an unanswered contribution waits to be sent again.
  static let resendAfter: Int64 = 250
  /// How long what has settled waits to be told, where nothing else goes that way.
  static let settledAfter: Int64 = 500
  /// How long late acknowledgements wait for company, and how many are enough.
  static let acknowledgeAfter: Int64 = 100
  static let acknowledgeMax = 512

  public let partition: PartitionID
  public let epoch: Epoch
  public let me: Member
  /// X4, ms from the intake's commit.
  public let deadline: Int64
  /// X3, offsets.
  public let window: Int

  private(set) var commit: Offset
  private(set) var lanes: [ExchangeLane]
  /// Undecided, or with a decision that has not committed, in order of offset; among them may be some that are done.
  private(set) var open = Deque<Open>()
  /// Behind the entries of `open` that were committed when last looked.
  private var uncommittedFrom = 0
  /// Behind those that have been looked at once their contributions could leave.
  private var reviewedTo = 0
  private var acknowledged: [AcknowledgedRecord.Row] = []
  private var acknowledgedSince: Int64 = 0
  /// Given to the shell by `settle`: replies that come before that are still taken.
  private var ready: [Offset] = []
  /// The partition's list, to which intakes refer by index.
  public var bundles: [BundleID]
  /// Since they were last taken.
  private var counts = ExchangeCounts()

  struct Open: Sendable {
    let offset: Offset
    /// Contributions whose replies the decision waits for.
    var awaited: EntitySlots
    var replies: [ContributionReplies.Reply] = []
    /// The intake's commit starts it.
    var due = Int64.max
    var phase = Phase.waiting
    /// By a full window, some of what it would have waited for.
    var isHeldBack = false
  }

  enum Phase: Equatable, Sendable {
    /// To `ready` by the last reply or the deadline.
    case waiting
    /// Given to the shell. To `decided`.
    case ready
    /// By the entry that ends here. Leaves when that has committed.
    case decided(end: Offset)
  }

  /// A primary begins to serve: everything in `ledger` has committed.
  public init(
    partition: PartitionID, epoch: Epoch, me: Member, deadline: Int64, window: Int = ExchangeWindow.size, ledger: HomeLedger,
    bundles: [BundleID], commit: Offset, routes: [ExchangeRoute], now: Int64
  ) {
    precondition(deadline >= 0 && window > 0)
    self.partition = partition
    self.epoch = epoch
    self.me = me
    self.deadline = deadline
    self.window = window
    self.commit = commit
    self.bundles = bundles
    // Others may still keep replies to predecessors of this primary, and wait to be told.
    lanes = Self.lanes(routes, newest: commit > .zero ? Offset(commit.rawValue - 1) : nil)
    for intake in ledger.unfinished {
      if !intake.isDecided { open.append(Open(offset: intake.offset, awaited: intake.owed, due: now + deadline)) }
      owe(intake, intake.owed)
    }
    uncommittedFrom = open.count
    reviewedTo = open.count
  }

  /// Nothing is undecided, and nothing owed, as far as replies have come: the ledger is empty once these are logged.
  public var isDrained: Bool {
    open.isEmpty && acknowledged.isEmpty && lanes.allSatisfy(\.isEmpty) || planted(.retireUnsettled) && open.isEmpty
  }

  /// Something is undecided, or its decision has not committed.
  public var hasOpen: Bool { !open.isEmpty }

  /// Payments that wait for answers or the deadline.
  public var openCount: Int { open.count { $0.phase == .waiting } }

  /// What has been counted since the last call.
  public mutating func takeCounts() -> ExchangeCounts {
    defer { counts = ExchangeCounts() }
    return counts
  }

  /// End of the entry with the decision on `offset`, while that may not have committed.
  public func decisionEnd(_ offset: Offset) -> Offset? {
    guard let place = place(offset), case .decided(let end) = open[place].phase else { return nil }
    return end
  }

  // MARK: Inputs

  /// An intake has been logged, and is in the ledger. Of a label nothing is to be decided.
  public mutating func took(_ intake: HomeLedger.Intake) {
    if !intake.isDecided { open.append(Open(offset: intake.offset, awaited: intake.owed)) }
    owe(intake, intake.owed)
  }

  /// The shell has logged decisions, in an entry that ends at `end`.
  public mutating func decided(_ offsets: some Sequence<Offset>, end: Offset) {
    for offset in offsets {
      guard let place = place(offset) else { preconditionFailure("\(offset) was not open") }
      open[place].phase = .decided(end: end)
      open[place].replies = []
    }
  }

  /// Everything below `end` has committed.
  public mutating func committed(_ end: Offset, now: Int64) {
    commit = max(commit, end)
    dropDecided()
    while uncommittedFrom < open.count, open[uncommittedFrom].offset < commit {
      open[uncommittedFrom].due = now + deadline
      uncommittedFrom += 1
    }
  }

  /// The burst ends: what has gathered leaves, and is decided.
  public mutating func settle(_ ledger: HomeLedger, now: Int64, _ actions: inout [HomeAction]) {
    for lane in lanes.indices { send(lane, ledger, now: now, &actions) }
    let isHoldingBack = lanes.contains { $0.route.node != nil && $0.hasUnsent }
    while reviewedTo < uncommittedFrom {
      if open[reviewedTo].phase == .waiting {
        if isHoldingBack { giveUpHeldBack(reviewedTo, ledger) }
        if open[reviewedTo].awaited.isEmpty { isReady(reviewedTo) }
      }
      reviewedTo += 1
    }
    flush(ledger, now: now, &actions)
  }

  /// The map says who owns what.
  public mutating func routed(_ routes: [ExchangeRoute], _ ledger: HomeLedger) {
    if routes.count == lanes.count, zip(routes, lanes).allSatisfy({ $0.partition == $1.route.partition }) {
      for (index, route) in routes.enumerated() where route != lanes[index].route {
        // Whoever leads now may not have what was sent before.
        lanes[index].route = route
        lanes[index].sentCount = 0
        if !planted(.keepToldMark) { lanes[index].knownSettled = .zero }
      }
    } else {
      redistribute(routes, ledger)
    }
  }

  /// A partition has answered.
  public mutating func received(_ message: ContributionReplies, _ ledger: HomeLedger, now: Int64, _ actions: inout [HomeAction]) {
    guard message.home == partition else { return }
    let lane = lanes.firstIndex { $0.route.partition == message.target }
    switch message.result {
    case .fenced(let highest):
      if let lane, lanes[lane].route.epoch < highest { actions.append(.fetchMap) }
    case .unknownHome: actions.append(.fetchMap)
    case .unavailable: break
    case .replies(let replies):
      // Of the primary that leads: what another one had logged may have gone with it.
      if let lane, lanes[lane].route.epoch == message.targetEpoch {
        lanes[lane].knownSettled = max(lanes[lane].knownSettled, message.settled)
      }
      for reply in replies { take(reply, from: lane, ledger, now: now, &actions) }
    }
  }

  /// Time passes.
  public mutating func tick(_ ledger: HomeLedger, now: Int64, _ actions: inout [HomeAction]) {
    // They are due in their order.
    for place in 0..<uncommittedFrom {
      if open[place].due > now { break }
      if open[place].phase == .waiting { isReady(place) }
    }
    for lane in lanes.indices { sendAgain(lane, ledger, now: now, &actions) }
    settle(ledger, now: now, &actions)
    for lane in lanes.indices { tellSettled(lane, now: now, &actions) }
  }

  // MARK: Replies

  private mutating func take(
    _ reply: ContributionReplies.Reply, from lane: Int?, _ ledger: HomeLedger, now: Int64, _ actions: inout [HomeAction]
  ) {
    let offset = identified(reply.offset, back: true)
    guard let isDecided = ledger.isDecided(offset) else { return }
    if case .stale = reply.status {
      guard isDecided else {
        actions.append(.undecidedIsStale(offset, reply.slot))
        return
      }
      if planted(.staleIsNoAnswer) { return }
    }
    guard acknowledge(offset, reply.slot, from: lane, ledger) else { return }
    counts.answered += 1
    if isDecided {
      if !ledger.isLabel(offset) { counts.answeredLate += 1 }
      if acknowledged.isEmpty { acknowledgedSince = now }
      acknowledged.append(.init(offset: offset, slots: EntitySlots(reply.slot)))
      if planted(.lateReplyDecides) {
        actions.append(.decide([ReadyIntake(offset: offset, replies: [reply], owed: ledger.intake(offset)!.owed)]))
      }
      return
    }
    guard let place = place(offset) else { preconditionFailure("\(offset) is undecided, and not open") }
    open[place].awaited.remove(reply.slot)
    open[place].replies.append(.init(offset: offset, slot: reply.slot, status: reply.status))
    if open[place].awaited.isEmpty, open[place].phase == .waiting { isReady(place) }
  }

  /// Answers whether it had been owed: mostly to whom the reply is of, else to whoever has taken that one's place.
  private mutating func acknowledge(_ offset: Offset, _ slot: EntitySlot, from lane: Int?, _ ledger: HomeLedger) -> Bool {
    if let lane, lanes[lane].acknowledge(offset, slot) { return true }
    guard let intake = ledger.intake(offset), let owner = laneIndex(intake.key(slot)), owner != lane else { return false }
    return lanes[owner].acknowledge(offset, slot)
  }

  /// A full window makes an entity's features missing at once (X3).
  private mutating func giveUpHeldBack(_ place: Int, _ ledger: HomeLedger) {
    var awaited = open[place].awaited
    if !awaited.isEmpty, lanes.contains(where: { $0.route.node != nil && $0.isHeldBack(open[place].offset) }),
      let intake = ledger.intake(open[place].offset)
    {
      open[place].awaited.forEach { slot in
        if let lane = laneIndex(intake.key(slot)), lanes[lane].route.node != nil, lanes[lane].isHeldBack(intake.offset) {
          awaited.remove(slot)
          counts.heldBack += 1
          open[place].isHeldBack = true
        }
      }
      open[place].awaited = awaited
    }
  }

  private mutating func isReady(_ place: Int) {
    open[place].phase = .ready
    ready.append(open[place].offset)
  }

  /// What is to be logged.
  private mutating func flush(_ ledger: HomeLedger, now: Int64, _ actions: inout [HomeAction]) {
    if !ready.isEmpty {
      actions.append(.decide(ready.sorted().map { readyIntake($0, ledger) }))
      ready.removeAll(keepingCapacity: true)
    }
    if !acknowledged.isEmpty, acknowledged.count >= Self.acknowledgeMax || now - acknowledgedSince >= Self.acknowledgeAfter {
      actions.append(.logAcknowledged(AcknowledgedRecord(rows: acknowledged)))
      acknowledged.removeAll(keepingCapacity: true)
    }
  }

  private func readyIntake(_ offset: Offset, _ ledger: HomeLedger) -> ReadyIntake {
    guard let place = place(offset), let intake = ledger.intake(offset), !intake.isDecided else {
      preconditionFailure("\(offset) is ready, and not undecided in the ledger")
    }
    var owed = intake.owed
    for reply in open[place].replies { owed.remove(reply.slot) }
    return ReadyIntake(offset: offset, replies: open[place].replies, owed: owed, isHeldBack: open[place].isHeldBack)
  }

  // MARK: What has settled

  /// X3: every offset below has its contributions to the lane's partition acknowledged and its decision committed.
  private func settled(_ lane: ExchangeLane) -> Offset {
    var settled = lane.newest.map { $0 + 1 } ?? .zero
    // What has not committed may give way to another primary's entries: their intakes would pass for settled.
    if !planted(.settleBeyondCommit) { settled = min(settled, commit) }
    if let owed = lane.firstOwed, !planted(.settlePastUnacknowledged) { settled = min(settled, owed) }
    if let first = open.first?.offset, !planted(.settlePastUndecided) { settled = min(settled, first) }
    return settled
  }

  private mutating func dropDecided() {
    while uncommittedFrom > 0, let first = open.first, case .decided(let end) = first.phase, end <= commit {
      open.removeFirst()
      uncommittedFrom -= 1
      reviewedTo = max(0, reviewedTo - 1)
    }
  }

  // MARK: Sending

  private mutating func send(_ index: Int, _ ledger: HomeLedger, now: Int64, _ actions: inout [HomeAction]) {
    guard lanes[index].hasUnsent else { return }
    let settled = settled(lanes[index])
    var places: [Int] = []
    var place = lanes[index].sentCount
    while place < lanes[index].items.count {
      let item = lanes[index].items[place]
      guard item.offset < commit || planted(.sendBeforeIntakeCommits) else { break }  // X1
      guard ExchangeWindow.admits(item.offset, settled: settled, size: window) else { break }  // X3
      places.append(place)
      place += 1
    }
    send(places, index, ledger, settled: settled, now: now, &actions)
  }

  private mutating func sendAgain(_ index: Int, _ ledger: HomeLedger, now: Int64, _ actions: inout [HomeAction]) {
    var places: [Int] = []
    for place in 0..<min(lanes[index].sentCount, lanes[index].items.count) where places.count < Contributions.itemsMax {
      let item = lanes[index].items[place]
      if !item.owed.isEmpty, now - item.sentAt >= Self.resendAfter { places.append(place) }
    }
    send(places, index, ledger, settled: settled(lanes[index]), now: now, &actions)
  }

  /// Batches of one bundle each (X6), bounded by their number of items and their size.
  private mutating func send(
    _ places: [Int], _ index: Int, _ ledger: HomeLedger, settled: Offset, now: Int64, _ actions: inout [HomeAction]
  ) {
    guard let node = lanes[index].route.node, !places.isEmpty else { return }
    var message = message(index, settled: settled)
    var bytes = 0
    for place in places {
      let item = lanes[index].items[place]
      if item.sentAt == .min { counts.sent += item.owed.count } else { counts.sentAgain += item.owed.count }
      lanes[index].sent(place, now: now)
      guard !item.owed.isEmpty, let intake = ledger.intake(item.offset) else { continue }
      let bundle = bundles[Int(intake.bundle)]
      let next = ContributionItem(
        offset: identified(item.offset, back: false), slots: item.owed, transaction: intake.transaction, label: intake.label)
      let isFull = message.items.count == Contributions.itemsMax || bytes + next.encodedSize > Contributions.bytesMax
      if isFull || bundle != message.bundle, !message.items.isEmpty {
        actions.append(.send(message, to: node))
        message.items.removeAll(keepingCapacity: true)
        bytes = 0
      }
      message.bundle = bundle
      message.items.append(next)
      bytes += next.encodedSize
    }
    lanes[index].toldAt = now
    if !message.items.isEmpty { actions.append(.send(message, to: node)) }
  }

  /// So that the other forgets, also when nothing more comes.
  private mutating func tellSettled(_ index: Int, now: Int64, _ actions: inout [HomeAction]) {
    guard let node = lanes[index].route.node else { return }
    let settled = settled(lanes[index])
    let toldAt = lanes[index].toldAt
    guard settled > lanes[index].knownSettled, toldAt.map({ now - $0 >= Self.settledAfter }) ?? true else { return }
    lanes[index].toldAt = now
    actions.append(.send(message(index, settled: settled), to: node))
  }

  private func message(_ index: Int, settled: Offset) -> Contributions {
    let route = lanes[index].route
    return Contributions(
      home: partition, homeEpoch: epoch, target: route.partition, targetEpoch: route.epoch, sender: me.node,
      senderIncarnation: me.incarnation, settled: settled, bundle: bundles.last ?? .none, items: [])
  }

  /// The offset that names a contribution: always the intake's (X1).
  private func identified(_ offset: Offset, back: Bool) -> Offset {
    guard planted(.identityOfPrimary), epoch > Epoch(1) else { return offset }
    return back ? Offset(max(offset.rawValue, 1) - 1) : offset + 1
  }

  // MARK: Lanes

  private static func lanes(_ routes: [ExchangeRoute], newest: Offset?) -> [ExchangeLane] {
    if !routes.isEmpty { return routes.map { ExchangeLane($0, newest: newest) } }
    // Nothing is known yet: all is owed to somebody.
    let all = KeyRange(first: KeyHash(0), last: KeyHash(.max))
    return [ExchangeLane(ExchangeRoute(partition: PartitionID(.max), range: all, epoch: .none, node: nil), newest: newest)]
  }

  private mutating func owe(_ intake: HomeLedger.Intake, _ slots: EntitySlots) {
    slots.forEach { slot in
      if let lane = laneIndex(intake.key(slot)) { lanes[lane].owe(intake.offset, EntitySlots(slot)) }
    }
  }

  /// Everything owed goes to whoever has the keys now. What is settled with the new ones: at most what was newest with any.
  private mutating func redistribute(_ routes: [ExchangeRoute], _ ledger: HomeLedger) {
    var owed: [Offset: EntitySlots] = [:]
    for lane in lanes { for item in lane.items { owed[item.offset, default: []].formUnion(item.owed) } }
    lanes = Self.lanes(routes, newest: lanes.compactMap(\.newest).max())
    for (offset, slots) in owed.sorted(by: { $0.key < $1.key }) where !slots.isEmpty {
      guard let intake = ledger.intake(offset) else { continue }
      owe(intake, slots)
    }
  }

  private func laneIndex(_ key: KeyHash) -> Int? {
    var low = 0
    var high = lanes.count
    while low < high {
      let middle = (low + high) / 2
      if lanes[middle].route.range.last < key { low = middle + 1 } else { high = middle }
    }
    return low < lanes.count && lanes[low].route.range.contains(key) ? low : nil
  }

  private func place(_ offset: Offset) -> Int? {
    var low = open.startIndex
    var high = open.endIndex
    while low < high {
      let middle = (low + high) / 2
      if open[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low < open.endIndex && open[low].offset == offset ? low : nil
  }
}
