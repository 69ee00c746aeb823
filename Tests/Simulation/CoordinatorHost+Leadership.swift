import Wire

@testable import Coordinator
@testable import Wire

/// Leading and standing by, as the product's `EtcdAuthority` and `CoordinatorServer` do it.
extension CoordinatorHost {
  private static let grace: Int64 = 2_000

  func lookForLeader() {
    let life = process.incarnation
    guard term == nil else { return }
    ask(life) { [unowned self] in
      let found = store.leader(at: world.now)
      let won = found == nil ? store.campaign(self, lease: cluster.plan.coordinatorLease, now: world.now) : nil
      return { [unowned self] in
        if let won { lead(won) } else if let found { follow(found.host, found.term) }
        world.after(.milliseconds(200), process) { [unowned self] in lookForLeader() }
      }
    }
  }

  private func lead(_ number: UInt64) {
    guard term == nil, let state = state() else { return }
    world.note("leads, term \(number)")
    cluster.counts.leaderships += 1
    watch?.close()
    watch = nil
    leader = nil
    following = 0
    for link in links.values.sorted(by: { $0.session < $1.session }) where link.role == .client {
      link.link?.close(Failure(.unavailable, "a coordinator has been elected: connect again"))
    }
    confirmed = world.now
    term = Term(number: number, core: CoordinatorCore(state, cluster.plan.policy, now: now + Self.grace))
    take(.tick)
    keepAlive(number)
  }

  private func keepAlive(_ number: UInt64) {
    guard term?.number == number else { return }
    let asked = world.now
    if world.now - confirmed > cluster.plan.coordinatorLease + .seconds(1) { return standBy(nil) }
    ask(process.incarnation) { [unowned self] in
      let isRenewed = store.renew(number, lease: cluster.plan.coordinatorLease, now: world.now)
      return { [unowned self] in
        guard term?.number == number else { return }
        if isRenewed { confirmed = max(confirmed, asked) } else { standBy(nil) }
      }
    }
    world.after(cluster.plan.coordinatorLease / 4, process) { [unowned self] in keepAlive(number) }
  }

  private func follow(_ host: CoordinatorHost, _ number: UInt64) {
    guard term == nil, number != following, host !== self else { return }
    following = number
    standBy(host)
    watch?.close()
    watch = LeaderWatch(host.process.address, on: loop, tls: nil, identity: identity, options: cluster.linkOptions) {
      [unowned self] isDead in
      guard isDead, process.isAlive else { return }
      ask(process.incarnation) { [unowned self] in
        store.revoke(number)
        return {}
      }
    }
    watch?.start()
  }

  func standBy(_ leader: CoordinatorHost?) {
    self.leader = leader
    if let term {
      world.note("does not lead any more")
      lastMap = term.core.state.map
      self.term = nil
      following = 0
      world.after(.milliseconds(10), process) { [unowned self] in lookForLeader() }
    }
    for link in links.values.sorted(by: { $0.session < $1.session }) where !mayStay(link) { sendOn(link) }
  }

  func mayStay(_ peer: Peer) -> Bool {
    peer.role == .coordinator || peer.role == .client && leader == nil && lastMap != nil
  }

  func tickStandingBy() {
    ticks += 1
    guard ticks % 100 == 0 else { return }
    for link in links.values.sorted(by: { $0.session < $1.session }) where link.role == .client { sendOn(link) }
  }

  func answerStandingBy(_ session: SessionID, _ correlation: UInt64, _ request: CoordinatorRequest) {
    guard let link = links[session] else { return }
    switch request {
    case .map, .watch:
      if mayStay(link), let lastMap { return link.send(.map(lastMap), correlation) }
      sendOn(link)
    default: sendOn(link)
    }
  }

  func sendOn(_ peer: Peer) {
    if let leader { peer.link?.send(LeaderHint(address: leader.process.address), correlation: 0) }
    peer.link?.close(Failure(.notLeader, "this coordinator does not lead: ask there"))
  }
}
