@testable import Wire

@testable import Worker

/// One replica: the real core, its log, and what of it would survive a crash.
struct Node {
  /// What the disk sees, in order.
  enum Write: Equatable {
    case entry(Entry)
    case truncate(Offset)
  }

  var replica: Replica
  /// The log as the process has it.
  var log: [Entry] = []
  /// The log as a restart would find it, and what its commit marks prove.
  var disk: [Entry] = []
  var diskCommit = Offset.zero
  /// Written and not synced: a crash keeps a prefix.
  var pending: [Write] = []
  /// Persisted role facts (R2, R3).
  var persistedEpoch = Epoch.none
  var persistedRecord: PartitionRecord?

  init(_ member: Member, durability: Durability) {
    replica = Replica(partition: Fixed.partition, me: member)
    replica.minInSync = Fixed.minInSync
    replica.durability = durability
  }

  var isPrimary: Bool { replica.primaryEpoch != nil }

  /// Whether the log begins with `entries`, and, if `durably`, would do so after any crash.
  func holds(_ entries: [Entry], durably: Bool) -> Bool {
    guard log.starts(with: entries) else { return false }
    guard durably else { return true }
    return (0...pending.count).allSatisfy { kept in
      var later = self
      _ = later.settle(kept)
      return later.disk.starts(with: entries)
    }
  }

  // MARK: Disk

  /// Makes the first `count` writes durable. Returns what is wrong with them.
  mutating func settle(_ count: Int) -> String? {
    for write in pending.prefix(count) {
      switch write {
      case .entry(let entry):
        disk.append(entry)
        diskCommit = max(diskCommit, min(Offset(UInt64(entry.mark)), disk.end))
      case .truncate(let offset):
        if offset < diskCommit { return "R8: the log on disk is cut at \(offset), below the commit mark \(diskCommit)" }
        disk = disk.prefix(below: offset)
      }
    }
    pending.removeFirst(count)
    return nil
  }

  /// The process dies, having written the first `kept` of what it had not synced, and starts anew.
  mutating func restart(keeping kept: Int) -> String? {
    let problem = settle(kept)
    pending = []
    log = disk
    let (minInSync, durability) = (replica.minInSync, replica.durability)
    let old = replica.me
    replica = Replica(
      partition: Fixed.partition, me: Member(node: old.node, storage: old.storage, incarnation: Incarnation(old.incarnation.rawValue + 1)),
      log: disk.table, commit: diskCommit, highestEpoch: persistedEpoch, record: persistedRecord)
    replica.minInSync = minInSync
    replica.durability = durability
    return problem
  }

  // MARK: Time

  /// What of the core's clockwork makes no difference is made equal: whether a follower is due or silent is chosen by the
  /// search at each tick, because no time between two steps can be ruled out.
  mutating func forgetTimes() {
    guard case .primary(var primary) = replica.role else { return }
    for index in primary.followers.indices {
      primary.followers[index].lastHeard = Fixed.now
      primary.followers[index].lastProgress = Fixed.now
      if primary.followers[index].lastSent != 0 { primary.followers[index].lastSent = Fixed.now }
    }
    primary.lastTick = Fixed.now
    replica.role = .primary(primary)
  }

  enum Silence: UInt32 {
    /// Its heartbeat is due.
    case none
    /// It has not been heard for some heartbeats.
    case some
    /// It has not been heard for so long that its removal is asked for.
    case long
  }

  /// The core's tick at a time at which only `follower` calls for something.
  mutating func tick(_ follower: Int, _ silence: Silence, _ actions: inout [ReplicaAction]) {
    guard case .primary(var primary) = replica.role,
      let index = primary.followers.firstIndex(where: { $0.node == Fixed.id(follower) })
    else { return }
    switch silence {
    case .none: primary.followers[index].lastSent = Fixed.now - Replica.heartbeatInterval
    case .some:
      primary.followers[index].lastSent = Fixed.now - Replica.heartbeatInterval
      primary.followers[index].lastHeard = Fixed.now - 4 * Replica.heartbeatInterval - 1
    case .long: primary.followers[index].lastHeard = Fixed.now - Replica.followerSilenceMax - 1
    }
    replica.role = .primary(primary)
    replica.tick(now: Fixed.now, &actions)
  }

