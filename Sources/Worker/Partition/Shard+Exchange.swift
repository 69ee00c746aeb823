import Models
import Wire

/// The exchange between partitions (X1-X5), a shard's part: whose turn it is to send what, what comes from others, and what
/// of it is logged. The rules are those of `HomeExchange` and `EntityExchange`.
extension Shard {
  /// A home that has been asked to drain takes nothing in for this long after the last time it was asked; ms.
  static let drainMilliseconds: Int64 = 500

  /// A new map of all partitions, also those of other shards.
  public func routed(_ map: ClusterMap, now: Int64) {
    guard map.version > routesVersion else { return }
    routesVersion = map.version
    routes = map.partitions.map { ExchangeRoute(partition: $0.id, range: $0.range, epoch: $0.epoch, node: $0.primary?.node) }
    homes = Set(map.partitions.map(\.id))
    for partition in partitions.values.sorted(by: { $0.id < $1.id }) {
      guard let exchange = partition.exchange else { continue }
      exchange.home.routed(routes, partition.state.home)
      exchangeIsDue(partition)
    }
  }

  /// Contributions to a partition of this shard.
  public func received(_ message: Contributions, now: Int64) {
    guard let partition = partitions[message.target], partition.replica.isServing, partition.state.seal == nil, partition.pause == nil,
      partition.state.bundle != nil
    else { return refuse(message) }
    if !message.items.isEmpty, !partition.state.knows(message.bundle) {
      // The home has switched, and this partition has not yet.
      guard bundles[message.bundle] != nil else {
        output.neededBundles.append(message.bundle)
        return refuse(message)
      }
      prepareBundle(partition, message.bundle, now: now)
    }
    let exchange = exchange(of: partition, now: now)
    // What is over the bound comes again.
    guard exchange.inbox.count < EntityExchange.waitingMax else { return }
    exchange.inbox.append(message)
    exchangeIsDue(partition)
  }

  /// Of one entry with contributions, where they are of several messages; one message is always whole.
  private static let contributionBytesMax = 4 << 20

  /// A burst's contributions, as one entry: nothing else is logged between the first that is applied and that.
  private func takeContributions(_ partition: Partition, _ exchange: PartitionExchange, now: Int64) {
    guard !exchange.inbox.isEmpty else { return }
    let messages = exchange.inbox
    exchange.inbox.removeAll(keepingCapacity: true)
    guard partition.state.seal == nil, partition.pause == nil else { return messages.forEach(refuse) }
    var records: [ContributionsRecord] = []
    var bytes = 0
    for message in messages {
      // Before the next one is taken: its answer waits for the end of the entry that it is in.
      if !records.isEmpty, bytes + message.encodedSize > Self.contributionBytesMax {
        logContributions(&records, &bytes, partition, now: now)
      }
      let standing = EntityExchange.HomeStanding(map: routesVersion, isPresent: homes.contains(message.home))
      let record = exchange.entities.received(
        message, partition.state.accounts, home: standing, next: partition.replica.log.end, &exchange.entityActions)
      guard let record else { continue }
      if records.isEmpty { partition.state.advance(to: ownTime(of: partition, now: now)) }
      partition.state.contribute(record, end: partition.replica.log.end + 1)
      records.append(record)
      bytes += record.encodedSize
    }
    if !records.isEmpty { logContributions(&records, &bytes, partition, now: now) }
    exchange.entities.logged(partition.state.accounts, &exchange.entityActions)
  }

  private func logContributions(_ records: inout [ContributionsRecord], _ bytes: inout Int, _ partition: Partition, now: Int64) {
    log(partition, .contributions, now: now) { for record in records { record.write(to: &$0) } }
    records.removeAll(keepingCapacity: true)
    bytes = 0
  }

  private func refuse(_ message: Contributions) {
    let reply = ContributionReplies(
      home: message.home, homeEpoch: message.homeEpoch, target: message.target, targetEpoch: message.targetEpoch, sender: me.node,
      senderIncarnation: me.incarnation, settled: .zero, result: .unavailable)
    output.contributionReplies.append((reply, to: message.sender))
  }

  /// Another partition's answer to one of this shard.
  public func received(_ message: ContributionReplies, now: Int64) {
    guard let partition = partitions[message.home], let exchange = partition.exchange else { return }
    exchange.home.received(message, partition.state.home, now: now, &exchange.homeActions)
    exchangeIsDue(partition)
  }

  /// Time passes: deadlines, and what is to be sent again.
  public func tickExchanges(now: Int64) {
    for partition in partitions.values.sorted(by: { $0.id < $1.id }) where partition.replica.isServing {
      // A new primary has what its predecessors left open, and tells others what has settled.
      guard partition.exchange != nil || partition.state.mayExchange else { continue }
      let exchange = exchange(of: partition, now: now)
      exchange.home.tick(partition.state.home, now: now, &exchange.homeActions)
      exchangeCounts += exchange.home.takeCounts()
      forgetHomes(partition, now: now)
      exchangeIsDue(partition)
    }
  }

  /// X5: homes that no map has any more.
  private func forgetHomes(_ partition: Partition, now: Int64) {
    guard partition.state.seal == nil, partition.pause == nil, !partition.state.accounts.isEmpty else { return }
    let gone = partition.state.accounts.forgettable(absentFrom: { homes.contains($0) }, map: routesVersion)
    guard !gone.isEmpty else { return }
    partition.state.advance(to: ownTime(of: partition, now: now))
    partition.state.accounts.forget(gone, map: routesVersion)
    log(partition, .forgotten, now: now) { ForgottenRecord(map: routesVersion, homes: gone).write(to: &$0) }
  }

  /// X5: whether the partition owes nothing and nothing of it is undecided. From the first time it is asked on it takes
  /// nothing in, so that it comes to that.
  func isDrained(_ partition: Partition, now: Int64) -> Bool {
    guard partition.exchange != nil || !partition.state.home.isEmpty else { return true }
    partition.drainsUntil = now + Self.drainMilliseconds
    return exchange(of: partition, now: now).home.isDrained && partition.state.home.isEmpty
  }

  /// Whether anything waits for an answer or a deadline.
  public var hasOpenIntakes: Bool { partitions.values.contains { $0.exchange != nil && !$0.state.home.isEmpty } }

  // MARK: The volatile part

  /// Of this epoch; the partition serves.
  func exchange(of partition: Partition, now: Int64) -> PartitionExchange {
    if let exchange = partition.exchange { return exchange }
    let epoch = partition.replica.primaryEpoch!
    let exchange = PartitionExchange(
      home: HomeExchange(
        partition: partition.id, epoch: epoch, me: me, deadline: exchangeOptions.deadline, window: exchangeOptions.window,
        ledger: partition.state.home,
        bundles: partition.state.bundles.map(\.id), commit: partition.replica.commit, routes: routes, now: now),
      entities: EntityExchange(partition: partition.id, range: partition.range, epoch: epoch, me: me))
    partition.exchange = exchange
    return exchange
  }

  /// The partition is no primary any more: whoever leads next has the log.
  func endExchange(_ partition: Partition) {
    guard let exchange = partition.exchange else { return }
    partition.exchange = nil
    exchangeCounts += exchange.home.takeCounts()
    for offset in exchange.waiting.keys.sorted() { for row in exchange.waiting[offset]! { fail(row.request, partition.id) } }
  }

  /// Something has committed.
  func committedExchange(_ end: Offset, _ partition: Partition, now: Int64) {
    guard let exchange = partition.exchange else { return }
    exchange.home.committed(end, now: now)
    exchangeIsDue(partition)
  }

  private func exchangeIsDue(_ partition: Partition) {
    guard let exchange = partition.exchange, !exchange.isDue else { return }
    exchange.isDue = true
    exchangeDue.append(partition)
  }

  /// The shell's burst ends: carries out what has gathered in it. What is logged thereby may commit at once, and more gather.
  public func settleExchanges(now: Int64) {
    while let partition = exchangeDue.popLast() {
      guard let exchange = partition.exchange else { continue }
      exchange.isDue = false
      guard partition.replica.isServing else { continue }
      takeContributions(partition, exchange, now: now)
      // What it has logged may have ended the epoch here.
      guard partition.exchange === exchange else { continue }
      exchange.home.settle(partition.state.home, now: now, &exchange.homeActions)
      exchange.entities.settle(partition.replica.commit, &partition.state.accounts, &exchange.entityActions)
      for action in exchange.takeHomeActions() { carryOut(action, partition, exchange, now: now) }
      for action in exchange.takeEntityActions() {
        switch action {
        case .reply(let replies, let node): output.contributionReplies.append((replies, to: node))
        case .fetchMap: output.fetchMap = true
        }
      }
    }
  }

  private func carryOut(_ action: HomeAction, _ partition: Partition, _ exchange: PartitionExchange, now: Int64) {
    switch action {
    case .send(let message, let node): output.contributions.append((message, to: node))
    case .decide(let rows): decideLater(rows, partition, exchange, now: now)
    case .logAcknowledged(let record):
      guard partition.state.seal == nil else { return }
      partition.state.advance(to: ownTime(of: partition, now: now))
      for row in record.rows { partition.state.home.acknowledge(row.offset, row.slots) }
      log(partition, .acknowledged, now: now) { record.write(to: &$0) }
    case .fetchMap: output.fetchMap = true
    case .undecidedIsStale(let offset, let slot):
      output.fatal = .unreadable(
        partition.id, offset, "another partition calls the contribution to its \(slot) settled, and it is not decided here")
    }
  }

  /// An entry of `count` offsets.
  func log(_ partition: Partition, _ kind: LogRecord.Kind, count: Int = 1, now: Int64, _ write: (inout WireWriter) -> Void) {
    var out = WireWriter()
    write(&out)
    let payload = out.bytes
    append(partition, kind: kind, count: count, payloadSize: payload.count, loggedTime: partition.state.loggedTime, now: now) {
      $0.copyBytes(from: payload)
    }
  }
}