  // MARK: Key

  /// Everything that what this replica does next can depend on.
  var key: [UInt8] {
    var out = WireWriter()
    replica.me.write(to: &out)
    write(log, to: &out)
    write(disk, to: &out)
    out.write(diskCommit.rawValue)
    out.write(UInt8(pending.count))
    for write in pending {
      switch write {
      case .entry(let entry):
        out.write(UInt8(0))
        entry.write(to: &out)
      case .truncate(let offset):
        out.write(UInt8(1))
        out.write(offset.rawValue)
      }
    }
    out.write(persistedEpoch.rawValue)
    out.write(optional: persistedRecord)
    writeReplica(to: &out)
    return out.bytes
  }

  private func write(_ entries: [Entry], to out: inout WireWriter) {
    out.write(UInt8(entries.count))
    for entry in entries { entry.write(to: &out) }
  }

  private func writeReplica(to out: inout WireWriter) {
    for offset in [replica.durableEnd, replica.commit] { out.write(offset.rawValue) }
    for epoch in [replica.highestEpoch, replica.lastAssumed] { out.write(epoch.rawValue) }
    out.write(optional: replica.record)
    switch replica.role {
    case .follower(let matched, let primary):
      out.write(UInt8(0))
      out.write(matched.rawValue)
      out.write(primary?.rawValue ?? 0)
    case .primary(let primary):
      out.write(UInt8(1))
      out.write(primary.epoch.rawValue)
      out.write(primary.startEnd?.rawValue ?? 0)
      primary.view.write(to: &out)
      out.write(optional: primary.proposed)
      out.write(UInt8(primary.removalAsked ? 1 : 0))
      for follower in primary.followers {
        out.write(follower.node.rawValue)
        out.write(optional: follower.member)
        for offset in [follower.matched, follower.next] { out.write(offset.rawValue) }
        out.write(UInt8((follower.isProbing ? 1 : 0) | (follower.lastSent == 0 ? 2 : 0)))
      }
    }
    // What the core has gained since this was written; slow, and right.
    for label in Self.otherFields { out.write(Self.describe(replica, label)) }
  }

  /// Stored properties of `Replica`, its primary and its followers that `writeReplica` does not know, by name.
  nonisolated(unsafe) private static var otherFields: [String] = []

  static func lookForOtherFields() {
    func labels(_ value: Any) -> [String] { Mirror(reflecting: value).children.compactMap(\.label) }
    let known: Set = [
      "partition", "me", "log", "logStart", "durableEnd", "commit", "highestEpoch", "record", "role", "durability", "minInSync",
      "lastAssumed", "limping",
    ]
    let knownOfRole: Set = [
      "epoch", "startEnd", "view", "proposed", "removalAsked", "followers", "node", "member", "matched", "next", "isProbing", "lastHeard",
      "lastSent", "lastProgress", "lastTick",
    ]
    let follower = Replica.Follower(node: Fixed.id(1), next: .zero, lastHeard: 0, lastProgress: 0, lastSent: 0)
    let view = CoordinatorState.first([0]).record
    let primary = Replica.Primary(epoch: Epoch(1), startEnd: nil, view: view, followers: [], lastTick: 0)
    otherFields = labels(Replica(partition: Fixed.partition, me: Fixed.member(0))).filter { !known.contains($0) }
    if (labels(follower) + labels(primary)).contains(where: { !knownOfRole.contains($0) }) { otherFields.append("role") }
    if !otherFields.isEmpty { print("of the core's state, Node.key writes these by reflection: \(otherFields.joined(separator: ", "))") }
  }

  private static func describe(_ replica: Replica, _ label: String) -> String {
    Mirror(reflecting: replica).children.first { $0.label == label }.map { "\($0.value)" } ?? ""
  }
}
